/* SPDX-License-Identifier: BSD-3-Clause
 *
 * init: the one verb that needs no pool, and so never goes to a server.
 *
 * A pool in a new file is made under a passing name and appears whole
 * (new-file.c).  What exists already, an empty file or a device, is made a
 * pool in place, under its lock, and is never removed: it need not be ours.
 *
 * Somebody else may be making the same pool, here or as `nbdkit pool
 * create=`.  While it has no owner and its lock is held nobody can say
 * whether it will be one, so that is waited for, as other verbs wait for a
 * pool's owner.
 */

#include <config.h>

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "command.h"
#include "devices.h"
#include "pool.h"

#define RETRY_MS 50
#define POOL_MAX (UINT64_C (64) << 50)
#define AGAIN 1                 /* somebody was faster: look again */

struct init {
  const struct command *c;
  const char *path;             /* NULL: POOL is a device of another kind */
  struct pool_format_options options;
  bool is_pool;                 /* with EEXIST: what is there is a pool */
  bool not_opened;              /* what is there is nothing to make a pool of */
};

static int
is_a_pool (struct init *s)
{
  s->is_pool = true;
  return base_fail (EEXIST, "exists already; a pool is never overwritten");
}

/* The backing cannot be locked.  A pool is whole if others only read it, or
 * if its owner has put its name there; else it may be in the making.
 */
static int
init_busy (struct init *s)
{
  CLEANUP_FREE char *text = base_strdup (base_error_text ());
  CLEANUP_VDEV struct vdev *d = NULL;
  enum pool_probe_result found;
  struct pool_owner owner;
  int r;

  r = vdev_open (s->c->pool, VDEV_OPEN_RO, &d);
  if (r < 0) {
    r = vdev_open (s->c->pool, VDEV_OPEN_RO | VDEV_OPEN_NOLOCK, &d);
    if (r == 0)
      r = pool_read_owner (d, &owner);
  }
  if (r == 0 && pool_probe (d, &found) == 0 && found == POOL_PROBE_POOL)
    return is_a_pool (s);
  return base_fail (EBUSY, "%s", text ? text : "");
}

/* D exists and is locked. */
static int
init_in_place (struct init *s, struct vdev *d)
{
  CLEANUP_FREE char *text = NULL;
  const uint64_t size = vdev_size (d);
  enum pool_probe_result found;
  int r;

  r = vdev_start (d);
  if (r == 0)
    r = pool_probe (d, &found);
  if (r < 0)
    return r;
  if (found == POOL_PROBE_POOL)
    return is_a_pool (s);
  if (found == POOL_PROBE_FOREIGN && !s->options.force)
    return base_fail (EEXIST, "exists already, and is not a pool; "
                      "--force overwrites it");
  if (size < s->options.capacity && !vdev_has (d, VDEV_RESIZE))
    return base_fail (ENOSPC, "too small: %" PRIu64 " bytes, the pool would "
                      "have %" PRIu64, size, s->options.capacity);
  r = pool_format (d, &s->options);
  if (r < 0 && size == 0) {     /* stays empty, not half a pool */
    text = base_strdup (base_error_text ());
    (void) vdev_resize (d, 0);
    (void) base_fail (-r, "%s", text ? text : "");
  }
  return r;
}

/* There is no such file. */
static int
init_new (struct init *s)
{
  CLEANUP_VDEV struct vdev *d = NULL;
  struct new_file f;
  int r;

  r = new_file_open (&f, s->path, s->c->pool);
  if (r == 0)
    r = devices_file_from_fd (f.fd, s->c->pool, 0, &d);
  if (r == 0) {
    f.fd = -1;                  /* the device's */
    r = vdev_start (d);
  }
  if (r == 0)
    r = pool_format (d, &s->options);
  if (r == 0 && signal_seen ())
    r = base_fail (ECANCELED, "interrupted");
  if (r == 0) {
    r = new_file_publish (&f, false);
    if (r == -EEXIST)
      r = AGAIN;
  }
  new_file_drop (&f);
  return r;
}

static int
init_once (struct init *s)
{
  CLEANUP_VDEV struct vdev *d = NULL;
  struct stat st;
  int r;

  r = vdev_open (s->c->pool, s->path ? 0 : VDEV_OPEN_CREATE, &d);
  if (r == -EBUSY)
    return init_busy (s);
  if (r == -ENOENT && s->path != NULL) {
    if (lstat (s->path, &st) == -1 && errno == ENOENT)
      return init_new (s);
    if (stat (s->path, &st) == 0)
      return AGAIN;             /* made since */
  }
  if (r == 0)
    return init_in_place (s, d);
  s->not_opened = true;
  return r;
}

static int
init_wait (struct init *s)
{
  const uint64_t end = base_monotonic_ns () / 1000000 + s->c->wait_ms;
  int r;

  for (;;) {
    r = init_once (s);
    if (r == AGAIN)
      continue;
    if (r != -EBUSY)
      return r;
    if (signal_seen ())
      return base_fail (ECANCELED, "interrupted");
    if (base_monotonic_ns () / 1000000 >= end)
      return r;
    (void) poll (NULL, 0, RETRY_MS);
  }
}

/* The new pool's facts, for --json. */
static int
init_json (const struct command *c, bool changed)
{
  struct target *t;
  json_t *reply;
  int code, r;

  code = target_open (c, TARGET_LOOK, &t);
  if (code != EXIT_DONE)
    return code;
  r = target_call (t, "info", json_object (), -1, &reply);
  if (r == 0) {
    (void) json_object_set_new (reply, "changed", json_boolean (changed));
    print_json (reply);
  }
  return target_end (t, r);
}

static int
check_block_size (const struct command *c)
{
  if (given (c, OPT_BLOCK_SIZE) &&
      (c->block_size < 4096 || c->block_size > 65536 ||
       !base_is_power_of_2 (c->block_size)))
    return base_fail (EINVAL, "--block-size: not 4K, 8K, 16K, 32K or 64K");
  return 0;
}

static int
report_failure (const struct init *s, int r)
{
  CLEANUP_FREE char *lock = NULL;
  int code = exit_code (r);

  if (r == -EBUSY) {
    lock = base_strdup (base_error_text ());
    (void) owner_explain (s->c, lock ? lock : "in use", "");
    code = EXIT_IN_USE;
  }
  else if (r == -ENOENT)        /* a directory: not a missing pool */
    code = EXIT_FAILED;
  else if (s->not_opened)
    code = target_open_code (s->c, r);
  return report_code (s->c, r, code);
}

int
run_init (struct command *c)
{
  struct init s = { .c = c, .options.force = given (c, OPT_FORCE) };
  char size[BASE_SIZE_TEXT];
  int r;

  if (command_size (c->args[0], POOL_MAX, &s.options.capacity) < 0 ||
      check_block_size (c) < 0)
    return report_usage (c);
  if (strncmp (c->pool, "unix:", 5) == 0) {
    base_fail (EINVAL, "init needs a path or device, not a socket");
    return report_usage (c);
  }
  s.options.block_size = (uint32_t) c->block_size;
  s.path = target_path (c->pool);
  r = init_wait (&s);
  if (r == 0)
    remark (c, "made, %s", base_size_text (s.options.capacity, size));
  else if (r == -EEXIST && s.is_pool && given (c, OPT_EXIST_OK))
    remark (c, "exists already, nothing to do");
  else
    return report_failure (&s, r);
  return given (c, OPT_JSON) ? init_json (c, r == 0) : EXIT_DONE;
}
