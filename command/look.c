/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verbs that only look: ls, info, events, check.  Without a server they open
 * the pool read-only: nothing is written, and several may run at once.
 */

#include <config.h>

#include <stdlib.h>

#include "command.h"

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
};
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
      check_columns (c, volume_columns, BASE_ARRAY_SIZE (volume_columns),
                     LS_DEFAULT) < 0)
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
      r = output_table (c, volume_columns, BASE_ARRAY_SIZE (volume_columns),
                        LS_DEFAULT, json_object_get (reply, "volumes"));
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
  (void) json_object_set_new (pool, "counters", json_null ());
}

static int
print_info (struct command *c, const struct column *all, size_t nall,
            json_t *reply)
{
  json_t *pool = json_object_get (reply, "pool");

  if (given (c, OPT_JSON)) {
    print_json (json_incref (reply));
    return 0;
  }
  if (pool == NULL)
    return output_facts (c, all, nall, json_object_get (reply, "volume"));
  (void) json_object_set_new (pool, "scrub", scrub_summary
                              (json_object_get (pool, "scrub")));
  return output_facts (c, all, nall, pool);
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
    r = print_info (c, all, nall, reply);
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
