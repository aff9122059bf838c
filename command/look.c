/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verbs that only look: ls, info, events, check.  Without a server they open
 * the pool read-only: nothing is written, and several may run at once.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "command.h"
#include "pool.h"

static const struct column volume_columns[] = {
  { "name", COLUMN_TEXT },
  { "type", COLUMN_TEXT },
  { "size", COLUMN_SIZE },
  { "used", COLUMN_SIZE },
  { "exclusive", COLUMN_SIZE },
  { "origin", COLUMN_TEXT },
  { "created", COLUMN_TIME },
  { "id", COLUMN_NUMBER },
  { "readonly", COLUMN_BOOL },
  { "connections", COLUMN_NUMBER },
  /* From here on only info has it. */
  { "reads", COLUMN_NUMBER },
  { "writes", COLUMN_NUMBER },
  { "flushes", COLUMN_NUMBER },
  { "trims", COLUMN_NUMBER },
  { "zeroes", COLUMN_NUMBER },
  { "bytes-read", COLUMN_SIZE },
  { "bytes-written", COLUMN_SIZE },
  { "errors", COLUMN_NUMBER },
  { "read-latency", COLUMN_TEXT },
  { "write-latency", COLUMN_TEXT },
  { "flush-latency", COLUMN_TEXT },
};
#define LS_COLUMNS 10
#define LS_DEFAULT "name,type,size,used,origin,created"

static const struct column pool_columns[] = {
  { "name", COLUMN_TEXT },
  { "uuid", COLUMN_TEXT },
  { "state", COLUMN_TEXT },
  { "last-error", COLUMN_TEXT },
  { "last-error-time", COLUMN_TIME },
  { "scrub", COLUMN_TEXT },
  { "owner", COLUMN_TEXT },
  { "readonly", COLUMN_BOOL },
  { "created", COLUMN_TIME },
  { "version", COLUMN_NUMBER },
  { "block-size", COLUMN_SIZE },
  { "capacity", COLUMN_SIZE },
  { "used", COLUMN_SIZE },
  { "available", COLUMN_SIZE },
  { "usable", COLUMN_SIZE },
  { "percent", COLUMN_NUMBER },
  { "threshold", COLUMN_NUMBER },
  { "crossed", COLUMN_TEXT },
  { "reserved", COLUMN_SIZE },
  { "reclaiming", COLUMN_SIZE },
  { "backed", COLUMN_SIZE },
  { "volumes", COLUMN_NUMBER },
  { "snapshots", COLUMN_NUMBER },
  { "generation", COLUMN_NUMBER },
  { "epoch", COLUMN_NUMBER },
  { "maximum", COLUMN_SIZE },
};

/* Is column NAME asked for, by -o or -s? */
static bool
wants (const struct command *c, const char *name)
{
  const size_t len = strlen (name);
  const char *p = c->columns;

  if (c->sort != NULL && strcmp (c->sort, name) == 0)
    return true;
  while (p != NULL) {
    if (strcspn (p, ",") == len && memcmp (p, name, len) == 0)
      return true;
    p = strchr (p, ',');
    if (p != NULL)
      p++;
  }
  return false;
}

/* Wrong -o or -s is found before the pool is opened. */
static int
check_columns (const struct command *c, const struct column *all, size_t nall,
               const char *defaults)
{
  const struct column **list = NULL;
  size_t n;
  int r;

  r = output_columns (c, all, nall, defaults, &list, &n);
  free (list);
  return r;
}

/* ---- ls ---------------------------------------------------------------- */

int
run_ls (struct command *c)
{
  struct target *t;
  json_t *request, *names, *reply;
  int code, r, found = EXIT_DONE;

  if (command_check_names (c, 2) < 0 ||
      check_columns (c, volume_columns, LS_COLUMNS, LS_DEFAULT) < 0)
    return report_usage (c);
  code = target_open (c, TARGET_LOOK, &t);
  if (code != EXIT_DONE)
    return code;
  request = json_pack ("{s:b}", "exclusive", wants (c, "exclusive"));
  if (c->nargs > 0) {
    names = command_names (c);
    if (names == NULL || json_object_set_new (request, "names", names) == -1) {
      json_decref (request);
      request = NULL;
    }
  }
  r = target_call (t, "ls", request, -1, &reply);
  if (r == 0) {
    if (given (c, OPT_JSON))
      print_json (json_incref (reply));
    else
      r = output_table (c, volume_columns, LS_COLUMNS, LS_DEFAULT,
                        json_object_get (reply, "volumes"));
    remark (c, "%zu listed",
            json_array_size (json_object_get (reply, "volumes")));
    json_decref (reply);
  }
  if (target_incomplete (t))    /* this may not be all */
    found = EXIT_DAMAGED;
  code = target_end (t, r);
  return code == EXIT_DONE ? found : code;
}

/* ---- info -------------------------------------------------------------- */

/* The pool is called what the caller calls it.  Without a server, how we
 * opened it is not a fact about it.
 */
