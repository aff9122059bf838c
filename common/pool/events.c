/* SPDX-License-Identifier: BSD-3-Clause
 *
 * events: what an operator is told, once per change.
 *
 * Every event goes to the callback that the opener gave (a face prints it)
 * and into a ring of the last hundred, which `nbdvol events` reads from a
 * served pool.  An event is never logged per request: a full pool once, until
 * it is no longer full; a damaged block once.  Of blocks only so many are
 * remembered, and one more event says that there are more.
 */

#include <config.h>

#include "pool-internal.h"

static void
remember_error (struct events *e, const struct pool_event *event)
{
  switch (event->kind) {
  case POOL_EVENT_CHECKSUM:
  case POOL_EVENT_BACKING:
  case POOL_EVENT_POISONED:
  case POOL_EVENT_FULL:
    if (event->volume[0])
      snprintf (e->last_error, sizeof e->last_error, "volume %.200s: %.300s",
                event->volume, event->text);
    else
      memcpy (e->last_error, event->text, sizeof e->last_error);
    e->last_error_time = event->time;
    break;
  default:
    break;
  }
}

static void
post (struct pool *p, enum pool_event_kind kind, const char *volume,
      unsigned percent, const char *fs, va_list args)
{
  struct events *e = &p->events;
  struct pool_event event;

  memset (&event, 0, sizeof event);
  event.kind = kind;
  event.percent = percent;
  event.time = base_wall_seconds ();
  snprintf (event.volume, sizeof event.volume, "%s", volume ? volume : "");
  vsnprintf (event.text, sizeof event.text, fs, args);

  base_mutex_lock (&e->lock);
  event.number = ++e->last;
  e->ring[(event.number - 1) % EVENT_RING] = event;
  remember_error (e, &event);
  base_cond_broadcast (&e->changed);
  base_mutex_unlock (&e->lock);
  if (p->options.event)
    p->options.event (p->options.event_opaque, &event);
}

void
event_log (struct pool *p, enum pool_event_kind kind, const char *volume,
           const char *fs, ...)
{
  va_list args;

  va_start (args, fs);
  post (p, kind, volume, 0, fs, args);
  va_end (args);
}

void
event_fill (struct pool *p, enum pool_event_kind kind, unsigned percent,
            const char *fs, ...)
{
  va_list args;

  va_start (args, fs);
  post (p, kind, "", percent, fs, args);
  va_end (args);
}

/* Remembers PLACE: is it to be reported, was it before, or are there too many
 * (which is said once)?
 */
enum report { REPORT, REPORT_MANY, REPORTED };

static enum report
report_place (struct events *e, uint64_t place)
{
  const size_t max = BASE_ARRAY_SIZE (e->reported);
  size_t i;
  LOCK_FOR_SCOPE (&e->lock);

  for (i = 0; i < BASE_MIN (e->nreported, max); ++i)
    if (e->reported[i] == place)
      return REPORTED;
  if (e->nreported > max)
    return REPORTED;
  if (e->nreported++ == max)
    return REPORT_MANY;
  e->reported[e->nreported - 1] = place;
  return REPORT;
}

static void
say_many (struct pool *p, enum pool_event_kind kind)
{
  event_log (p, kind, "", "errors in more than %zu blocks: further ones are "
             "not logged; look after what is below the pool",
             BASE_ARRAY_SIZE (p->events.reported));
}

/* WHAT: "bytes A..B" of the volume, or the metadata it is. */
void
event_checksum (struct pool *p, const char *volume, uint64_t place,
                const char *fs, ...)
{
  char what[128];
  va_list args;

  va_start (args, fs);
  vsnprintf (what, sizeof what, fs, args);
  va_end (args);
  atomic_fetch_add (&p->n_checksum_errors, 1);
  atomic_store (&p->damaged, true);
  switch (report_place (&p->events, place)) {
  case REPORT:
    event_log (p, POOL_EVENT_CHECKSUM, volume, "checksum error in %s (block %"
               PRIu64 " of the pool); restore it from a copy", what, place);
    break;
  case REPORT_MANY:
    say_many (p, POOL_EVENT_CHECKSUM);
    break;
  case REPORTED:
    break;
  }
}

size_t
pool_events (struct pool *p, uint64_t after, struct pool_event *events,
             size_t max)
{
  struct events *e = &p->events;
  uint64_t first, i;
  size_t n = 0;
  LOCK_FOR_SCOPE (&e->lock);

  first = e->last > EVENT_RING ? e->last - EVENT_RING + 1 : 1;
  first = BASE_MAX (first, after + 1);
  for (i = first; i <= e->last && n < max; ++i)
    events[n++] = e->ring[(i - 1) % EVENT_RING];
  return n;
}

bool
pool_events_wait (struct pool *p, uint64_t after, uint64_t ms)
{
  struct events *e = &p->events;
  LOCK_FOR_SCOPE (&e->lock);

  if (e->last <= after)
    base_cond_timedwait (&e->changed, &e->lock, ms);
  return e->last > after;
}

void
event_backing (struct pool *p, const char *who, uint64_t place)
{
  switch (report_place (&p->events, place)) {
  case REPORT:
    event_log (p, POOL_EVENT_BACKING, who, "backing error at block %" PRIu64
               " of the pool: %s", place, base_error_text ());
    break;
  case REPORT_MANY:
    say_many (p, POOL_EVENT_BACKING);
    break;
  case REPORTED:
    break;
  }
}
