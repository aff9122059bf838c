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

const char *const crash_phase_names[CRASH_PHASES] = {
  "data", "journal", "flush j", "nodes", "flush 1", "super", "flush 2",
  "after", "recovery",
};

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
  if (!run->e->journal || base_rng_below (rng, 2) == 0 || shape->journal < 6 || shape->journal + 44 > shape->blocks)
    shape->journal = 0;
}

static bool
start (struct crash_run *run, struct crash_past *past,
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
static bool
some_writes (struct crash_actor *a, unsigned n, struct base_rng *rng)
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

  if (!some_writes (a, 1 + base_rng_below (rng, 3), rng) ||
      !do_kind (run, past, a, kind, rng))
    return false;
  if (!durable_by_itself (kind) && !crash_do (a, &flush))
    return false;
  return some_writes (a, 2 + base_rng_below (rng, 3), rng);
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

/* ---- all sequences over a small alphabet ------------------------------- */

#define B ((uint64_t) ORACLE_PAGE)

static const struct crash_op alphabet[] = {
  { .kind = CRASH_WRITE, .off = 0, .len = B },
  { .kind = CRASH_WRITE, .off = 2 * B, .len = 2 * B },
  { .kind = CRASH_PARTIAL, .off = B / 2, .len = B },
  { .kind = CRASH_LARGE, .off = 0, .len = 8 * B },
  { .kind = CRASH_FUA, .off = B, .len = B, .flags = VDEV_FUA },
  { .kind = CRASH_TRIM, .off = 0, .len = 3 * B },
  { .kind = CRASH_ZERO, .off = B + 512, .len = B },
  { .kind = CRASH_FLUSH, .pool_wide = true },
  { .kind = CRASH_SNAPSHOT, .snap = 1 },
  { .kind = CRASH_GROUP, .snap = 2, .to_vol = 1, .to_snap = 0 },
  { .kind = CRASH_CLONE, .snap = 0, .on_snapshot = true, .to_vol = 2 },
  { .kind = CRASH_REMOVE, .snap = 0, .on_snapshot = true },
  { .kind = CRASH_REMOVE, .vol = 1, .flags = POOL_RECURSIVE },
  { .kind = CRASH_ROLLBACK, .snap = 0, .on_snapshot = true },
  { .kind = CRASH_RESIZE, .len = 12 * B },
  { .kind = CRASH_RESIZE, .len = 2 * B + 100,
    .flags = POOL_SHRINK | POOL_FORCE },
  { .kind = CRASH_RENAME, .to_vol = 3 },
  { .kind = CRASH_CREATE, .vol = 4, .len = 3 * B },
  { .kind = CRASH_IMPORT, .vol = 4, .len = 2 * B, .steps = 2 },
  { .kind = CRASH_RECLAIM, .pool_wide = true, .steps = 2 },
  { .kind = CRASH_CHECKPOINT },
  { .kind = CRASH_GROW, .len = 56 * B },
};

static size_t
letters (const struct crash_run *run, size_t *letter)
{
  size_t i, n = 0;

  for (i = 0; i < BASE_ARRAY_SIZE (alphabet); i++)
    if (run->e->kinds >> alphabet[i].kind & 1) {
      if (letter)
        letter[n] = i;
      n++;
    }
  return n;
}

/* v0 has a snapshot and a block written since, v1 one block. */
static bool
exhaustive (struct crash_run *run, struct crash_past *past)
{
  static const struct crash_op past_ops[] = {
    { .kind = CRASH_WRITE, .off = 0, .len = 3 * B, .stamp = 1001 },
    { .kind = CRASH_WRITE, .vol = 1, .off = 0, .len = B, .stamp = 1002 },
    { .kind = CRASH_SNAPSHOT, .snap = 0 },
    { .kind = CRASH_WRITE, .off = B, .len = B, .stamp = 1003 },
    { .kind = CRASH_FLUSH, .pool_wide = true },
  };
  struct crash_shape shape = { .blocks = 48, .block = ORACLE_PAGE };
  struct crash_op flush = { .kind = CRASH_FLUSH, .pool_wide = true };
  size_t letter[BASE_ARRAY_SIZE (alphabet)], n = letters (run, letter), i;
  uint64_t code = run->history;

  if (run->e->journal) {
    shape.blocks += code % 2 * 8;
    shape.journal = code % 2 * 12;
    code /= 2;
  }
  if (!start (run, past, &shape))
    return false;
  for (i = 0; i < BASE_ARRAY_SIZE (past_ops); i++)
    if ((run->e->kinds >> past_ops[i].kind & 1) &&
        !crash_do (&past->a, &past_ops[i]))
      return false;
  for (i = 0; i < run->exhaustive; i++, code /= n) {
    struct crash_op op = alphabet[letter[code % n]];
    op.stamp = 2001 + i;
    if (!crash_do (&past->a, &op))
      return false;
  }
  past->subject = past->w.nspans - 1;
  return crash_do (&past->a, &flush);
}

uint64_t
crash_histories (const struct crash_run *run)
{
  uint64_t n = 1;
  unsigned i;

  if (run->exhaustive == 0)
    return UINT64_MAX;
  for (i = 0; i < run->exhaustive; i++)
    n *= letters (run, NULL);
  return run->e->journal ? 2 * n : n;
}

/* ---- all together ------------------------------------------------------ */

static enum crash_kind
subject_kind (const struct crash_run *run)
{
  /* Half of what changes data goes to the journal, and what does not shares
   * the other phases with the verbs: so it comes twice as often.
   */
  static const uint8_t more[] = {
    CRASH_WRITE, CRASH_PARTIAL, CRASH_LARGE, CRASH_FUA, CRASH_TRIM, CRASH_ZERO,
    CRASH_FLUSH, CRASH_CHECKPOINT };
  uint64_t n = run->history / 3;

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

  memset (past, 0, sizeof *past);
  if (run->exhaustive)
    return exhaustive (run, past);
  base_rng_seed (&rng, run->seed * UINT64_C (0x9e3779b97f4a7c15)
                 ^ run->history);
  run->threads = run->history % 3 == 0;
  crash_shape_make (run, &rng, &shape);
  kind = subject_kind (run);
  if (!start (run, past, &shape) ||
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
  return run->threads ? many_threads (run, past, kind, &rng)
    : one_thread (run, past, kind, &rng);
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

/* ---- the window of a subject ------------------------------------------- */

void
crash_window_of (const struct crash_world *w, size_t span,
                 struct crash_window *window)
{
  const struct crash_span *s = &w->span[span];
  struct recorder_log log = recorder_log (w->log);
  uint64_t cut = 0, next = log.now + 1, *from = window->from;
  size_t i, n = 0, flush[64];

  window->kind = s->op.kind;
  for (i = 0; i < w->timeline.ncuts; i++) {
    const struct oracle_cut *c = &w->timeline.cut[i];
    if (c->position < s->start || c->change < s->change)
      continue;
    if (cut == 0)
      cut = c->position;
    else if (c->position > cut) {
      next = c->position;
      break;
    }
  }
  from[PHASE_DATA] = s->start;
  from[PHASE_RECOVERY] = log.now + 1;
  if (cut == 0)
    cut = next;
  for (i = 0; i < log.n && n < 64; i++)
    if (log.ops[i].kind == RECORDER_FLUSH && log.ops[i].issued_at >= cut &&
        log.ops[i].issued_at < next && log.ops[i].completed_at != 0)
      flush[n++] = i;
  for (i = PHASE_JOURNAL; i <= PHASE_NODES; i++)
    from[i] = cut;
  for (i = PHASE_FLUSH_1; i <= PHASE_AFTER; i++)
    from[i] = log.now + 1;
  if (n == 1 && w->journal) {           /* a transaction */
    from[PHASE_FLUSH_J] = log.ops[flush[0]].issued_at;
    for (i = PHASE_NODES; i <= PHASE_AFTER; i++)
      from[i] = log.ops[flush[0]].completed_at;
    return;
  }
  if (n >= 3 && w->journal) {           /* ... and then a checkpoint */
    from[PHASE_FLUSH_J] = log.ops[flush[n - 3]].issued_at;
    from[PHASE_NODES] = log.ops[flush[n - 3]].completed_at;
  }
  if (n >= 2) {
    from[PHASE_FLUSH_1] = log.ops[flush[n - 2]].issued_at;
    from[PHASE_SUPER] = log.ops[flush[n - 2]].completed_at;
  }
  if (n >= 1) {
    from[PHASE_FLUSH_2] = log.ops[flush[n - 1]].issued_at;
    from[PHASE_AFTER] = log.ops[flush[n - 1]].completed_at;
  }
  if (n == 1)
    from[PHASE_FLUSH_1] = from[PHASE_SUPER] = from[PHASE_FLUSH_2];
}

bool
crash_history_run (struct crash_run *run, uint64_t history)
{
  struct crash_past past;
  bool ok;

  run->history = history;
  run->states = 0;
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
