/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the opener knows of these devices:
 *
 *   file:PATH   file(PATH,direct=BOOL)   mem:SIZE
 *   slice(DEVICE,OFFSET[,LENGTH])
 */

#include <config.h>

#include "devices.h"

static int
open_file (char **args, size_t nargs, uint32_t flags, struct vdev **ret)
{
  bool direct = false;
  int r;

  if (nargs < 1 || nargs > 2 || args[0][0] == '\0'
      || (nargs == 2 && strncmp (args[1], "direct=", 7) != 0))
    return base_fail (EINVAL, "file: needs a path, and takes direct=BOOL");
  if (nargs == 2) {
    r = base_parse_bool ("file: direct", args[1] + 7, &direct);
    if (r < 0)
      return r;
  }
  return devices_file_open (args[0], flags | (direct ? VDEV_OPEN_DIRECT : 0),
                            ret);
}

static int
open_mem (char **args, size_t nargs, uint32_t flags, struct vdev **ret)
{
  uint64_t size;
  int r;

  if (nargs != 1)
    return base_fail (EINVAL, "mem: needs one size");
  r = base_parse_size ("mem", args[0], &size);
  if (r == 0)
    r = devices_mem_open (size, ret);
  if (r == 0 && (flags & VDEV_OPEN_RO))
    (*ret)->info.caps = VDEV_RO | VDEV_EXTENTS | VDEV_MULTI_CONN;
  return r;
}

static int
open_slice (char **args, size_t nargs, uint32_t flags, struct vdev **ret)
{
  uint64_t offset, length = 0;
  struct vdev *child;
  int r;

  if (nargs != 2 && nargs != 3)
    return base_fail (EINVAL, "slice: needs a device, an offset and a length");
  r = base_parse_size ("slice: offset", args[1], &offset);
  if (r == 0 && nargs == 3)
    r = base_parse_size ("slice: length", args[2], &length);
  if (r == 0)
    r = vdev_open (args[0], flags, &child);
  if (r < 0)
    return r;
  r = devices_slice_open (child, offset, length, ret);
  if (r < 0)
    vdev_unref (child);
  return r;
}

int
devices_register (void)
{
  static const struct vdev_opener openers[] = {
    { "file", open_file },
    { "mem", open_mem },
    { "slice", open_slice },
  };
  size_t i;
  int r = 0;

  for (i = 0; r == 0 && i < BASE_ARRAY_SIZE (openers); ++i)
    r = vdev_register (&openers[i]);
  return r;
}
