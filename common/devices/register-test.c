/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the opener knows of the devices for tests:
 *
 *   volatile(DEVICE[,seed=N][,early=PERCENT])
 */

#include <config.h>

#include "devices-test.h"

/* "NAME=NUMBER" with NUMBER at most MAX. */
static bool
parse_option (const char *arg, const char *name, uint64_t max,
              uint64_t *value)
{
  const size_t n = strlen (name);
  uint64_t size;

  if (strncmp (arg, name, n) != 0 || arg[n] != '=')
    return false;
  if (base_parse_size (name, arg + n + 1, &size) < 0 || size > max)
    return false;
  *value = size;
  return true;
}

static int
open_volatile (char **args, size_t nargs, uint32_t flags, struct vdev **ret)
{
  uint64_t seed = 1, early = 10;
  struct vdev *child;
  size_t i;
  int r;

  if (nargs == 0)
    return base_fail (EINVAL, "volatile: needs a device");
  for (i = 1; i < nargs; ++i) {
    if (!parse_option (args[i], "seed", INT64_MAX, &seed) &&
        !parse_option (args[i], "early", 100, &early))
      return base_fail (EINVAL, "volatile: not an option: '%.64s'", args[i]);
  }
  r = vdev_open (args[0], flags, &child);
  if (r < 0)
    return r;
  r = volatile_open (child, seed, (unsigned) early, ret);
  if (r < 0)
    vdev_unref (child);
  return r;
}

int
devices_test_register (void)
{
  static const struct vdev_opener opener = { "volatile", open_volatile };

  return vdev_register (&opener);
}
