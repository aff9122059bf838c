/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verbs that look: info, ls, events, check, scrub; and the JSON of what they
 * show.  These are the names that `nbdvol --json` prints and that scripts
 * read: members are added here, never changed.
 *
 *   volume  name type (volume, snapshot) id size used exclusive (null unless
 *           asked for) origin ("" none) created readonly connections; of info
 *           also counters:{reads writes flushes trims zeroes bytes-read
 *           bytes-written errors} and latency:{read:[...] write:[...]
 *           flush:[...]}, the buckets of pool.h
 *   pool    name uuid state (ok, full, damaged, poisoned) readonly version
 *           block-size capacity used available usable percent threshold
 *           reserved backed reclaiming generation epoch created volumes
 *           snapshots maximum owner last-error last-error-time
 *           crossed:{80 90 95 99} counters:{...} scrub:{...} (null if there
 *           was none)
 *   scrub   state (running, done, stopped, failed) started ended (0 not yet)
 *           rate done total percent found repaired
 *   damage  volume ("" the pool) what why offset length block repaired
 *   event   number time kind volume ("" the pool) text percent (of filling
 *           and not-filling, else null)
 *   problem leak text
 */

#include <config.h>

#include <stdlib.h>

#include "verbs-internal.h"

#define EVENTS_KEPT 100
#define PROBLEMS_MAX 1000       /* more are counted, not listed */
#define FOLLOW_MS 200           /* how often a follower asks whether to end */

/* ---- volumes ------------------------------------------------------------- */

static json_t *
volume_json (const struct pool_volume_info *v)
{
  return json_pack ("{s:s, s:s, s:I, s:I, s:I, s:o, s:s, s:I, s:b, s:i}",
                    "name", v->name,
                    "type", v->snapshot ? "snapshot" : "volume",
                    "id", (json_int_t) v->id,
                    "size", (json_int_t) v->size,
                    "used", (json_int_t) v->used,
                    "exclusive", verb_number (v->exclusive),
                    "origin", v->origin,
                    "created", (json_int_t) v->created,
                    "readonly", v->readonly,
                    "connections", (int) v->connections);
}

static json_t *
volume_counters_json (const struct pool_counters *c)
{
  return json_pack ("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                    "reads", (json_int_t) c->reads,
                    "writes", (json_int_t) c->writes,
                    "flushes", (json_int_t) c->flushes,
                    "trims", (json_int_t) c->trims,
                    "zeroes", (json_int_t) c->zeroes,
                    "bytes-read", (json_int_t) c->bytes_read,
                    "bytes-written", (json_int_t) c->bytes_written,
                    "errors", (json_int_t) c->errors);
}

static json_t *
latency_json (const struct pool_counters *c)
{
  static const char *const names[POOL_LATENCIES] = {
    [POOL_LATENCY_READ] = "read", [POOL_LATENCY_WRITE] = "write",
    [POOL_LATENCY_FLUSH] = "flush",
  };
  json_t *latency = json_object (), *list;
  unsigned i, k;
  int r = 0;

  for (i = 0; i < POOL_LATENCIES; ++i) {
    list = json_array ();
    for (k = 0; k < POOL_LATENCY_BUCKETS; ++k)
      r |= json_array_append_new (list, verb_number (c->latency[i][k]));
    r |= json_object_set_new (latency, names[i], list);
  }
  if (r == 0)
    return latency;
  json_decref (latency);
  return NULL;
}

static int
reply_volume (struct pool *p, const char *name, bool exclusive,
              json_t **reply)
{
  struct pool_volume_info info;
  int r = pool_volume_info (p, name, exclusive, &info);

  return r < 0 ? r : verb_reply (reply, "volume", volume_json (&info));
}

/* With what only info tells. */
static int
reply_volume_info (struct pool *p, const char *name, bool exclusive,
                   json_t **reply)
{
  struct pool_counters counters;
  json_t *volume;
  int r;

  r = pool_volume_counters (p, name, &counters);
  if (r == 0)
    r = reply_volume (p, name, exclusive, reply);
  if (r < 0)
    return r;
  volume = json_object_get (*reply, "volume");
  if (json_object_set_new (volume, "counters",
                           volume_counters_json (&counters)) == 0 &&
      json_object_set_new (volume, "latency", latency_json (&counters)) == 0)
    return 0;
  json_decref (*reply);
  *reply = NULL;
  return base_fail_errno (ENOMEM, "reply");
}

int
verb_reply_volume (struct pool *p, const char *name, json_t **reply)
{
  int r = reply_volume (p, name, false, reply);

  /* What was done was done, also if somebody else has removed it since. */
  if (r == -ENOENT)
    r = verb_reply (reply, "volume", json_pack ("{s:s}", "name", name));
  return r;
}

