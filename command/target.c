/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pool that a verb is for: served by another process, or opened here.
 *
 * The lock on the backing decides.  If we get it, the pool is ours and verbs
 * are function calls.  If somebody has it, the verbs go to that process's
 * control socket, if it has one that can be found (owner.c).  A verb that only
 * looks shares the lock with servers that only read, and does without them;
 * but what only a server can know is asked of it.
 *
 * A pool may be locked without being served for a moment (a server that
 * starts or ends, another nbdvol), so all of this is tried again for --wait.
 */

#include <config.h>

#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "command.h"
#include "control.h"
#include "devices.h"
#include "pool.h"

#define RETRY_MS 50
#define READER_MS 2000          /* a server that we can do without */
#define EVENTS_MAX 10           /* lines; more are counted */

struct target {
  const struct command *c;
  enum target_use use;
  struct pool *pool;            /* opened here; else NULL */
  bool readonly;
  bool incomplete;              /* parts of the pool's own trees are damaged */
  char *event[EVENTS_MAX];      /* what nobody else would hear of */
  unsigned nevents;
  struct control_client *client;        /* served; else NULL */
  struct progress progress;
  int (*line) (void *opaque, json_t *object);
  void *line_opaque;
};

/* ---- the same file? ---------------------------------------------------- */

/* Only the opener knows its kinds.  Each refuses KIND(), which has too few
 * arguments, and without such a kind that is the path of a missing file.
 */
const char *
target_path (const char *text)
{
  const size_t n = strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789+-");
  CLEANUP_FREE char *probe = NULL;
  CLEANUP_FREE char *message = NULL;
  CLEANUP_VDEV struct vdev *d = NULL;

  if (strncmp (text, "file:", 5) == 0)
    return text + 5;
  if (n == 0 || (text[n] != ':' && text[n] != '('))
    return text;
  message = base_strdup (base_error_text ());
  probe = base_asprintf ("%.*s()", (int) n, text);
  if (probe != NULL &&
      vdev_open (probe, VDEV_OPEN_RO | VDEV_OPEN_NOLOCK, &d) == -EINVAL)
    text = NULL;
  (void) base_fail (EINVAL, "%s", message ? message : "");
  return text;
}

/* A directory is a path well-formed, and no pool: not wrong usage. */
int
target_open_code (const struct command *c, int r)
{
  return r == -EINVAL && target_path (c->pool) != NULL ? EXIT_FAILED :
    exit_code (r);
}

