/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verbs: what `nbdvol` can ask of a pool, as JSON.
 *
 * One function, pool_verb, stands behind the control socket of a served pool
 * and behind the command when there is no server, so that a verb cannot do
 * one thing here and another there.  Sizes are bytes, times seconds since
 * the epoch, names are VOLUME or VOLUME@SNAP.  Members that are not known
 * are ignored; members may be added, and never change meaning.
 *
 *   verb      request                              reply
 *   create    volume, size, [exist-ok]             volume:{...}, changed
 *   snapshot  names:[VOLUME@SNAP...], [exist-ok]   names:[...], changed
 *   clone     name, volume, [exist-ok]             volume:{...}, changed
 *   rollback  name, [force]                        volume:{...}
 *   resize    volume, size, [shrink], [force]      volume:{...}, changed
 *   rename    name, new                            volume:{...}
 *   rm        names, [recursive], [force],         names:[{name, removed,
 *             [missing-ok]                           [error:{errno,text}]}]
 *   grow      [size]                               capacity, changed
 *   flush                                          (nothing)
 *   info                                           pool:{...}
 *   info      name                                 volume:{...}
 *   ls        [names], [exclusive]                 volumes:[{...}...]
 *   events    [follow], [after]                    last; lines are events
 *   check     [data]                               errors, leaks, blocks,
 *                                                  nodes, data, volumes,
 *                                                  snapshots, clean,
 *                                                  problems:[{leak, text}]
 *   scrub     [rate]                               clean, bytes, found,
 *                                                  repaired, ranges,
 *                                                  damage:[...], which are
 *                                                  lines as well
 *   scrub     stop                                 stopped
 *   import    volume, [source]; descriptor         volume:{...}
 *   export    name, [target]; descriptor           bytes, data
 *
 * verbs-facts.c has the members of pool, volume and an event; transfer.c
 * moves the bytes.  "changed" is false where exist-ok found the thing there.
 * "rm" goes on after a name that fails, so its failures stand in the reply.
 * "source" and "target" are names for messages alone.  A scrub ends with its
 * caller; "stop" ends it from elsewhere, and "stopped" is whether one ran.
 */

#include <config.h>

#include <stdlib.h>

#include <jansson.h>

#include "pool.h"
#include "verbs-internal.h"

/* ---- members of requests and replies ------------------------------------- */

int
verb_string_or (const json_t *request, const char *key, const char *fallback,
                const char **ret)
{
  const json_t *j = json_object_get (request, key);

  *ret = j ? json_string_value (j) : fallback;
  if (j != NULL && !json_is_string (j))
    return base_fail (EINVAL, "request: %s: not a string", key);
  return 0;
}

int
verb_string (const json_t *request, const char *key, const char **ret)
{
  int r = verb_string_or (request, key, NULL, ret);

  if (r == 0 && *ret == NULL)
    return base_fail (EINVAL, "request: %s: missing", key);
  return r;
}

int
verb_bool (const json_t *request, const char *key, bool *ret)
{
  const json_t *j = json_object_get (request, key);

  *ret = json_is_true (j);
  if (j != NULL && !json_is_boolean (j))
    return base_fail (EINVAL, "request: %s: not true or false", key);
  return 0;
}

int
verb_size_or (const json_t *request, const char *key, uint64_t fallback,
              uint64_t *ret)
{
  const json_t *j = json_object_get (request, key);

  *ret = j ? (uint64_t) json_integer_value (j) : fallback;
  if (j != NULL && (!json_is_integer (j) || json_integer_value (j) < 0))
    return base_fail (EINVAL, "request: %s: not a number of bytes", key);
  return 0;
}

int
verb_names (const json_t *request, const char *key, const char ***names,
            size_t *n)
{
  const json_t *j = json_object_get (request, key);
  const char **list;
  size_t i, count = json_array_size (j);

  if (!json_is_array (j) || count == 0)
    return base_fail (EINVAL, "request: %s: not a list of names", key);
  list = base_calloc (count, sizeof *list);
  if (list == NULL)
    return base_fail_errno (ENOMEM, "request");
  for (i = 0; i < count; ++i) {
    list[i] = json_string_value (json_array_get (j, i));
    if (list[i] == NULL) {
      free (list);
      return base_fail (EINVAL, "request: %s: not a list of names", key);
    }
  }
  *names = list;
  *n = count;
  return 0;
}

int
verb_reply (json_t **reply, const char *key, json_t *value)
{
  if (*reply == NULL)
    *reply = json_object ();
  if (*reply == NULL || value == NULL) {
    json_decref (value);
    json_decref (*reply);
    *reply = NULL;
    return base_fail_errno (ENOMEM, "reply");
  }
  if (json_object_set_new (*reply, key, value) == -1) {
    json_decref (*reply);
    *reply = NULL;
    return base_fail_errno (ENOMEM, "reply");
  }
  return 0;
}