static void
adapt_pool (const struct command *c, bool served, json_t *pool)
{
  if (pool == NULL)
    return;
  if (strncmp (c->pool, "unix:", 5) != 0)
    (void) json_object_set_new (pool, "name", json_string (c->pool));
  if (served)
    return;
  (void) json_object_set_new (pool, "readonly", json_null ());
  (void) json_object_set_new (pool, "owner", json_string (""));
  (void) json_object_set_new (pool, "crossed", json_null ());
  (void) json_object_set_new (pool, "counters", json_null ());
}

/* What has been counted since we opened it is nobody's business. */
static void
adapt_volume (bool served, json_t *volume)
{
  if (volume == NULL || served)
    return;
  (void) json_object_set_new (volume, "counters", json_null ());
  (void) json_object_set_new (volume, "latency", json_null ());
}

/* "80:1 90:0 95:0 99:0" */
static void
flatten_crossed (json_t *pool)
{
  json_t *crossed = json_object_get (pool, "crossed"), *n;
  char text[128] = "";
  const char *key;
  size_t len = 0;

  json_object_foreach (crossed, key, n)
    if (len < sizeof text)
      len += (size_t) snprintf (text + len, sizeof text - len, "%s%.8s:%lld",
                                len ? " " : "", key,
                                (long long) json_integer_value (n));
  (void) json_object_set_new (pool, "crossed", json_string (text));
}

#define BOUND_TEXT 24

/* Microseconds with a unit and one decimal, rounded up as the bound is. */
static void
bound_text (uint64_t us, char text[BOUND_TEXT])
{
  const uint64_t unit = us < 1000000 ? 1000 : 1000000;
  const uint64_t tenths = base_div_up (us, unit / 10);

  if (us == UINT64_MAX)
    snprintf (text, BOUND_TEXT, ">16.7s");
  else if (us < 1000)
    snprintf (text, BOUND_TEXT, "%" PRIu64 "us", us);
  else
    snprintf (text, BOUND_TEXT, "%" PRIu64 ".%" PRIu64 "%s", tenths / 10,
              tenths % 10, unit == 1000 ? "ms" : "s");
}

/* "p50 64us, p99 1.1ms, p99.9 4.1ms"; "" if there was no request.  A server
 * of another release may have other buckets: then nothing is said.
 */
static void
flatten_latency (json_t *volume, const char *what)
{
  const json_t *latency = json_object_get (volume, "latency");
  const json_t *list = json_object_get (latency, what);
  char a[BOUND_TEXT], b[BOUND_TEXT], c[BOUND_TEXT], key[32];
  uint64_t buckets[POOL_LATENCY_BUCKETS] = { 0 };
  json_t *text = NULL;
  size_t i;

  if (json_array_size (list) == POOL_LATENCY_BUCKETS)
    for (i = 0; i < POOL_LATENCY_BUCKETS; ++i)
      buckets[i] = (uint64_t) json_integer_value (json_array_get (list, i));
  if (pool_latency_bound (buckets, 500) > 0) {
    bound_text (pool_latency_bound (buckets, 500), a);
    bound_text (pool_latency_bound (buckets, 990), b);
    bound_text (pool_latency_bound (buckets, 999), c);
    text = json_sprintf ("p50 %s, p99 %s, p99.9 %s", a, b, c);
  }
  snprintf (key, sizeof key, "%s-latency", what);
  (void) json_object_set_new (volume, key, text ? text : json_string (""));
}

/* The members of members, as columns. */
static void
flatten (json_t *pool, json_t *volume)
{
  if (pool != NULL) {
    flatten_crossed (pool);
    (void) json_object_set_new (pool, "scrub", scrub_summary
                                (json_object_get (pool, "scrub")));
  }
  if (volume == NULL)
    return;
  (void) json_object_update_missing (volume,
                                     json_object_get (volume, "counters"));
  flatten_latency (volume, "read");
  flatten_latency (volume, "write");
  flatten_latency (volume, "flush");
}

int
run_info (struct command *c)
{
  const bool volume = c->nargs > 0;
  const struct column *all = volume ? volume_columns : pool_columns;
  const size_t nall = volume ? BASE_ARRAY_SIZE (volume_columns) :
    BASE_ARRAY_SIZE (pool_columns);
  struct target *t;
  json_t *request, *reply;
  int code, r;

  if (command_check_names (c, 2) < 0 ||
      check_columns (c, all, nall, "name") < 0)
    return report_usage (c);
  code = target_open (c, TARGET_PREFER_SERVER, &t);
  if (code != EXIT_DONE)
    return code;
  if (volume)                   /* exclusive takes time */
    request = json_pack ("{s:s, s:b}", "name", c->args[0], "exclusive",
                         c->columns == NULL || given (c, OPT_JSON) ||
                         wants (c, "exclusive"));
  else
    request = json_object ();
  r = target_call (t, "info", request, -1, &reply);
  if (r == 0) {
    adapt_pool (c, target_served (t), json_object_get (reply, "pool"));
    adapt_volume (target_served (t), json_object_get (reply, "volume"));
    if (given (c, OPT_JSON))
      print_json (json_incref (reply));
    else {
      flatten (json_object_get (reply, "pool"),
               json_object_get (reply, "volume"));
      r = output_facts (c, all, nall,
                        json_object_get (reply, volume ? "volume" : "pool"));
    }
    remark (c, "%s%sshown", volume ? c->args[0] : "", volume ? ": " : "");
    json_decref (reply);
  }
  return target_end (t, r);
}

