/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making histories; crash-history.h says what they are for.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "crash-history.h"
#include "devices-test.h"
#include "sim.h"

#define ACTORS_MOST 6

/* ---- the shape of a pool ----------------------------------------------- */

void
crash_shape_make (struct crash_run *run, struct base_rng *rng,
                  struct crash_shape *shape)
{
  static const uint16_t blocks[] = {
    40, 40, 44, 48, 56, 64, 64, 80, 96, 128, 192, 256 };
  static const struct crash_mix *const mixes[] = {
    &crash_mix_plain, &crash_mix_full, &crash_mix_full, &crash_mix_verbs,
    &crash_mix_data };
  static const uint64_t journals[] = { 6, 7, 9, 12, 20, 40, 100 };

  shape->blocks = blocks[base_rng_below (rng, BASE_ARRAY_SIZE (blocks))];
  /* In tiny pools several writers do little but wait for each other. */
  if (run->threads && base_rng_below (rng, 4) > 0)
    shape->blocks = 512 << base_rng_below (rng, 3);
  shape->block = ORACLE_PAGE;
  if (run->e->fixed_volumes == 0 && base_rng_below (rng, 16) == 0)
    shape->block = 2 * ORACLE_PAGE;
  shape->mix = mixes[base_rng_below (rng, BASE_ARRAY_SIZE (mixes))];
  shape->journal = journals[base_rng_below (rng, BASE_ARRAY_SIZE (journals))];
  shape->journal = BASE_MIN (shape->journal, shape->blocks / 5);
  /* What is before the journal takes 128 KiB. */
  if (!run->e->journal || base_rng_below (rng, 4) == 0 || shape->journal < 6
      || shape->journal + 44 > shape->blocks)
    shape->journal = 0;
}

bool
crash_past_start (struct crash_run *run, struct crash_past *past,
                  const struct crash_shape *shape)
{
  struct pool_format_options o = { .block_size = shape->block,
    .journal_size = shape->journal * shape->block };
  struct crash_op op = { .kind = CRASH_CREATE };
  uint64_t size = shape->blocks * shape->block;
  unsigned i;

  past->blank = image_new (size);
  past->image = image_new (size);
  crash_world_init (&past->w, run->e, past->image, true);
  past->w.cache_size = 1 << 20;
  past->w.grow_limit = size * 2;
  past->w.keep_spans = true;
  past->w.verbose = run->verbose;
  past->w.drop_flush = run->drop_flush;
  past->w.journal = shape->journal > 0;
  crash_actor_init (&past->a, &past->w, 0);
  if (!crash_world_format (&past->w, &o))
    return false;
  for (i = 0; i < 2 && run->e->fixed_volumes == 0; i++) {
    op.vol = i;
    op.len = i == 0 ? 8 * shape->block : 10 * shape->block - 1000;
    if (!crash_do (&past->a, &op))
      return false;
  }
  return true;
}

/* ---- one thread -------------------------------------------------------- */

/* Do an operation of KIND, making first what it needs.  Sets the subject. */
static bool
do_kind (struct crash_run *run, struct crash_past *past,
         struct crash_actor *a, enum crash_kind kind, struct base_rng *rng)
{
  static const enum crash_kind needs[] = {
    CRASH_CREATE, CRASH_SNAPSHOT, CRASH_REMOVE };
  struct crash_op op;
  unsigned tries;
  size_t span;

  for (tries = 0; tries < 12; tries++) {
    if (crash_op_make (a, kind, rng, &op)) {
      span = past->w.nspans;
      if (run->verbose)
        printf ("  the subject, by %u:\n", a->number);
      if (!crash_do (a, &op))
        return false;
      past->subject = span;
      return true;
    }
    if (crash_op_make (a, needs[tries % 3], rng, &op) && !crash_do (a, &op))
      return false;
  }
  return true;
}

static bool
durable_by_itself (enum crash_kind kind)
{
  return kind == CRASH_FUA || kind == CRASH_FLUSH ||
    (kind >= CRASH_CREATE && kind != CRASH_RECLAIM);
}

static bool
some_ops (struct crash_actor *a, const struct crash_mix *mix, unsigned n,
          struct base_rng *rng)
{
  struct crash_op op;

  while (n-- > 0) {
    crash_op_random (a, mix, rng, &op);
    if (!crash_do (a, &op))
      return false;
  }
  return true;
}