static int
list_one (void *opaque, const struct pool_volume_info *info)
{
  json_t *list = opaque;

  if (json_array_append_new (list, volume_json (info)) == -1)
    return base_fail_errno (ENOMEM, "reply");
  return 0;
}

static int
list_named (struct pool *p, const json_t *request, bool exclusive,
            json_t *list)
{
  CLEANUP_FREE const char **names = NULL;
  struct pool_volume_info info;
  size_t i, n = 0;
  int r;

  r = verb_names (request, "names", &names, &n);
  for (i = 0; r == 0 && i < n; ++i) {
    r = pool_volume_info (p, names[i], exclusive, &info);
    if (r == 0)
      r = list_one (list, &info);
  }
  return r;
}

int
verb_list (struct pool *p, const json_t *request,
           struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  json_t *list;
  bool exclusive = false;
  int r;

  r = verb_bool (request, "exclusive", &exclusive);
  if (r < 0)
    return r;
  list = json_array ();
  if (list == NULL)
    return base_fail_errno (ENOMEM, "reply");
  if (json_object_get (request, "names") != NULL)
    r = list_named (p, request, exclusive, list);
  else
    r = pool_list (p, exclusive, list_one, list);
  if (r < 0) {
    json_decref (list);
    return r;
  }
  return verb_reply (reply, "volumes", list);
}

/* ---- the pool ------------------------------------------------------------ */

static const char *
state_name (enum pool_state state)
{
  switch (state) {
  case POOL_OK: return "ok";
  case POOL_FULL: return "full";
  case POOL_DAMAGED: return "damaged";
  case POOL_POISONED: return "poisoned";
  }
  return "unknown";
}

static json_t *
crossed_json (const struct pool_info *i)
{
  json_t *crossed = json_object ();
  char key[16];
  unsigned k;

  for (k = 0; k < POOL_FILL_THRESHOLDS; ++k) {
    snprintf (key, sizeof key, "%u", pool_fill_thresholds[k]);
    if (json_object_set_new (crossed, key,
                             verb_number (i->crossed[k])) == -1) {
      json_decref (crossed);
      return NULL;
    }
  }
  return crossed;
}

static json_t *
counters_json (const struct pool_info *i)
{
  return json_pack ("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
                    " s:I, s:I, s:I}",
                    "commits", (json_int_t) i->commits,
                    "checkpoints", (json_int_t) i->checkpoints,
                    "syncs", (json_int_t) i->syncs,
                    "flushes", (json_int_t) i->flushes,
                    "writes", (json_int_t) i->writes,
                    "reads", (json_int_t) i->reads,
                    "trims", (json_int_t) i->trims,
                    "zeroes", (json_int_t) i->zeroes,
                    "errors", (json_int_t) i->errors,
                    "bytes-written", (json_int_t) i->bytes_written,
                    "bytes-read", (json_int_t) i->bytes_read,
                    "metadata-bytes", (json_int_t) i->metadata_bytes,
                    "space-waits", (json_int_t) i->space_waits,
                    "checksum-errors", (json_int_t) i->checksum_errors);
}

static json_t *
scrub_json (const struct pool_scrub_info *s)
{
  static const char *const names[] = {
    [POOL_SCRUB_NONE] = "none", [POOL_SCRUB_RUNNING] = "running",
    [POOL_SCRUB_DONE] = "done", [POOL_SCRUB_STOPPED] = "stopped",
    [POOL_SCRUB_FAILED] = "failed",
  };
  const uint64_t hundredth = s->total / 100;

  if (s->state == POOL_SCRUB_NONE)
    return json_null ();
  return json_pack ("{s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I}",
                    "state", names[s->state],
                    "started", (json_int_t) s->started,
                    "ended", (json_int_t) s->ended,
                    "rate", (json_int_t) s->rate,
                    "done", (json_int_t) s->done,
                    "total", (json_int_t) s->total,
                    "percent", hundredth == 0 ? 100 :
                    (int) BASE_MIN (s->done / hundredth, UINT64_C (100)),
                    "found", (json_int_t) s->found,
                    "repaired", (json_int_t) s->repaired);
}

