/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A superblock may tear, and its twin with it.  While a pool commits, closes
 * and opens, also after it was killed and after a flush failed, each copy of
 * a superblock that is being written may be the old one, the new one, or the
 * first half of one with the second half of the other.  Whatever comes of
 * that, the pool opens as at a commit that holds what was promised: what is
 * needed to fall back on is never in flight itself, and nothing says that a
 * generation was durable that was not.
 */

#include <config.h>

#include "crash-try.h"
#include "devices-test.h"
#include "format.h"
#include "test.h"

#define B ORACLE_PAGE
#define BLOCKS 64
#define COPIES 4
#define IN_FLIGHT 6             /* writes of copies, at most */
#define HALF (sizeof (struct format_super) / 2)

static uint64_t states, torn;

/* The copy that OP writes, or -1. */
static int
copy_of (const struct recorder_op *op)
{
  static const uint64_t where[COPIES] = {
    FORMAT_SLOT_A, (BLOCKS - 2) * (uint64_t) B,
    FORMAT_SLOT_B, (BLOCKS - 1) * (uint64_t) B };
  int i;

  for (i = 0; op->kind == RECORDER_WRITE && i < COPIES; i++)
    if (op->off == where[i])
      return i;
  return -1;
}

static void
judge (struct bench *b, uint64_t point, struct image *state, const char *how)
{
  struct crash_world w;
  size_t first, end;

  oracle_candidates (&b->w.timeline, point, &first, &end);
  crash_world_init (&w, b->w.e, state, true);
  CHECK_MSG (crash_world_open (&w, &b->w.timeline, first, end)
             && crash_world_check (&w, true),
             "crash behind %" PRIu64 ", copies %s: %s", point, how, w.failure);
  crash_world_fini (&w);
  states++;
}

/* C says what is pending.  It lands if OTHERS, but what writes a copy as HOW
 * says: 'o' old, 'n' new, 't' torn.
 */
static void
crash (struct bench *b, struct crash_states *cs, struct crash_choice *c,
       bool others, const char *how)
{
  const struct recorder_op *op;
  struct image *state;
  size_t i, k = 0;

  for (i = 0; i < c->n; i++) {
    op = &cs->log.ops[c->s[i].op];
    c->s[i].landed = (copy_of (op) < 0 ? others : how[k++] == 'n')
      ? LANDED_WHOLE : LANDED_NOT;
  }
  state = crash_states_build (cs, c);
  for (i = k = 0; i < c->n; i++) {
    op = &cs->log.ops[c->s[i].op];
    if (copy_of (op) >= 0 && how[k++] == 't') {
      image_write (state, op->data, HALF, op->off);
      torn++;
    }
  }
  judge (b, c->point, state, how);
  image_free (state);
}

static void
crashes (struct bench *b, struct crash_states *cs, uint64_t point)
{
  struct crash_choice c = { 0 };
  char how[IN_FLIGHT + 1] = "";
  size_t i, copies = 0;
  unsigned n, all, k;

  crash_states_pending (cs, point, &c);
  for (i = 0; i < c.n; i++)
    copies += copy_of (&cs->log.ops[c.s[i].op]) >= 0;
  CHECK (copies <= IN_FLIGHT);
  for (all = 1, k = 0; k < copies; k++)
    all *= 3;
  for (n = 0; copies > 0 && n < 2 * all; n++) {
    for (i = 0, k = n / 2; i < copies; i++, k /= 3)
      how[i] = "ont"[k % 3];
    crash_states_pending (cs, point, &c);
    crash (b, cs, &c, n % 2, how);
  }
  crash_choice_reset (&c);
}

static void
crashes_since (struct bench *b, uint64_t from)
{
  struct recorder_log log = recorder_log (b->w.log);
  struct crash_states cs;
  uint64_t point;

  crash_states_init (&cs, &log, b->blank);
  for (point = from; point <= log.now; point++)
    crashes (b, &cs, point);
  crash_states_fini (&cs);
}

static void
put (struct bench *b, uint64_t stamp)
{
  BENCH_DO (b, .kind = CRASH_WRITE, .off = stamp % 5 * B, .len = 2 * B,
            .stamp = 8 * stamp + 1);
  BENCH_DO (b, .kind = CRASH_FLUSH, .pool_wide = true);
}

static void
one (enum crash_kind kind, unsigned commits)
{
  struct bench b;
  uint64_t from;
  unsigned i;

  bench_init (&b, &crash_pool_engine, BLOCKS, 8);
  for (i = 0; i < commits; i++)
    put (&b, i);
  b.w.changes += commits / 2;   /* of badflush: the first or second flush */
  from = crash_world_position (&b.w);
  put (&b, 10);
  BENCH_DO (&b, .kind = CRASH_WRITE, .off = 6 * B, .len = B, .stamp = 101);
  BENCH_DO (&b, .kind = kind);
  put (&b, 11);
  crashes_since (&b, from);
  bench_fini (&b);
}

TEST_MAIN
{
  unsigned i;

  printf ("directed: the same on every run, as if by SEED=0\n");
  /* Both slots, in both roles. */
  for (i = 0; i < 4; i++) {
    one (CRASH_KILL, i);
    one (CRASH_REOPEN, i);
    one (CRASH_BADFLUSH, i);
  }
  printf ("%" PRIu64 " states, %" PRIu64 " torn copies\n", states, torn);
  CHECK (torn > 1000);
}