/* False also if one of them cannot be looked at or is NULL. */
static bool
same_file (const char *a, const char *b)
{
  struct stat sa, sb;

  if (a == NULL || b == NULL || stat (a, &sa) == -1 || stat (b, &sb) == -1)
    return false;
  if (S_ISBLK (sa.st_mode) && S_ISBLK (sb.st_mode))
    return sa.st_rdev == sb.st_rdev;
  return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

bool
target_is_backing (const struct command *c, const char *path)
{
  return same_file (target_path (c->pool), path);
}

/* ---- served ------------------------------------------------------------ */

/* POOL is unix:PATH. */
static int
open_socket (struct target *t)
{
  const struct command *c = t->c;
  int r;

  r = control_connect (c->pool + 5, c->wait_ms, signal_cancelled, NULL,
                       &t->client);
  if (r == 0)
    return EXIT_DONE;
  if (r == -ENOENT)
    return report_code (c, r, EXIT_MISSING);
  return report_code (c, r, r == -ECONNREFUSED || r == -ETIMEDOUT ?
                      EXIT_IN_USE : exit_code (r));
}

/* ---- opened here ------------------------------------------------------- */

/* A server would log it and keep it. */
static void
on_event (void *opaque, const struct pool_event *e)
{
  struct target *t = opaque;

  switch (e->kind) {
  case POOL_EVENT_CHECKSUM: case POOL_EVENT_BACKING:
  case POOL_EVENT_POISONED: case POOL_EVENT_WARNING:
    if (t->nevents < EVENTS_MAX)
      t->event[t->nevents] = base_asprintf ("%s%s%s", e->volume,
                                            e->volume[0] ? ": " : "",
                                            e->text);
    t->nevents++;
    break;
  case POOL_EVENT_REPAIRED:
    remark (t->c, "%s", e->text);
    break;
  case POOL_EVENT_OPENED: case POOL_EVENT_CLOSED:
  case POOL_EVENT_FULL: case POOL_EVENT_NOT_FULL:
  case POOL_EVENT_FILLING: case POOL_EVENT_NOT_FILLING:
    break;
  }
}

/* SAY: the verb was done, so no error tells of them. */
static void
drop_events (struct target *t, bool say)
{
  const struct command *c = t->c;
  unsigned i;

  for (i = 0; i < t->nevents && i < EVENTS_MAX; ++i) {
    if (say)
      complain ("%s: %s: %s", c->verb->name, c->pool,
                t->event[i] ? t->event[i] : "out of memory");
    free (t->event[i]);
  }
  if (say && i < t->nevents)
    complain ("%s: %s: and %u more like this", c->verb->name, c->pool,
              t->nevents - i);
  t->nevents = 0;
}

static int
open_here (struct target *t)
{
  struct pool_options options = { .readonly = t->readonly,
                                  .name = t->c->pool, .event = on_event,
                                  .event_opaque = t };
  struct vdev *backing;
  int r;

  r = vdev_open (t->c->pool, t->readonly ? VDEV_OPEN_RO : 0, &backing);
  if (r < 0)
    return r;
  r = vdev_start (backing);
  if (r == 0)
    r = pool_open (backing, &options, &t->pool);
  t->incomplete = r == 0 && t->nevents > 0;
  if (r < 0) {
    vdev_unref (backing);
    drop_events (t, false);
  }
  return r;
}

/* The pool is open here.  If a server has it open as well, which can only be
 * one that reads, ask that one instead.  OTHERS: somebody else had the lock.
 */
static int
prefer_server (struct target *t, bool others, uint64_t ms)
{
  struct pool_info info;
  int r;

  pool_get_info (t->pool, &info);
  r = owner_connect_reader (t->c, info.uuid, BASE_MIN (ms, READER_MS),
                            &t->client);
  if (r == 0 || (others && t->use == TARGET_NEED_SERVER)) {
    pool_abandon (t->pool);
    drop_events (t, false);
    t->pool = NULL;
    t->incomplete = false;
  }
  if (r < 0 && t->pool == NULL)
    return base_fail (EBUSY, "in use by another process (it is locked)");
  return 0;
}

static int
open_once (struct target *t, uint64_t ms)
{
  const bool prefer = t->use == TARGET_PREFER_SERVER ||
    t->use == TARGET_NEED_SERVER ||
    (t->use == TARGET_MEND && t->readonly);
  const bool others = prefer &&
    owner_is_locked (target_path (t->c->pool));
  int r = open_here (t);

  return r == 0 && prefer ? prefer_server (t, others, ms) : r;
}

/* R said why the pool cannot be opened for writing.  What only mends looks at
 * it all the same, where that is allowed: -R's message stays if it is not.
 */
static int
look_instead (struct target *t, int r)
{
  CLEANUP_FREE char *why = NULL;

  if (t->use != TARGET_MEND || t->readonly ||
      (r != -EBUSY && r != -EBADMSG && r != -EROFS && r != -EACCES))
    return r;
  why = base_strdup (base_error_text ());
  t->readonly = true;
  if (open_once (t, READER_MS) == 0)
    return 0;
  t->readonly = false;
  return base_fail (-r, "%s", why ? why : "");
}

static int
report_in_use (const struct command *c, const char *lock)
{
  CLEANUP_FREE char *why = base_strdup (base_error_text ());
  int r = owner_explain (c, lock ? lock : "in use", why ? why : "");

  return report_code (c, r, EXIT_IN_USE);
}

static int
open_any (struct target *t)
{
  const struct command *c = t->c;
  struct owner_search search = { .c = c };
  uint64_t now = base_monotonic_ns () / 1000000, end = now + c->wait_ms;
  CLEANUP_FREE char *lock = NULL;
  int r;

  for (;;) {
    r = open_once (t, end > now ? end - now : 0);
    if (r == 0 || r != -EBUSY)
      break;
    if (lock == NULL)
      lock = base_strdup (base_error_text ());
    r = owner_connect (&search, end > now ? end - now : 0, &t->client);
    now = base_monotonic_ns () / 1000000;
    if (r < 0 && signal_seen ())
      return report (c, base_fail (ECANCELED, "interrupted"));
    if (r == 0 || now >= end)
      break;
    (void) poll (NULL, 0, RETRY_MS);
  }
  if (r < 0)
    r = look_instead (t, r);
  if (r == 0)
    return EXIT_DONE;
  if (r == -EBUSY)
    return report_in_use (c, lock);
  if (r == -ENOENT)
    r = base_fail (ENOENT, "no such pool; make one with `nbdvol init %s SIZE`",
                   c->pool);
  return report_code (c, r, target_open_code (c, r));
}

int
target_open (const struct command *c, enum target_use use,
             struct target **ret)
{
  struct target *t = base_calloc (1, sizeof *t);
  int code;

  *ret = NULL;
  if (t == NULL)
    return report (c, base_fail_errno (ENOMEM, "nbdvol"));
  t->c = c;
  t->use = use;
  t->readonly = use != TARGET_CHANGE && use != TARGET_MEND;
  progress_init (&t->progress, c);
  code = strncmp (c->pool, "unix:", 5) == 0 ? open_socket (t) : open_any (t);
  if (code != EXIT_DONE) {
    free (t);
    return code;
  }
  if (t->pool != NULL)
    remark (c, "opened here%s", t->readonly ? ", to look at it" : "");
  *ret = t;
  return EXIT_DONE;
}

bool
target_served (const struct target *t)
{
  return t->client != NULL;
}

bool
target_incomplete (const struct target *t)
{
  return t->incomplete;
}

/* ---- calling ----------------------------------------------------------- */

static void
show_progress (void *opaque, uint64_t done, uint64_t total)
{
  struct target *t = opaque;

  progress_show (&t->progress, done, total);
}

static int
progress_here (void *opaque, uint64_t done, uint64_t total)
{
  show_progress (opaque, done, total);
  return signal_seen () != 0;
}

static int
pass_line (void *opaque, json_t *object)
{
  struct target *t = opaque;

  progress_clear (&t->progress);
  return t->line ? t->line (t->line_opaque, object) : 0;
}

static int
call_served (struct target *t, const char *verb, const json_t *request,
             int fd, json_t **reply)
{
  struct control_client_call call = {
    .fd = fd, .progress = show_progress, .line = pass_line,
    .cancelled = signal_cancelled, .opaque = t,
  };

  return control_request (t->client, verb, request, &call, reply);
}

static int
call_here (struct target *t, const char *verb, const json_t *request, int fd,
           json_t **reply)
{
  struct pool_verb_call call = {
    .fd = fd, .progress = progress_here, .line = pass_line, .opaque = t,
  };

  return pool_verb (t->pool, verb, request, &call, reply);
}

int
target_call (struct target *t, const char *verb, json_t *request, int fd,
             json_t **reply)
{
  int r;

  if (request == NULL)
    return base_fail (EINVAL, "an argument is not UTF-8");
  *reply = NULL;
  if (t->client != NULL)
    r = call_served (t, verb, request, fd, reply);
  else
    r = call_here (t, verb, request, fd, reply);
  progress_clear (&t->progress);
  json_decref (request);
  return r;
}

int
target_stream (struct target *t, const char *verb, json_t *request,
               int (*line) (void *, json_t *), void *opaque, json_t **reply)
{
  t->line = line;
  t->line_opaque = opaque;
  return target_call (t, verb, request, -1, reply);
}

/* ---- ending ------------------------------------------------------------ */

/* What info says of the pool, and base_error_text () stays.  A new
 * reference; NULL if it says nothing.
 */
static json_t *
ask_pool (struct target *t)
{
  CLEANUP_FREE char *text = base_strdup (base_error_text ());
  json_t *reply, *pool;

  if (target_call (t, "info", json_object (), -1, &reply) < 0)
    reply = NULL;
  pool = json_incref (json_object_get (reply, "pool"));
  json_decref (reply);
  (void) base_fail (EIO, "%s", text ? text : "");
  return pool;
}

/* After an I/O error: has it poisoned the pool? */
static bool
is_poisoned (struct target *t)
{
  json_t *pool = ask_pool (t);
  const char *state = json_string_value (json_object_get (pool, "state"));
  const bool poisoned = state != NULL && strcmp (state, "poisoned") == 0;

  json_decref (pool);
  return poisoned;
}

/* EROFS: is it the server that only reads?  Then say who that is. */
static void
name_reader (struct target *t)
{
  const json_t *greeting;
  json_t *pool;

  if (t->client == NULL)
    return;
  pool = ask_pool (t);
  greeting = control_greeting (t->client);
  if (json_is_true (json_object_get (pool, "readonly")))
    (void) base_fail (EROFS, "%s by pid %lld; try again when that has ended",
                      base_error_text (),
                      (long long) json_integer_value
                      (json_object_get (greeting, "pid")));
  json_decref (pool);
}

/* The space of what was removed comes back before we end, since nobody else
 * is there to do it; a signal leaves the rest for the next opening.
 */
static int
close_pool (struct target *t)
{
  int r = 0;

  while (!t->readonly && !signal_seen () && r >= 0) {
    r = pool_work (t->pool);
    if (r == 0)
      break;
  }
  if (r >= 0)
    return pool_close (t->pool);
  pool_abandon (t->pool);
  return r;
}

/* Names and sizes were well-formed before the verb was called: EINVAL is a
 * refusal, not wrong usage.
 */
int
target_code (struct target *t, int r)
{
  if (r == -EROFS)
    name_reader (t);
  if (r == -ENOENT && t->incomplete) {
    (void) base_fail (ENOENT, "%s, as far as this pool can be read; it is "
                      "damaged", base_error_text ());
    return EXIT_DAMAGED;
  }
  if (r == -EINVAL)
    return EXIT_FAILED;
  return r == -EIO && is_poisoned (t) ? EXIT_DAMAGED : exit_code (r);
}

int
target_end (struct target *t, int r)
{
  int code = EXIT_DONE;

  if (r < 0)
    code = report_verb (t->c, r, target_code (t, r));
  control_disconnect (t->client);
  if (t->pool != NULL) {
    r = close_pool (t);
    if (r < 0 && code == EXIT_DONE)
      code = report_code (t->c, r, r == -EIO ? EXIT_DAMAGED : exit_code (r));
  }
  /* These have printed them. */
  drop_events (t, code == EXIT_DONE && t->c->verb->run != run_check &&
               t->c->verb->run != run_scrub);
  free (t);
  return code;
}

int
target_change (const struct command *c, json_t *request,
               void (*say) (const struct command *, const json_t *))
{
  struct target *t;
  json_t *reply;
  int code, r;

  code = target_open (c, TARGET_CHANGE, &t);
  if (code != EXIT_DONE) {
    json_decref (request);
    return code;
  }
  r = target_call (t, c->verb->name, request, -1, &reply);
  code = target_end (t, r);
  if (r == 0) {
    say (c, reply);
    if (code == EXIT_DONE && given (c, OPT_JSON))
      print_json (json_incref (reply));
    json_decref (reply);
  }
  return code;
}