/* Writes that nobody flushes. */
bool
crash_writes (struct crash_actor *a, unsigned n, struct base_rng *rng)
{
  static const enum crash_kind kinds[] = {
    CRASH_WRITE, CRASH_PARTIAL, CRASH_WRITE, CRASH_TRIM, CRASH_LARGE };
  struct crash_op op;

  while (n-- > 0)
    if (crash_op_make (a, kinds[base_rng_below (rng, 5)], rng, &op)) {
      op.flags &= ~VDEV_FUA;
      if (!crash_do (a, &op))
        return false;
    }
  return true;
}

static bool
one_thread (struct crash_run *run, struct crash_past *past,
            enum crash_kind kind, struct base_rng *rng)
{
  struct crash_actor *a = &past->a;
  struct crash_op flush = { .kind = CRASH_FLUSH, .pool_wide = true };
  struct crash_op checkpoint = { .kind = CRASH_CHECKPOINT };

  /* Half of them find something in the journal. */
  if (!crash_writes (a, 1 + base_rng_below (rng, 3), rng) ||
      (base_rng_below (rng, 2) &&
       (!crash_do (a, &flush) || !crash_writes (a, 1, rng))) ||
      !do_kind (run, past, a, kind, rng))
    return false;
  if (!durable_by_itself (kind) && !crash_do (a, &flush))
    return false;
  /* What is in the journal comes to the trees. */
  if (past->w.journal && (run->e->kinds >> CRASH_CHECKPOINT & 1) &&
      base_rng_below (rng, 3) > 0 && !crash_do (a, &checkpoint))
    return false;
  return crash_writes (a, 2 + base_rng_below (rng, 3), rng);
}

/* ---- several threads --------------------------------------------------- */

/* Actor 1 does the subject and another one anything; the rest write all the
 * time until the subject is done, so that its commit has company.
 */
struct writer {
  struct crash_run *run;
  struct crash_past *past;
  struct crash_actor a;
  struct base_rng rng;
  struct base_thread t;
  const struct crash_mix *mix;
  enum crash_kind kind;         /* of the subject; CRASH_KINDS = none */
  unsigned ops;
};

static void
do_subject (struct writer *wr)
{
  struct crash_op flush = { .kind = CRASH_FLUSH, .pool_wide = true };

  some_ops (&wr->a, wr->mix, wr->ops / 2, &wr->rng);
  if (!wr->past->w.failed)
    do_kind (wr->run, wr->past, &wr->a, wr->kind, &wr->rng);
  if (!wr->past->w.failed && !durable_by_itself (wr->kind))
    crash_do (&wr->a, &flush);
  wr->past->subject_done = true;
  some_ops (&wr->a, wr->mix, wr->ops - wr->ops / 2, &wr->rng);
}

static void *
writer_run (void *arg)
{
  struct writer *wr = arg;
  unsigned i;

  if (wr->kind != CRASH_KINDS)
    do_subject (wr);
  else if (wr->mix != &crash_mix_writes)
    some_ops (&wr->a, wr->mix, wr->ops, &wr->rng);
  else {
    for (i = 0; i < 60 && !wr->past->subject_done && !wr->past->w.failed; i++)
      some_ops (&wr->a, wr->mix, 1, &wr->rng);
    some_ops (&wr->a, wr->mix, 2, &wr->rng);
  }
  return NULL;
}

static bool
many_threads (struct crash_run *run, struct crash_past *past,
              enum crash_kind kind, struct base_rng *rng)
{
  static const struct crash_mix *const mixes[] = {
    &crash_mix_data, &crash_mix_data, &crash_mix_plain, &crash_mix_verbs };
  struct writer wr[ACTORS_MOST];
  unsigned i, n = 4 + base_rng_below (rng, ACTORS_MOST - 3);
  struct sim_options o = {
    .seed = base_rng_u64 (rng),
    .policy = base_rng_below (rng, 6) == 0 ? SIM_PRIORITY : SIM_RANDOM,
    .stay = base_rng_below (rng, 200),
    .spurious = base_rng_below (rng, 4) == 0,
  };
  struct sim_result result;

