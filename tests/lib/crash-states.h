/* SPDX-License-Identifier: BSD-3-Clause
 *
 * crash-states: what a disk may hold after the power was cut, from a log.
 *
 * The rules are those of devices-test.h, with one more: what was waiting for
 * a flush that failed is never made durable by a later one (the kernel has
 * marked its pages clean), only by being written again.
 *
 * A state is made for a crash point (just behind an order number of the log)
 * and a choice: which pending operations landed, whole or in part, and in
 * which order.  What is durable is folded into one image as the point moves on,
 * so points in ascending order are cheap.
 */

#ifndef NBDVOL_CRASH_STATES_H
#define NBDVOL_CRASH_STATES_H

#include "crash-image.h"
#include "devices-test.h"

/* Of one pending operation. */
enum crash_landed {
  LANDED_NOT,
  LANDED_WHOLE,
  LANDED_PREFIX,                /* the first N sectors */
  LANDED_SUFFIX,                /* all but the first N */
  LANDED_SOME,                  /* sectors by lot, of seed N */
};

struct crash_survivor {
  size_t op;                    /* index in the log */
  enum crash_landed landed;
  uint64_t n;
};

struct crash_choice {
  uint64_t point;
  struct crash_survivor *s;     /* one for each pending operation */
  size_t n, cap;
  uint64_t order;               /* 0 = order of issue, else a seed */
};

struct crash_states {
  struct recorder_log log;      /* its operations must stay */
  uint64_t *settled_at;         /* per operation: durable, or without effect,
                                 * from here on; UINT64_MAX = never */
  bool *dead;                   /* ... without effect */
  const struct image *base;     /* before the log */
  struct image *fold;           /* everything before `folded` */
  size_t folded;
  uint64_t point;
};

extern void crash_states_init (struct crash_states *cs,
                               const struct recorder_log *log,
                               const struct image *base);
extern void crash_states_fini (struct crash_states *cs);

/* How many operations are pending at POINT. */
extern size_t crash_states_pending (struct crash_states *cs, uint64_t point,
                                    struct crash_choice *c);
/* Fill C, which crash_states_pending has prepared, by chance. */
extern void crash_choose (const struct crash_states *cs,
                          struct crash_choice *c, struct base_rng *rng);
/* Subset number N of whole operations; N < 2^pending. */
extern void crash_choose_subset (struct crash_choice *c, uint64_t n);
extern uint64_t crash_choice_hash (const struct crash_choice *c);
extern void crash_choice_print (const struct crash_states *cs,
                                const struct crash_choice *c, FILE *fp);
extern void crash_choice_reset (struct crash_choice *c);

/* The image; to be freed before the next point is looked at. */
extern struct image *crash_states_build (struct crash_states *cs,
                                         const struct crash_choice *c);

#endif /* NBDVOL_CRASH_STATES_H */
