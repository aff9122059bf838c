/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verbs that change a pool: init, and those that are one request each.
 *
 * init is the one verb that needs no pool, and so never goes to a server.
 */

#include <config.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "control.h"
#include "devices.h"
#include "pool.h"

#define POOL_EXISTS "exists already; a pool is never overwritten"
#define VOLUME_MAX (UINT64_C (4) << 50)
#define POOL_MAX (UINT64_C (64) << 50)

/* 1 to MAX bytes. */
static int
parse_size (const char *text, uint64_t max, uint64_t *size)
{
  char limit[BASE_SIZE_TEXT];
  int r = base_parse_size ("SIZE", text, size);

  if (r == 0 && *size == 0)
    return base_fail (EINVAL, "SIZE: is zero: '%s'", text);
  if (r == 0 && *size > max)
    return base_fail (EINVAL, "SIZE: more than %s: '%s'",
                      base_size_text (max, limit), text);
  return r;
}

/* ---- init -------------------------------------------------------------- */

/* The backing cannot be locked.  If it is a pool, then it exists already. */
static int
init_busy (const struct command *c)
{
  CLEANUP_FREE char *text = base_strdup (base_error_text ());
  CLEANUP_VDEV struct vdev *d = NULL;
  enum pool_probe_result found;

  if (vdev_open (c->pool, VDEV_OPEN_RO | VDEV_OPEN_NOLOCK, &d) == 0 &&
      pool_probe (d, &found) == 0 && found == POOL_PROBE_POOL)
    return base_fail (EEXIST, POOL_EXISTS);
  return base_fail (EBUSY, "%s", text ? text : "");
}

static int
init_format (const struct command *c, uint64_t capacity)
{
  struct pool_format_options options = {
    .block_size = (uint32_t) c->block_size, .capacity = capacity,
    .force = given (c, OPT_FORCE),
  };
  CLEANUP_VDEV struct vdev *d = NULL;
  enum pool_probe_result found;
  int r;

  r = vdev_open (c->pool, VDEV_OPEN_CREATE, &d);
  if (r == -EBUSY)
    return init_busy (c);
  if (r == 0)
    r = vdev_start (d);
  if (r == 0)
    r = pool_probe (d, &found);
  if (r < 0)
    return r;
  if (found == POOL_PROBE_POOL)
    return base_fail (EEXIST, POOL_EXISTS);
  if (found == POOL_PROBE_FOREIGN && !options.force)
    return base_fail (EEXIST, "exists already, and is not a pool; "
                      "--force overwrites it");
  return pool_format (d, &options);
}

/* The new pool's facts, for --json. */
static int
init_json (const struct command *c, bool changed)
{
  struct target *t;
  json_t *reply;
  int code, r;

  code = target_open (c, true, &t);
  if (code != EXIT_DONE)
    return code;
  r = target_call (t, "info", json_object (), -1, &reply);
  if (r == 0) {
    (void) json_object_set_new (reply, "changed", json_boolean (changed));
    print_json (reply);
  }
  return target_end (t, r);
}

int
run_init (struct command *c)
{
  const char *path = strncmp (c->pool, "file:", 5) == 0 ? c->pool + 5 :
    c->pool;
  struct stat st;
  uint64_t capacity;
  bool existed, changed;
  int r;

  if (parse_size (c->args[0], POOL_MAX, &capacity) < 0)
    return report_usage (c);
  if (given (c, OPT_BLOCK_SIZE) &&
      (c->block_size < 4096 || c->block_size > 65536 ||
       !base_is_power_of_2 (c->block_size))) {
    base_fail (EINVAL, "--block-size: not 4K, 8K, 16K, 32K or 64K");
    return report_usage (c);
  }
  if (strncmp (c->pool, "unix:", 5) == 0) {
    base_fail (EINVAL, "init needs a path or device, not a socket");
    return report_usage (c);
  }
  existed = lstat (path, &st) == 0;
  r = init_format (c, capacity);
  changed = r == 0;
  if (r == -EEXIST && given (c, OPT_EXIST_OK) &&
      strstr (base_error_text (), "not a pool") == NULL)
    r = 0;
  if (r == -EBUSY)
    return report_code (c, r, EXIT_IN_USE);
  if (r < 0) {
    if (!existed)
      (void) unlink (path);
    /* A missing directory is not a missing pool. */
    return r == -ENOENT ? report_code (c, r, EXIT_FAILED) : report (c, r);
  }
  if (!changed)
    remark (c, "%s: nothing to do", c->pool);
  return given (c, OPT_JSON) ? init_json (c, changed) : EXIT_DONE;
}

/* ---- one request each -------------------------------------------------- */

