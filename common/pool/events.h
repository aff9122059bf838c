/* SPDX-License-Identifier: BSD-3-Clause
 *
 * events: the last hundred, and what has been reported already.
 */

#ifndef NBDVOL_POOL_EVENTS_H
#define NBDVOL_POOL_EVENTS_H

#include "base.h"
#include "pool.h"

#define EVENT_RING 100

struct events {
  struct base_mutex lock;
  struct base_cond changed;
  struct pool_event ring[EVENT_RING];   /* lock */
  uint64_t last;                        /* number; lock */
  char last_error[512]; int64_t last_error_time;        /* lock */
  uint64_t reported[64]; size_t nreported;      /* blocks; lock */
};

extern void event_log (struct pool *p, enum pool_event_kind kind,
                       const char *volume, const char *fs, ...)
  BASE_PRINTF (4, 5);
/* FILLING or NOT_FILLING, at the threshold PERCENT. */
extern void event_fill (struct pool *p, enum pool_event_kind kind,
                        unsigned percent, const char *fs, ...)
  BASE_PRINTF (4, 5);
/* The backing failed at PLACE, base_error_text () says how; once per place. */
extern void event_backing (struct pool *p, const char *who, uint64_t place);
/* A checksum error at PLACE, in WHAT; logged once per place. */
extern void event_checksum (struct pool *p, const char *volume,
                            uint64_t place, const char *fs, ...)
  BASE_PRINTF (4, 5);

#endif /* NBDVOL_POOL_EVENTS_H */