  if (o.policy == SIM_PRIORITY)
    o.stay = 224 + base_rng_below (rng, 32);
  crash_actor_close (&past->a, 0);
  past->w.concurrent = true;
  sim_start (&o);
  for (i = 0; i < n; i++) {
    wr[i].run = run;
    wr[i].past = past;
    crash_actor_init (&wr[i].a, &past->w, i + 1);
    base_rng_seed (&wr[i].rng, base_rng_u64 (rng));
    wr[i].mix = i > 0 && i + 2 != n ? &crash_mix_writes
      : mixes[base_rng_below (rng, BASE_ARRAY_SIZE (mixes))];
    wr[i].kind = i == 0 ? kind : CRASH_KINDS;
    wr[i].ops = 3 + base_rng_below (rng, 8);
    if (base_thread_create (&wr[i].t, writer_run, &wr[i]) < 0)
      abort ();
  }
  for (i = 0; i < n; i++) {
    base_thread_join (&wr[i].t);
    crash_actor_fini (&wr[i].a);
  }
  sim_stop (&result);
  past->w.concurrent = false;
  run->points += result.points;
  run->switches += result.switches;
  return !past->w.failed;
}

/* ---- all together ------------------------------------------------------ */

enum crash_kind
crash_subject_kind (const struct crash_run *run, uint64_t history)
{
  /* Half of what changes data goes to the journal, and what does not shares
   * the other phases with the verbs: so it comes twice as often.
   */
  static const uint8_t more[] = {
    CRASH_WRITE, CRASH_PARTIAL, CRASH_LARGE, CRASH_FUA, CRASH_TRIM, CRASH_ZERO,
    CRASH_FLUSH, CRASH_CHECKPOINT };
  uint64_t n = history / 3;

  for (;;) {
    uint64_t i = n % (CRASH_SUBJECTS + BASE_ARRAY_SIZE (more));
    enum crash_kind kind = i < CRASH_SUBJECTS ? i : more[i - CRASH_SUBJECTS];
    if (run->e->kinds >> kind & 1)
      return kind;
    n = n * UINT64_C (6364136223846793005) % 1000003 + 1;
  }
}

bool
crash_past_make (struct crash_run *run, struct crash_past *past)
{
  struct crash_shape shape;
  struct base_rng rng;
  struct crash_op op;
  enum crash_kind kind;
  bool opening;

  memset (past, 0, sizeof *past);
  if (run->exhaustive)
    return crash_past_sequence (run, past);
  base_rng_seed (&rng, run->seed * UINT64_C (0x9e3779b97f4a7c15)
                 ^ run->history);
  run->threads = run->history % 3 == 0;
  crash_shape_make (run, &rng, &shape);
  kind = crash_subject_kind (run, run->history);
  /* What is upgraded is the place of a ring. */
  if (kind == CRASH_UPGRADE && shape.journal == 0) {
    shape.blocks = BASE_MAX (shape.blocks, 64);
    shape.journal = 6 + base_rng_below (&rng, 7);
  }
  if (!crash_past_start (run, past, &shape) ||
      !some_ops (&past->a, shape.mix, base_rng_below (&rng, 60), &rng))
    return false;
  /* One past in four has seen the process die, or the disk fail. */
  if (base_rng_below (&rng, 4) == 0) {
    static const enum crash_kind ends[] = {
      CRASH_REOPEN, CRASH_KILL, CRASH_BADFLUSH };
    if (crash_op_make (&past->a, ends[base_rng_below (&rng, 3)], &rng, &op) &&
        (!crash_do (&past->a, &op) ||
         !some_ops (&past->a, shape.mix, base_rng_below (&rng, 10), &rng)))
      return false;
  }
  opening = kind == CRASH_UPGRADE || kind == CRASH_REPAIR;
  if (!(run->threads ? many_threads (run, past, opening ? CRASH_WRITE : kind,
                                     &rng)
        : one_thread (run, past, opening ? CRASH_WRITE : kind, &rng)))
    return false;
  return !opening || crash_past_reborn (run, past, kind, &rng);
}

void
crash_past_free (struct crash_past *past)
{
  if (past->image == NULL)
    return;
  crash_actor_fini (&past->a);
  crash_world_fini (&past->w);
  image_free (past->image);
  image_free (past->blank);
}

bool
crash_history_run (struct crash_run *run, uint64_t history)
{
  struct crash_past past;
  bool ok;

  run->history = history;
  run->states = run->tried = run->sampled = 0;
  run->threads = false;
  run->failure[0] = '\0';
  crash_determine (0);
  ok = crash_past_make (run, &past);
  if (!ok)
    snprintf (run->failure, sizeof run->failure, "in the history itself: %s",
              past.w.failure);
  else
    ok = crash_judge_past (run, &past);
  run->steps += past.w.steps;
  run->refused += past.w.refused;
  crash_past_free (&past);
  return ok;
}