json_t *
verb_text (const char *text)
{
  CLEANUP_FREE char *copy = NULL;
  json_t *j = json_string (text);
  char *p;

  if (j != NULL)
    return j;
  copy = base_strdup (text);
  if (copy == NULL)
    return NULL;
  for (p = copy; *p != '\0'; ++p)
    if ((unsigned char) *p >= 0x80)
      *p = '?';
  return json_string (copy);
}

json_t *
verb_number (uint64_t n)
{
  return n == UINT64_MAX ? json_null () : json_integer ((json_int_t) n);
}

int
verb_progress (struct pool_verb_call *call, uint64_t done, uint64_t total)
{
  return call->progress ? call->progress (call->opaque, done, total) : 0;
}

/* ---- verbs that change the pool ------------------------------------------ */

static bool
exists (struct pool *p, const char *name)
{
  struct pool_volume_info info;

  return pool_volume_info (p, name, false, &info) == 0;
}

/* The end of create and clone: R of making VOLUME. */
static int
made (struct pool *p, int r, const char *volume, bool exist_ok,
      json_t **reply)
{
  bool changed = r == 0;

  if (r < 0 && !(r == -EEXIST && exist_ok))
    return r;
  r = verb_reply_volume (p, volume, reply);
  return r < 0 ? r : verb_reply (reply, "changed", json_boolean (changed));
}

static int
verb_create (struct pool *p, const json_t *request,
             struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  const char *volume = NULL;
  uint64_t size = 0;
  bool exist_ok = false;
  int r;

  r = verb_string (request, "volume", &volume);
  if (r == 0)
    r = verb_size_or (request, "size", 0, &size);
  if (r == 0)
    r = verb_bool (request, "exist-ok", &exist_ok);
  if (r < 0)
    return r;
  return made (p, pool_create (p, volume, size, 0), volume, exist_ok, reply);
}

static int
verb_snapshot (struct pool *p, const json_t *request,
               struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  CLEANUP_FREE const char **names = NULL;
  bool exist_ok = false, changed = false;
  size_t i, n = 0;
  int r;

  r = verb_bool (request, "exist-ok", &exist_ok);
  if (r == 0)
    r = verb_names (request, "names", &names, &n);
  if (r < 0)
    return r;
  for (i = 0; i < n; ++i)
    changed = changed || !exists (p, names[i]);
  r = pool_snapshot (p, names, n, exist_ok ? POOL_EXIST_OK : 0);
  if (r < 0)
    return r;
  r = verb_reply (reply, "names",
                  json_deep_copy (json_object_get (request, "names")));
  return r < 0 ? r : verb_reply (reply, "changed", json_boolean (changed));
}

static int
verb_clone (struct pool *p, const json_t *request,
            struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  const char *name = NULL, *volume = NULL;
  bool exist_ok = false;
  int r;

  r = verb_string (request, "name", &name);
  if (r == 0)
    r = verb_string (request, "volume", &volume);
  if (r == 0)
    r = verb_bool (request, "exist-ok", &exist_ok);
  if (r < 0)
    return r;
  return made (p, pool_clone (p, name, volume, 0), volume, exist_ok, reply);
}

static int
verb_rollback (struct pool *p, const json_t *request,
               struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  char volume[POOL_NAME_MAX + 1];
  const char *name = NULL;
  bool force = false;
  int r;

  r = verb_string (request, "name", &name);
  if (r == 0)
    r = verb_bool (request, "force", &force);
  if (r == 0)
    r = pool_rollback (p, name, force ? POOL_FORCE : 0);
  if (r < 0)
    return r;
  snprintf (volume, sizeof volume, "%.*s", (int) strcspn (name, "@"), name);
  return verb_reply_volume (p, volume, reply);
}

static int
verb_resize (struct pool *p, const json_t *request,
             struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  struct pool_volume_info old = { .size = 0 };
  const char *volume = NULL;
  bool force = false, shrink = false;
  uint64_t size = 0;
  int r;

  r = verb_string (request, "volume", &volume);
  if (r == 0)
    r = verb_size_or (request, "size", 0, &size);
  if (r == 0)
    r = verb_bool (request, "shrink", &shrink);
  if (r == 0)
    r = verb_bool (request, "force", &force);
  if (r < 0)
    return r;
  (void) pool_volume_info (p, volume, false, &old);
  r = pool_resize (p, volume, size, (force ? POOL_FORCE : 0) |
                   (shrink ? POOL_SHRINK : 0));
  if (r < 0)
    return r;
  r = verb_reply_volume (p, volume, reply);
  return r < 0 ? r :
    verb_reply (reply, "changed", json_boolean (old.size != size));
}

