/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pool's events as lines of the server's log:
 *
 *   nbdvol: POOL: volume VOLUME: WHAT: WHY; WHAT TO DO
 *
 * once per change, never per request.  Lines about trouble go through
 * nbdkit_error, which knows whether stderr or syslog is the log and puts
 * "error:" in front.  Lines that are no trouble (opened, closed) would look
 * like errors that way; they are written to stderr, or to syslog when nbdkit
 * has become a daemon and stderr is /dev/null.
 *
 * Events are written by a thread of their own.  The pool reports them on
 * whatever thread meets them, often one that serves a client, and newer
 * nbdkits send the last nbdkit_error text of such a thread to the client,
 * who must not learn the server's paths.
 *
 * While the pool is being opened there is no thread yet.  Trouble is then
 * written at once; "opened" waits for the thread, so that it reaches syslog
 * if nbdkit becomes a daemon, and is not said at all if nbdkit ends with an
 * error.
 */

#include <config.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#include "face.h"

#define QUEUE 64

static struct {
  struct base_mutex mutex;
  struct base_cond changed;
  struct base_thread thread;
  bool running;                 /* lock: mutex */
  bool stop;                    /* lock: mutex */
  size_t first, used;           /* lock: mutex; ring indexes */
  uint64_t lost;                /* lock: mutex; the ring was full */
  struct pool_event ring[QUEUE];        /* lock: mutex */
} log_queue;

void
face_log_init (void)
{
  base_mutex_init (&log_queue.mutex);
  base_cond_init (&log_queue.changed);
}

static bool
is_trouble (enum pool_event_kind kind)
{
  switch (kind) {
  case POOL_EVENT_OPENED:
  case POOL_EVENT_CLOSED:
  case POOL_EVENT_NOT_FULL:
  case POOL_EVENT_NOT_FILLING:
    return false;
  default:
    return true;
  }
}

static void
write_good_line (const char *line)
{
  struct stat st;

  if (fstat (STDERR_FILENO, &st) == 0 && S_ISCHR (st.st_mode) &&
      st.st_rdev == makedev (1, 3)) /* /dev/null */
    syslog (LOG_DAEMON | LOG_INFO, "%s", line);
  else
    dprintf (STDERR_FILENO, "%s\n", line);
}

static void
write_event (const struct pool_event *event)
{
  char line[sizeof event->text + sizeof event->volume + 512];

  snprintf (line, sizeof line, "nbdvol: %s: %s%s%s%s",
            face_config.given,
            *event->volume == '\0' ? ""
            : strchr (event->volume, '@') ? "snapshot " : "volume ",
            event->volume, *event->volume == '\0' ? "" : ": ", event->text);
  if (is_trouble (event->kind))
    nbdkit_error ("%s", line);
  else
    write_good_line (line);
}

void
face_log_event (void *opaque BASE_UNUSED, const struct pool_event *event)
{
  bool queued = false;

  base_mutex_lock (&log_queue.mutex);
  if (log_queue.running || !is_trouble (event->kind)) {
    queued = true;
    if (log_queue.used == QUEUE)
      log_queue.lost++;
    else {
      log_queue.ring[(log_queue.first + log_queue.used) % QUEUE] = *event;
      log_queue.used++;
      base_cond_signal (&log_queue.changed);
    }
  }
  base_mutex_unlock (&log_queue.mutex);
  if (!queued)
    write_event (event);
}

static void *
log_thread (void *arg BASE_UNUSED)
{
  struct pool_event event;
  uint64_t lost;

  base_mutex_lock (&log_queue.mutex);
  for (;;) {
    if (log_queue.used > 0) {
      event = log_queue.ring[log_queue.first];
      log_queue.first = (log_queue.first + 1) % QUEUE;
      log_queue.used--;
      lost = log_queue.lost;
      log_queue.lost = 0;
      base_mutex_unlock (&log_queue.mutex);
      write_event (&event);
      if (lost > 0)
        nbdkit_error ("nbdvol: %s: %" PRIu64 " more events; see "
                      "`nbdvol events`", face_config.given, lost);
      base_mutex_lock (&log_queue.mutex);
    }
    else if (log_queue.stop)
      break;
    else
      base_cond_wait (&log_queue.changed, &log_queue.mutex);
  }
  base_mutex_unlock (&log_queue.mutex);
  return NULL;
}

int
face_log_start (void)
{
  int r;

  log_queue.running = true;
  r = base_thread_create (&log_queue.thread, log_thread, NULL);
  if (r < 0) {
    log_queue.running = false;
    nbdkit_error ("pool: log thread: %s", strerror (-r));
    return -1;
  }
  return 0;
}

/* Writes what is queued, if there ever was a thread. */
void
face_log_stop (void)
{
  base_mutex_lock (&log_queue.mutex);
  if (!log_queue.running) {
    base_mutex_unlock (&log_queue.mutex);
    return;
  }
  log_queue.stop = true;
  base_cond_signal (&log_queue.changed);
  base_mutex_unlock (&log_queue.mutex);
  base_thread_join (&log_queue.thread);
  log_queue.running = false;
}
