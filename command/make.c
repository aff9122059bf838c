/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verbs that change a pool by one request each.
 */

#include <config.h>

#include "command.h"
#include "control.h"
#include "pool.h"

#define VOLUME_MAX (UINT64_C (4) << 50)
#define POOL_MAX (UINT64_C (64) << 50)

static bool
unchanged (const json_t *reply)
{
  return json_is_false (json_object_get (reply, "changed"));
}

/* ---- grow -------------------------------------------------------------- */

static void
say_grow (const struct command *c, const json_t *reply)
{
  const json_t *capacity = json_object_get (reply, "capacity");
  char size[BASE_SIZE_TEXT];

  base_size_text ((uint64_t) json_integer_value (capacity), size);
  if (unchanged (reply))
    remark (c, "is %s already, nothing to do", size);
  else
    remark (c, "grown to %s", size);
}

int
run_grow (struct command *c)
{
  uint64_t size = 0;

  if (c->nargs > 0 && command_size (c->args[0], POOL_MAX, &size) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:I}", "size", (json_int_t) size),
                        say_grow);
}

/* ---- create, snapshot, clone ------------------------------------------- */

static void
say_made (const struct command *c, const char *name, const json_t *reply)
{
  if (unchanged (reply))
    remark (c, "%s: exists already, nothing to do", name);
  else
    remark (c, "%s: made", name);
}

static void
say_create (const struct command *c, const json_t *reply)
{
  say_made (c, c->args[0], reply);
}

int
run_create (struct command *c)
{
  uint64_t size;

  if (pool_check_name (c->args[0], 0) < 0 ||
      command_size (c->args[1], VOLUME_MAX, &size) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:I, s:b}", "volume", c->args[0],
                                      "size", (json_int_t) size, "exist-ok",
                                      given (c, OPT_EXIST_OK)),
                        say_create);
}

/* The reply does not tell which of a group were there. */
static void
say_snapshot (const struct command *c, const json_t *reply)
{
  const bool maybe = given (c, OPT_EXIST_OK) && c->nargs > 1 &&
    !unchanged (reply);
  int i;

  for (i = 0; i < c->nargs; ++i)
    if (maybe)
      remark (c, "%s: made, or there already", c->args[i]);
    else
      say_made (c, c->args[i], reply);
}

int
run_snapshot (struct command *c)
{
  if (command_check_names (c, 1) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:o, s:b}", "names", command_names (c),
                                      "exist-ok", given (c, OPT_EXIST_OK)),
                        say_snapshot);
}

static void
say_clone (const struct command *c, const json_t *reply)
{
  say_made (c, c->args[1], reply);
}

int
run_clone (struct command *c)
{
  if (pool_check_name (c->args[0], 2) < 0 ||
      pool_check_name (c->args[1], 0) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:s, s:b}", "name", c->args[0],
                                      "volume", c->args[1], "exist-ok",
                                      given (c, OPT_EXIST_OK)),
                        say_clone);
}

/* ---- rollback, resize, rename ------------------------------------------ */

static void
say_rollback (const struct command *c, const json_t *reply BASE_UNUSED)
{
  remark (c, "%.*s: rolled back to %s", (int) strcspn (c->args[0], "@"),
          c->args[0], c->args[0]);
}

int
run_rollback (struct command *c)
{
  if (command_check_names (c, 1) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:b}", "name", c->args[0],
                                      "force", given (c, OPT_FORCE)),
                        say_rollback);
}

static void
say_resize (const struct command *c, const json_t *reply)
{
  if (unchanged (reply))
    remark (c, "%s: has this size already, nothing to do", c->args[0]);
  else
    remark (c, "%s: resized to %s", c->args[0], c->args[1]);
}

int
run_resize (struct command *c)
{
  uint64_t size;

  if (pool_check_name (c->args[0], 0) < 0 ||
      command_size (c->args[1], VOLUME_MAX, &size) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:I, s:b, s:b}",
                                      "volume", c->args[0],
                                      "size", (json_int_t) size,
                                      "shrink", given (c, OPT_SHRINK),
                                      "force", given (c, OPT_FORCE)),
                        say_resize);
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

static void
say_rename (const struct command *c, const json_t *reply BASE_UNUSED)
{
  remark (c, "%s: renamed to %s", c->args[0], c->args[1]);
}

int
run_rename (struct command *c)
{
  if (command_check_names (c, 2) < 0 ||
      check_rename (c->args[0], c->args[1]) < 0)
    return report_usage (c);
  return target_change (c, json_pack ("{s:s, s:s}", "name", c->args[0],
                                      "new", c->args[1]),
                        say_rename);
}

/* ---- rm ---------------------------------------------------------------- */

static void
say_removed (const struct command *c, const json_t *row)
{
  const char *name = json_string_value (json_object_get (row, "name"));

  if (json_is_true (json_object_get (row, "removed")))
    remark (c, "%s: removed", name ? name : "");
  else
    remark (c, "%s: is not there, nothing to do", name ? name : "");
}

/* Reports the names that failed; the code is the first one's.  With --json
 * all of it is one object, so the failures are not printed as objects of
 * their own.
 */
static int
report_removed (const struct command *c, struct target *t, json_t *reply)
{
  struct command quiet = *c;
  const char *name, *text;
  json_t *row, *error;
  int code = EXIT_DONE, one, r;
  size_t i;

  quiet.given &= ~(uint32_t) OPT_JSON;
  json_array_foreach (json_object_get (reply, "names"), i, row) {
    error = json_object_get (row, "error");
    if (error == NULL) {
      say_removed (c, row);
      continue;
    }
    name = json_string_value (json_object_get (error, "errno"));
    text = json_string_value (json_object_get (error, "text"));
    r = base_fail (control_errno (name ? name : "EIO"), "%s",
                   text ? text : "");
    one = report_verb (&quiet, r, target_code (t, r));
    error = error_json (c, r, one, base_error_text ());
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

  if (command_check_names (c, 2) < 0)
    return report_usage (c);
  code = target_open (c, TARGET_CHANGE, &t);
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
    code2 = report_removed (c, t, reply);
    json_decref (reply);
  }
  code = target_end (t, r);
  return code2 != EXIT_DONE ? code2 : code;
}