static int
verb_rename (struct pool *p, const json_t *request,
             struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  const char *name = NULL, *new_name = NULL;
  int r;

  r = verb_string (request, "name", &name);
  if (r == 0)
    r = verb_string (request, "new", &new_name);
  if (r == 0)
    r = pool_rename (p, name, new_name);
  return r < 0 ? r : verb_reply_volume (p, new_name, reply);
}

/* What became of one name: 0 or -errno with its message. */
static json_t *
removed_json (const char *name, int r)
{
  json_t *j = json_pack ("{s:o,s:b}", "name", verb_text (name), "removed",
                         r == 0);
  json_t *error;

  if (j == NULL || r == 0 || r == 1)    /* 1: was not there, and may be so */
    return j;
  error = json_pack ("{s:s,s:o}", "errno", strerrorname_np (-r), "text",
                     verb_text (base_error_text ()));
  if (error == NULL || json_object_set_new (j, "error", error) == -1) {
    json_decref (j);
    return NULL;
  }
  return j;
}

static int
verb_remove (struct pool *p, const json_t *request,
             struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  CLEANUP_FREE const char **names = NULL;
  bool recursive = false, force = false, missing_ok = false;
  json_t *list;
  size_t i, n = 0;
  int r;

  r = verb_bool (request, "recursive", &recursive);
  if (r == 0)
    r = verb_bool (request, "force", &force);
  if (r == 0)
    r = verb_bool (request, "missing-ok", &missing_ok);
  if (r == 0)
    r = verb_names (request, "names", &names, &n);
  if (r < 0)
    return r;
  list = json_array ();
  for (i = 0; list != NULL && i < n; ++i) {
    r = pool_remove (p, names[i], (recursive ? POOL_RECURSIVE : 0) |
                     (force ? POOL_FORCE : 0));
    if (r == -ENOENT && missing_ok)
      r = 1;
    if (json_array_append_new (list, removed_json (names[i], r)) == -1) {
      json_decref (list);
      list = NULL;
    }
  }
  return verb_reply (reply, "names", list);
}

static int
verb_grow (struct pool *p, const json_t *request,
           struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  struct pool_info before, after;
  uint64_t size = 0;
  int r;

  r = verb_size_or (request, "size", 0, &size);
  if (r < 0)
    return r;
  pool_get_info (p, &before);
  r = pool_grow (p, size);
  if (r < 0)
    return r;
  pool_get_info (p, &after);
  r = verb_reply (reply, "capacity", verb_number (after.capacity));
  return r < 0 ? r :
    verb_reply (reply, "changed",
                json_boolean (after.capacity != before.capacity));
}

static int
verb_flush (struct pool *p, const json_t *request BASE_UNUSED,
            struct pool_verb_call *call BASE_UNUSED,
            json_t **reply BASE_UNUSED)
{
  return pool_flush (p);
}

/* ---- the table ----------------------------------------------------------- */

static const struct {
  const char *name;
  verb_fn fn;
} verbs[] = {
  { "check", verb_check },
  { "clone", verb_clone },
  { "create", verb_create },
  { "events", verb_events },
  { "export", verb_export },
  { "flush", verb_flush },
  { "grow", verb_grow },
  { "import", verb_import },
  { "info", verb_info },
  { "ls", verb_list },
  { "rename", verb_rename },
  { "resize", verb_resize },
  { "rm", verb_remove },
  { "rollback", verb_rollback },
  { "scrub", verb_scrub },
  { "snapshot", verb_snapshot },
};

/* The caller knows which pool it is, maybe by another name than we do. */
static void
drop_pool_name (struct pool *p, int r)
{
  CLEANUP_FREE char *text = base_strdup (base_error_text ());
  struct pool_info info;
  size_t n;

  if (text == NULL)
    return;
  pool_get_info (p, &info);     /* leaves a message of its own */
  n = strlen (info.name);
  if (strncmp (text, info.name, n) != 0 || strncmp (text + n, ": ", 2) != 0)
    n = 0;
  (void) base_fail (-r, "%s", text + n + (n > 0 ? 2 : 0));
}

int
pool_verb (struct pool *p, const char *verb, const json_t *request,
           struct pool_verb_call *call, json_t **reply)
{
  size_t i;
  int r;

  for (i = 0; i < BASE_ARRAY_SIZE (verbs); ++i)
    if (strcmp (verbs[i].name, verb) == 0)
      break;
  if (i == BASE_ARRAY_SIZE (verbs))
    return base_fail (ENOSYS, "%.64s: no such verb", verb);
  *reply = NULL;
  r = verbs[i].fn (p, request, call, reply);
  if (r == 0 && *reply == NULL) {
    *reply = json_object ();
    if (*reply == NULL)
      r = base_fail_errno (ENOMEM, "reply");
  }
  if (r < 0) {
    json_decref (*reply);
    *reply = NULL;
    drop_pool_name (p, r);
  }
  return r;
}