static json_t *
pool_json (const struct pool_info *i)
{
  char uuid[BASE_UUID_TEXT];

  base_uuid_format (i->uuid, uuid);
  return json_pack ("{s:o, s:s, s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:I, s:i,"
                    " s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:I, s:o,"
                    " s:o, s:I, s:o, s:o, s:o}",
                    "name", verb_text (i->name),
                    "uuid", uuid,
                    "state", state_name (i->state),
                    "readonly", i->readonly,
                    "version", (int) i->version,
                    "block-size", (json_int_t) i->block_size,
                    "capacity", (json_int_t) i->capacity,
                    "used", (json_int_t) i->used,
                    "available", (json_int_t) i->available,
                    "usable", (json_int_t) i->usable,
                    "percent", (int) i->percent,
                    "threshold", (int) i->threshold,
                    "reserved", (json_int_t) i->reserved,
                    "backed", (json_int_t) i->backed,
                    "reclaiming", (json_int_t) i->reclaiming,
                    "generation", (json_int_t) i->generation,
                    "epoch", (json_int_t) i->epoch,
                    "created", (json_int_t) i->created,
                    "volumes", (int) i->volumes,
                    "snapshots", (int) i->snapshots,
                    "maximum", (json_int_t) i->maximum,
                    "owner", verb_text (i->owner),
                    "last-error", verb_text (i->last_error),
                    "last-error-time", (json_int_t) i->last_error_time,
                    "crossed", crossed_json (i),
                    "counters", counters_json (i),
                    "scrub", scrub_json (&i->scrub));
}

int
verb_info (struct pool *p, const json_t *request,
           struct pool_verb_call *call BASE_UNUSED, json_t **reply)
{
  struct pool_info info;
  const char *name = NULL;
  bool exclusive = false;
  int r;

  r = verb_string_or (request, "name", NULL, &name);
  if (r == 0)
    r = verb_bool (request, "exclusive", &exclusive);
  if (r < 0)
    return r;
  if (name != NULL)
    return reply_volume_info (p, name, exclusive, reply);
  pool_get_info (p, &info);
  return verb_reply (reply, "pool", pool_json (&info));
}

/* ---- events -------------------------------------------------------------- */

static const char *
kind_name (enum pool_event_kind kind)
{
  switch (kind) {
  case POOL_EVENT_OPENED: return "opened";
  case POOL_EVENT_FULL: return "full";
  case POOL_EVENT_NOT_FULL: return "not-full";
  case POOL_EVENT_CHECKSUM: return "checksum";
  case POOL_EVENT_BACKING: return "backing";
  case POOL_EVENT_POISONED: return "poisoned";
  case POOL_EVENT_CLOSED: return "closed";
  case POOL_EVENT_REPAIRED: return "repaired";
  case POOL_EVENT_WARNING: return "warning";
  case POOL_EVENT_FILLING: return "filling";
  case POOL_EVENT_NOT_FILLING: return "not-filling";
  }
  return "unknown";
}

static json_t *
event_percent (const struct pool_event *event)
{
  return event->percent > 0 ? json_integer (event->percent) : json_null ();
}

/* Send the events above *AFTER, and raise it.  1 = the caller wants to end. */
static int
send_events (struct pool *p, struct pool_event *events, uint64_t *after,
             struct pool_verb_call *call)
{
  size_t i, n = pool_events (p, *after, events, EVENTS_KEPT);
  json_t *j;
  int r;

  for (i = 0; i < n; ++i) {
    j = json_pack ("{s:I, s:I, s:s, s:s, s:o, s:o}",
                   "number", (json_int_t) events[i].number,
                   "time", (json_int_t) events[i].time,
                   "kind", kind_name (events[i].kind),
                   "volume", events[i].volume,
                   "text", verb_text (events[i].text),
                   "percent", event_percent (&events[i]));
    if (j == NULL)
      return base_fail_errno (ENOMEM, "events");
    r = call->line ? call->line (call->opaque, j) : 0;
    json_decref (j);
    if (r != 0)
      return 1;
    *after = events[i].number;
  }
  return 0;
}

int
verb_events (struct pool *p, const json_t *request,
             struct pool_verb_call *call, json_t **reply)
{
  CLEANUP_FREE struct pool_event *events = NULL;
  uint64_t after = 0;
  bool follow = false;
  int r;

  r = verb_bool (request, "follow", &follow);
  if (r == 0)
    r = verb_size_or (request, "after", 0, &after);
  if (r < 0)
    return r;
  events = base_calloc (EVENTS_KEPT, sizeof *events);
  if (events == NULL)
    return base_fail_errno (ENOMEM, "events");
  r = send_events (p, events, &after, call);
  while (r == 0 && follow && verb_progress (call, 0, 0) == 0)
    if (pool_events_wait (p, after, FOLLOW_MS))
      r = send_events (p, events, &after, call);
  return r < 0 ? r : verb_reply (reply, "last", verb_number (after));
}

/* ---- check --------------------------------------------------------------- */

struct check_state {
  struct pool_verb_call *call;
  json_t *problems;
  bool failed;                  /* no memory for the list */
  size_t sent;                  /* of them, as lines */
  uint64_t told;                /* also those that are not listed */
};

static void
check_problem (void *opaque, const struct pool_check_problem *problem)
{
  struct check_state *s = opaque;
  json_t *j;

  if (json_array_size (s->problems) >= PROBLEMS_MAX)
    return;
  j = json_pack ("{s:b, s:o}", "leak", problem->leak, "text",
                 verb_text (problem->text));
  if (json_array_append_new (s->problems, j) == -1)
    s->failed = true;
}