/* ---- events ------------------------------------------------------------ */

struct events_state {
  const struct command *c;
  json_t *list;                 /* --json without --follow; else NULL */
  unsigned seen;
};

static int
event_line (void *opaque, json_t *object)
{
  struct events_state *s = opaque;
  const char *volume, *text;
  char time[BASE_TIME_TEXT];

  s->seen++;
  if (s->list != NULL)
    return json_array_append (s->list, object);
  if (given (s->c, OPT_JSON))
    print_json (json_incref (object));
  else {
    volume = json_string_value (json_object_get (object, "volume"));
    text = json_string_value (json_object_get (object, "text"));
    base_time_text (json_integer_value (json_object_get (object, "time")),
                    time);
    printf ("%s  %s%s%s%s\n", time,
            volume && volume[0] ? "volume " : "", volume ? volume : "",
            volume && volume[0] ? ": " : "", text ? text : "");
  }
  return fflush (stdout) == 0 ? 0 : -1;
}

static int
ask_events (struct events_state *s, struct target *t)
{
  const bool follow = given (s->c, OPT_FOLLOW);
  json_t *reply;
  int r;

  r = target_stream (t, "events", json_pack ("{s:b}", "follow", follow),
                     event_line, s, &reply);
  if (r == 0)
    json_decref (reply);
  return r;
}

/* A pool that nobody serves has no events: they are kept while serving. */
int
run_events (struct command *c)
{
  struct events_state s = { .c = c };
  struct target *t;
  int code, r = 0;

  code = target_open (c, TARGET_NEED_SERVER, &t);
  if (code != EXIT_DONE)
    return code;
  if (given (c, OPT_JSON) && !given (c, OPT_FOLLOW))
    s.list = json_array ();
  if (target_served (t))
    r = ask_events (&s, t);
  if (r == 0 && s.list != NULL)
    print_json (json_pack ("{s:O}", "events", s.list));
  if (r == 0)
    remark (c, "%u event%s shown", s.seen, s.seen == 1 ? "" : "s");
  json_decref (s.list);
  code = target_end (t, r);
  return code == EXIT_DONE && signal_seen () ? EXIT_SIGNAL + signal_seen () :
    code;
}

/* ---- check ------------------------------------------------------------- */

static void
print_check (const struct command *c, const json_t *reply)
{
  const json_t *problems = json_object_get (reply, "problems"), *problem;
  json_int_t errors = json_integer_value (json_object_get (reply, "errors"));
  json_int_t leaks = json_integer_value (json_object_get (reply, "leaks"));
  size_t i;

  json_array_foreach (problems, i, problem)
    printf ("%s: %s\n",
            json_is_true (json_object_get (problem, "leak")) ? "leak" :
            "error", json_string_value (json_object_get (problem, "text")));
  if (given (c, OPT_QUIET))
    return;
  if (errors == 0 && leaks == 0)
    printf ("%s: clean: ", c->pool);
  else
    printf ("%s: %lld errors, %lld leaked blocks: ", c->pool,
            (long long) errors, (long long) leaks);
  printf ("%lld volumes, %lld snapshots, %lld blocks\n",
          (long long) json_integer_value (json_object_get (reply, "volumes")),
          (long long) json_integer_value (json_object_get (reply,
                                                           "snapshots")),
          (long long) json_integer_value (json_object_get (reply, "blocks")));
}

int
run_check (struct command *c)
{
  struct target *t;
  json_t *reply;
  int code, r, found = EXIT_DONE;

  if (given (c, OPT_REPAIR))
    return run_repair (c);
  code = target_open (c, TARGET_LOOK, &t);
  if (code != EXIT_DONE)
    return code;
  r = target_call (t, "check", json_object (), -1, &reply);
  if (r == 0) {
    if (json_integer_value (json_object_get (reply, "errors")) > 0)
      found = EXIT_DAMAGED;
    else if (json_integer_value (json_object_get (reply, "leaks")) > 0)
      found = EXIT_LEAKS;
    if (given (c, OPT_JSON))
      print_json (json_incref (reply));
    else
      print_check (c, reply);
    remark (c, "checked, %s", found == EXIT_DONE ? "clean" :
            found == EXIT_LEAKS ? "only leaks" : "damaged");
    json_decref (reply);
  }
  code = target_end (t, r);
  return code == EXIT_DONE ? found : code;
}
