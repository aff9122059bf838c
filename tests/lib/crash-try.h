/* SPDX-License-Identifier: BSD-3-Clause
 *
 * crash-try: chosen crashes, for directed tests.
 *
 * A test performs operations on a world that keeps a log, then asks what a
 * crash at a given point with a given set of survivors leaves.
 */

#ifndef NBDVOL_CRASH_TRY_H
#define NBDVOL_CRASH_TRY_H

#include "crash-states.h"
#include "crash-world.h"

/* A pool and what it stands on. */
struct bench {
  struct image *blank, *image;
  struct crash_world w;
  struct crash_actor a;
};

/* A new pool of BLOCKS blocks of 4 KiB with volume v0 of VOLUME blocks. */
extern void bench_init (struct bench *b, const struct crash_engine *e,
                        uint64_t blocks, uint64_t volume);
extern void bench_fini (struct bench *b);
/* Do one operation; a failure ends the test. */
extern void bench_do (struct bench *b, struct crash_op op);
#define BENCH_DO(b, ...)                                        \
  bench_do ((b), (struct crash_op) { __VA_ARGS__ })

/* Crash behind POINT; of the pending operations those landed whose bit is set
 * in SUBSET.  The pool must open, be sound and equal the oracle at a commit
 * that holds what was promised; else the test ends.
 */
extern void bench_crash (struct bench *b, uint64_t point, uint64_t subset);
/* The same at every point in [FROM, TO] with nothing, everything, each single
 * one and all but each single one landed.
 */
extern void bench_crash_all (struct bench *b, uint64_t from, uint64_t to);
/* The image of such a crash, for looking at; to be freed. */
extern struct image *bench_cut (struct bench *b, uint64_t point,
                                uint64_t subset);
/* Open IMAGE, which must equal the oracle now; ends the test if WANT (0 or
 * -errno of opening) is not what happens.
 */
extern void bench_open (struct bench *b, const struct image *image, int want);

#endif /* NBDVOL_CRASH_TRY_H */