int
run_grow (struct command *c)
{
  uint64_t size = 0;

  if (c->nargs > 0 && parse_size (c->args[0], POOL_MAX, &size) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:I}", "size", (json_int_t) size));
}

int
run_create (struct command *c)
{
  uint64_t size;

  if (pool_check_name (c->args[0], 0) < 0 ||
      parse_size (c->args[1], VOLUME_MAX, &size) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:I, s:b}", "volume", c->args[0],
                                      "size", (json_int_t) size, "exist-ok",
                                      given (c, OPT_EXIST_OK)));
}

static int
check_names (const struct command *c, int want_snapshot)
{
  int i, r = 0;

  for (i = 0; r == 0 && i < c->nargs; ++i)
    r = pool_check_name (c->args[i], want_snapshot);
  return r;
}

int
run_snapshot (struct command *c)
{
  if (check_names (c, 1) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:o, s:b}", "names", command_names (c),
                                      "exist-ok", given (c, OPT_EXIST_OK)));
}

int
run_clone (struct command *c)
{
  if (pool_check_name (c->args[0], 2) < 0 ||
      pool_check_name (c->args[1], 0) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:s, s:b}", "name", c->args[0],
                                      "volume", c->args[1], "exist-ok",
                                      given (c, OPT_EXIST_OK)));
}

int
run_rollback (struct command *c)
{
  if (check_names (c, 1) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:b}", "name", c->args[0],
                                      "force", given (c, OPT_FORCE)));
}

int
run_resize (struct command *c)
{
  uint64_t size;

  if (pool_check_name (c->args[0], 0) < 0 ||
      parse_size (c->args[1], VOLUME_MAX, &size) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:I, s:b, s:b}",
                                      "volume", c->args[0],
                                      "size", (json_int_t) size,
                                      "shrink", given (c, OPT_SHRINK),
                                      "force", given (c, OPT_FORCE)));
}

/* VOLUME to VOLUME, or VOLUME@SNAP to VOLUME@SNAP of the same volume. */
static int
check_rename (const char *name, const char *new_name)
{
  const size_t a = strcspn (name, "@"), b = strcspn (new_name, "@");

  if (name[a] != new_name[b])
    return base_fail (EINVAL, "%s: cannot become %s: one is a volume, the "
                      "other a snapshot", name, new_name);
  if (name[a] == '@' && (a != b || memcmp (name, new_name, a) != 0))
    return base_fail (EINVAL, "%s: cannot become %s: a snapshot stays with "
                      "its volume", name, new_name);
  return 0;
}

int
run_rename (struct command *c)
{
  if (check_names (c, 2) < 0 || check_rename (c->args[0], c->args[1]) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:s}", "name", c->args[0],
                                      "new", c->args[1]));
}

/* ---- rm ---------------------------------------------------------------- */

/* Reports the names that failed; the code is the first one's.  With --json
 * all of it is one object, so the failures are not printed as objects of
 * their own.
 */
static int
report_removed (const struct command *c, json_t *reply)
{
  struct command quiet = *c;
  const char *name, *text;
  json_t *row, *error;
  int code = EXIT_DONE, one, r;
  size_t i;

  quiet.given &= ~(uint32_t) OPT_JSON;
  json_array_foreach (json_object_get (reply, "names"), i, row) {
    error = json_object_get (row, "error");
    if (error == NULL)
      continue;
    name = json_string_value (json_object_get (error, "errno"));
    text = json_string_value (json_object_get (error, "text"));
    r = base_fail (control_errno (name ? name : "EIO"), "%s",
                   text ? text : "");
    one = report_verb (&quiet, r, exit_code (r));
    error = error_json (c, r, one, text ? text : "");
    (void) json_object_set (row, "error", json_object_get (error, "error"));
    json_decref (error);
    if (code == EXIT_DONE)
      code = one;
  }
  if (given (c, OPT_JSON))
    print_json (json_incref (reply));
  return code;
}

int
run_rm (struct command *c)
{
  struct target *t;
  json_t *reply;
  int code, code2 = EXIT_DONE, r;

  if (check_names (c, 2) < 0)
    return report_usage (c);
  code = target_open (c, false, &t);
  if (code != EXIT_DONE)
    return code;
  r = target_call (t, "rm", json_pack ("{s:o, s:b, s:b, s:b}",
                                       "names", command_names (c),
                                       "recursive", given (c, OPT_RECURSIVE),
                                       "force", given (c, OPT_FORCE),
                                       "missing-ok",
                                       given (c, OPT_MISSING_OK)),
                   -1, &reply);
  if (r == 0) {
    code2 = report_removed (c, reply);
    json_decref (reply);
  }
  code = target_end (t, r);
  return code2 != EXIT_DONE ? code2 : code;
}
