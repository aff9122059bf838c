/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What pool-under-test, the build of this plugin that is never installed,
 * knows more than the plugin: the devices volatile(...) and faulty(...) in
 * device texts, so that shell tests can serve a pool on a disk that loses
 * power or fails.
 *
 *   faulty(DEVICE,OP=N[+][:WHAT],...[,armed=PATH])
 *
 * The N-th call of OP (read write flush trim zero any), with + every later
 * one too, does WHAT:
 *
 *   ERRNO     fails with it, and does nothing; EIO if nothing is said
 *   slow:MS   takes MS milliseconds longer
 *   lie       reports success, and does nothing
 *
 * Calls are counted from the opening or, with armed=, from the first call
 * after PATH has come into being.
 */

#include <config.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "devices-test.h"
#include "face.h"

#define MAX_RULES 8

/* One faulty(...); lives as long as the process, as its device does. */
struct faults {
  struct vdev *device;
  struct faulty_rule rules[MAX_RULES];
  size_t nrules;
  char *path;                   /* armed=; NULL = at once */
  _Atomic bool armed;
};

static const struct { const char *name; enum faulty_op op; } ops[] = {
  { "read", FAULTY_READ }, { "write", FAULTY_WRITE },
  { "flush", FAULTY_FLUSH }, { "trim", FAULTY_TRIM },
  { "zero", FAULTY_ZERO }, { "any", FAULTY_ANY },
};

static const struct { const char *name; int value; } errors[] = {
  { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "ETIMEDOUT", ETIMEDOUT },
  { "EBADMSG", EBADMSG }, { "ESTALE", ESTALE }, { "EINVAL", EINVAL },
  { "ECONNRESET", ECONNRESET }, { "ENOMEM", ENOMEM }, { "EROFS", EROFS },
};

static void
slow_down (void *opaque)
{
  const struct faulty_rule *rule = opaque;
  struct timespec ts = { .tv_sec = (time_t) (rule->bit / 1000),
                         .tv_nsec = (long) (rule->bit % 1000 * 1000000) };

  nanosleep (&ts, NULL);
}

static void
arm (struct faults *f)
{
  size_t i;

  faulty_clear (f->device);
  for (i = 0; i < f->nrules; ++i)
    if (faulty_add (f->device, &f->rules[i]) < 0)
      abort ();
}

static void
arm_when_told (void *opaque)
{
  struct faults *f = opaque;

  if (access (f->path, F_OK) == 0 && !atomic_exchange (&f->armed, true))
    arm (f);
}

static int
parse_what (const char *what, struct faulty_rule *rule)
{
  size_t i;

  if (strcmp (what, "lie") == 0) {
    rule->action = FAULTY_SHORT;
    return 0;
  }
  if (strncmp (what, "slow:", 5) == 0) {
    rule->action = FAULTY_HOOK;
    rule->hook = slow_down;
    rule->bit = strtoull (what + 5, NULL, 10);
    return 0;
  }
  for (i = 0; i < BASE_ARRAY_SIZE (errors); ++i)
    if (strcmp (what, errors[i].name) == 0) {
      rule->action = FAULTY_FAIL;
      rule->error = errors[i].value;
      return 0;
    }
  return base_fail (EINVAL, "faulty: '%s' is no error", what);
}

/* OP=N[+][:WHAT] */
static int
parse_rule (const char *arg, struct faulty_rule *rule)
{
  size_t i, n = strcspn (arg, "=");
  char *end;

  memset (rule, 0, sizeof *rule);
  for (i = 0; i < BASE_ARRAY_SIZE (ops); ++i)
    if (strlen (ops[i].name) == n && strncmp (arg, ops[i].name, n) == 0)
      break;
  if (i == BASE_ARRAY_SIZE (ops) || arg[n] != '=')
    return base_fail (EINVAL, "faulty: not a rule: '%s'", arg);
  rule->op = ops[i].op;
  rule->nth = strtoull (arg + n + 1, &end, 10);
  if (*end == '+') {
    rule->sticky = true;
    end++;
  }
  if (rule->nth == 0 || (*end != '\0' && *end != ':'))
    return base_fail (EINVAL, "faulty: not a rule: '%s'", arg);
  return *end == ':' ? parse_what (end + 1, rule) : 0;
}

static int
parse_faults (char **args, size_t nargs, struct faults *f)
{
  size_t i;
  int r;

  for (i = 1; i < nargs; ++i) {
    if (strncmp (args[i], "armed=", 6) == 0) {
      f->path = base_strdup (args[i] + 6);
      if (f->path == NULL)
        return -ENOMEM;
      continue;
    }
    if (f->nrules == MAX_RULES)
      return base_fail (EINVAL, "faulty: too many rules");
    r = parse_rule (args[i], &f->rules[f->nrules]);
    if (r < 0)
      return r;
    f->rules[f->nrules].opaque = &f->rules[f->nrules];
    f->nrules++;
  }
  return 0;
}

static void
free_faults (struct faults *f)
{
  free (f->path);
  free (f);
}

static int
open_faulty (char **args, size_t nargs, uint32_t flags, struct vdev **ret)
{
  struct faulty_rule wait = {
    .op = FAULTY_ANY, .action = FAULTY_HOOK, .nth = 1, .sticky = true,
    .hook = arm_when_told,
  };
  struct faults *f = base_calloc (1, sizeof *f);
  struct vdev *child;
  int r;

  if (f == NULL)
    return -ENOMEM;
  if (nargs == 0)
    r = base_fail (EINVAL, "faulty: needs a device");
  else
    r = parse_faults (args, nargs, f);
  if (r == 0)
    r = vdev_open (args[0], flags, &child);
  if (r < 0) {
    free_faults (f);
    return r;
  }
  r = faulty_open (child, &f->device);
  if (r < 0) {
    vdev_unref (child);
    free_faults (f);
    return r;
  }
  *ret = f->device;
  if (f->path == NULL) {
    arm (f);
    return 0;
  }
  wait.opaque = f;
  return faulty_add (f->device, &wait);
}

int
face_under_test_register (void)
{
  static const struct vdev_opener opener = { "faulty", open_faulty };
  int r = devices_test_register ();

  return r < 0 ? r : vdev_register (&opener);
}