static int
check_progress (void *opaque, uint64_t done, uint64_t total)
{
  struct check_state *s = opaque;

  return verb_progress (s->call, done, total);
}

static json_t *
check_json (const struct pool_check_result *c, json_t *problems)
{
  return json_pack ("{s:b, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:O}",
                    "clean", c->errors == 0 && c->leaks == 0,
                    "errors", (json_int_t) c->errors,
                    "leaks", (json_int_t) c->leaks,
                    "blocks", (json_int_t) c->blocks,
                    "nodes", (json_int_t) c->nodes,
                    "data", (json_int_t) c->data,
                    "volumes", (int) c->volumes,
                    "snapshots", (int) c->snapshots,
                    "problems", problems);
}

int
verb_check (struct pool *p, const json_t *request,
            struct pool_verb_call *call, json_t **reply)
{
  struct check_state state = { .call = call };
  struct pool_check_options options = {
    .problem = check_problem, .progress = check_progress, .opaque = &state,
  };
  struct pool_check_result result = { .errors = 0 };
  bool repair = false;
  int r;

  r = verb_bool (request, "data", &options.data);
  if (r == 0)
    r = verb_bool (request, "repair", &repair);
  if (r == 0 && repair)
    r = base_fail (EBUSY, "is served: stop the server, then repair");
  if (r < 0)
    return r;
  state.problems = json_array ();
  if (state.problems == NULL)
    return base_fail_errno (ENOMEM, "check");
  r = pool_check (p, &options, &result);
  if (r == 0 && state.failed)
    r = base_fail_errno (ENOMEM, "check");
  if (r == 0) {
    *reply = check_json (&result, state.problems);
    if (*reply == NULL)
      r = base_fail_errno (ENOMEM, "check");
  }
  json_decref (state.problems);
  return r;
}

/* ---- scrub --------------------------------------------------------------- */

/* Commits may have to wait for this: it is sent between two steps. */
static void
scrub_damage (void *opaque, const struct pool_scrub_damage *d)
{
  struct check_state *s = opaque;
  json_t *j;

  s->told++;
  if (json_array_size (s->problems) >= PROBLEMS_MAX)
    return;
  j = json_pack ("{s:s, s:s, s:s, s:I, s:I, s:I, s:b}",
                 "volume", d->volume, "what", d->what, "why", d->why,
                 "offset", (json_int_t) d->offset,
                 "length", (json_int_t) d->length,
                 "block", (json_int_t) d->block, "repaired", d->repaired);
  if (json_array_append_new (s->problems, j) == -1)
    s->failed = true;
}

static void
send_damage (struct check_state *s)
{
  for (; s->sent < json_array_size (s->problems); s->sent++)
    if (s->call->line)
      (void) s->call->line (s->call->opaque,
                            json_array_get (s->problems, s->sent));
}

static int
scrub_progress (void *opaque, uint64_t done, uint64_t total)
{
  struct check_state *s = opaque;

  send_damage (s);
  return verb_progress (s->call, done, total);
}

static int
stop_scrub (struct pool *p, json_t **reply)
{
  return verb_reply (reply, "stopped", json_boolean (pool_scrub_stop (p)));
}

int
verb_scrub (struct pool *p, const json_t *request,
            struct pool_verb_call *call, json_t **reply)
{
  struct check_state state = { .call = call };
  struct pool_scrub_options options = {
    .damage = scrub_damage, .progress = scrub_progress, .opaque = &state,
  };
  struct pool_scrub_info result;
  bool stop = false;
  int r;

  r = verb_bool (request, "stop", &stop);
  if (r == 0)
    r = verb_size_or (request, "rate", POOL_SCRUB_RATE, &options.rate);
  if (r == 0 && options.rate == 0)
    r = base_fail (EINVAL, "request: rate: is zero");
  if (r < 0 || stop)
    return r < 0 ? r : stop_scrub (p, reply);
  state.problems = json_array ();
  if (state.problems == NULL)
    return base_fail_errno (ENOMEM, "scrub");
  r = pool_scrub (p, &options, &result);
  send_damage (&state);
  if (r == 0 && state.failed)
    r = base_fail_errno (ENOMEM, "scrub");
  if (r == 0) {
    *reply = json_pack ("{s:b, s:I, s:I, s:I, s:I, s:O}",
                        "clean", result.found == 0,
                        "bytes", (json_int_t) result.done,
                        "found", (json_int_t) result.found,
                        "repaired", (json_int_t) result.repaired,
                        "ranges", (json_int_t) state.told,
                        "damage", state.problems);
    if (*reply == NULL)
      r = base_fail_errno (ENOMEM, "scrub");
  }
  json_decref (state.problems);
  return r;
}
