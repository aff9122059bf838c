/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which crash states of a history are judged; crash-history.h says how.
 *
 * Of a random history each phase gives a share, points in ascending order, and
 * some states that pass give crashes in their own recovery.  Of a sequence all
 * crash points are looked at, each with all subsets of the operations that are
 * pending (two that overlap, both landed in the other order, leave what one of
 * them alone leaves) and with each of them torn.  Should too many be pending it
 * is by chance, and that is counted.
 *
 * A crash point with survivors is looked at once.  The image that it leaves is
 * judged unless it was, with the same answers allowed: the oracle's cuts are
 * known by their numbers, those of a recovery by what the crash before it
 * allowed.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "crash-history.h"
#include "crash-states.h"

struct judge {
  struct crash_run *run;
  struct crash_past *past;
  uint64_t *keys;               /* hashes of what was seen; open addressing */
  size_t size, used;            /* size: a power of two */
};

static bool
insert (uint64_t *keys, size_t size, uint64_t key)
{
  size_t i;

  for (i = key >> 20 & (size - 1); keys[i] != 0; i = (i + 1) & (size - 1))
    if (keys[i] == key)
      return false;
  keys[i] = key;
  return true;
}

static bool
seen (struct judge *j, uint64_t key)
{
  uint64_t *old = j->keys;
  size_t i, n = j->size;

  if (j->used * 2 >= n) {
    j->size = n ? 2 * n : 1024;
    j->keys = calloc (j->size, sizeof *j->keys);
    if (j->keys == NULL)
      abort ();
    for (i = 0; i < n; i++)
      if (old[i] != 0)
        insert (j->keys, j->size, old[i]);
    free (old);
  }
  if (!insert (j->keys, j->size, key | 1))
    return true;
  j->used++;
  return false;
}

static uint64_t
mix (uint64_t a, uint64_t b)
{
  a = (a ^ b) * UINT64_C (0x9fb21c651e98df25);
  return a ^ a >> 35;
}

/* ---- one state --------------------------------------------------------- */

/* A source of states: a log, its base, and what the oracle says. */
struct source {
  struct judge *j;
  struct crash_states cs;
  const struct crash_world *w;
  enum crash_kind kind;
  uint64_t salt;
  uint64_t answers;             /* of a recovery: what its crash allowed */
  unsigned depth;
};

static bool judge_recovery (struct source *from, enum crash_phase of,
                            struct crash_trial *t, uint64_t salt,
                            uint64_t answers);

static void
describe (struct source *s, const struct crash_choice *c,
          enum crash_phase phase)
{
  printf ("  state %" PRIu64 ": %s, %s\n", s->j->run->states - 1,
          crash_kind_names[s->kind], crash_phase_names[phase]);
  crash_choice_print (&s->cs, c, stdout);
}

/* Is the state number NUMBER to be judged, though one other is asked for?  It
 * is if that one may be in its recovery.
 */
static bool
passed_over (const struct source *s, uint64_t number)
{
  const struct crash_run *run = s->j->run;

  return run->only_state != UINT64_MAX && run->only_state != number &&
    !(s->depth < 2 && run->only_state > number);
}

/* 1 = judged, 0 = not new, -1 = failed. */
static int
try_state (struct source *s, struct crash_choice *c, enum crash_phase phase)
{
  struct crash_run *run = s->j->run;
  struct crash_trial t = { 0 };
  struct base_rng rng;
  uint64_t hash, number, answers, key = crash_choice_hash (c) ^ s->salt;
  size_t first, end;
  bool ok = true, show;

  if (seen (s->j, key))
    return 0;
  run->tried++;
  oracle_candidates (&s->w->timeline, c->point, &first, &end);
  answers = s->depth ? s->answers : mix (mix (first, 1), end);
  t.state = crash_states_build (&s->cs, c);
  hash = image_hash (t.state);
  if (seen (s->j, mix (hash, answers))) {
    image_free (t.state);
    return 0;
  }
  number = run->states++;
  if (!passed_over (s, number)) {
    show = run->verbose && run->only_state == number;
    if (show)
      describe (s, c, phase);
    base_rng_seed (&rng, key);
    ok = crash_judge (run, &t, s->w, first, end, &rng);
    if (!ok && !show)
      describe (s, c, phase);
    if (ok && run->count)
      run->count (run->opaque, s->kind, phase, hash);
    if (ok && s->depth < 2)
      ok = judge_recovery (s, phase, &t, key, answers);
    crash_trial_fini (run, &t);
  }
  image_free (t.state);
  return ok ? 1 : -1;
}

/* ---- by chance --------------------------------------------------------- */

static int
by_value (const void *a, const void *b)
{
  const uint64_t *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

/* N points of PHASE, ascending; false = there is none. */
static bool
some_points (const struct crash_window *window, enum crash_phase phase,
             uint64_t *point, unsigned n, struct base_rng *rng)
{
  const struct crash_segment *s;
  uint64_t total = 0, at;
  unsigned i;

  for (s = window->segment; s < window->segment + window->n; s++)
    if (s->phase == phase)
      total += s->end - s->from;
  for (i = 0; i < n && total > 0; i++) {
    at = base_rng_below (rng, total);
    for (s = window->segment; s->phase != phase || at >= s->end - s->from; s++)
      if (s->phase == phase)
        at -= s->end - s->from;
    point[i] = s->from + at;
  }
  qsort (point, n, sizeof point[0], by_value);
  return total > 0;
}

/* At most N states of PHASE.  Eight times as many are tried, for many are not
 * new; early points do not use up the share of late ones.
 */
static bool
some_states (struct source *s, const struct crash_window *window,
             enum crash_phase phase, unsigned n, struct base_rng *rng)
{
  struct crash_choice c = { 0 };
  uint64_t point[128] = { 0 };
  unsigned i, done = 0, tries = BASE_MIN (n * 8, BASE_ARRAY_SIZE (point));
  int r = 0;

  if (n == 0 || !some_points (window, phase, point, tries, rng))
    return true;
  for (i = 0; i < tries && done < n && r >= 0 &&
         s->j->run->states < s->j->run->most; i++) {
    size_t pending;

    if (n > 3 && done * tries > 2 * n * i)
      continue;
    pending = crash_states_pending (&s->cs, point[i], &c);
    if (pending <= 3 && base_rng_below (rng, 2))
      crash_choose_subset (&c, base_rng_below (rng, 1 << pending));
    else
      crash_choose (&s->cs, &c, rng);
    r = try_state (s, &c, phase);
    done += r > 0;
  }
  crash_choice_reset (&c);
  return r >= 0;
}

/* One state in four crashes again while it is opened, in each of the steps;
 * and of these one in two a third time.  Where copies of the superblock may
 * differ all do: elsewhere writing again what was opened gives no new image.
 * So do all behind an upgrade, for nothing else of it is in a journal.
 */
static bool
judge_recovery (struct source *from, enum crash_phase of,
                struct crash_trial *t, uint64_t salt, uint64_t answers)
{
  static const struct { enum crash_phase phase; unsigned one_in; } steps[] = {
    { PHASE_RECOVERY, 1 }, { PHASE_RECOVERY_NODES, 1 },
    { PHASE_RECOVERY_SUPER, 2 } };
  bool always = (of >= PHASE_SLOT && of <= PHASE_FLUSH_2) ||
    (of == PHASE_AFTER && from->kind == CRASH_UPGRADE);
  struct recorder_log log = recorder_log (t->w.log);
  struct source s = {
    .j = from->j, .w = &t->w, .kind = from->kind, .salt = salt,
    .answers = answers, .depth = from->depth + 1,
  };
  struct crash_window window;
  struct base_rng rng;
  size_t i;
  bool ok = true;

  base_rng_seed (&rng, salt);
  if (base_rng_below (&rng, s.depth > 1 ? 2 : 4) > 0 && !always)
    return true;
  crash_window_of_recovery (&log, t->opened_at, &window);
  crash_states_init (&s.cs, &log, t->state);
  if (s.depth > 1) {
    for (i = 0; i < window.n; i++)
      window.segment[i].phase = PHASE_NESTED;
    ok = some_states (&s, &window, PHASE_NESTED, 1, &rng);
  }
  else
    for (i = 0; i < BASE_ARRAY_SIZE (steps) && ok; i++)
      if (base_rng_below (&rng, steps[i].one_in) == 0)
        ok = some_states (&s, &window, steps[i].phase, 1, &rng);
  crash_states_fini (&s.cs);
  return ok;
}

/* The superblock's two copies give four images in all if nothing else goes
 * on, so these phases come first and leave each other some.
 */
static bool
judge_span (struct source *s, const struct crash_window *window,
            struct base_rng *rng)
{
  static const struct { enum crash_phase phase; unsigned alone, threads; }
  shares[] = {
    { PHASE_DATA, 1, 1 },
    { PHASE_SLOT, 1, 2 }, { PHASE_TWIN, 1, 2 }, { PHASE_FLUSH_2, 1, 2 },
    { PHASE_SLOT, 1, 8 }, { PHASE_TWIN, 1, 8 }, { PHASE_FLUSH_2, 2, 8 },
    { PHASE_JOURNAL, 2, 2 }, { PHASE_FLUSH_J, 8, 10 },
    { PHASE_JOURNAL, 6, 8 }, { PHASE_DATA, 7, 7 }, { PHASE_AFTER, 8, 8 },
    { PHASE_NODES, 3, 3 }, { PHASE_FLUSH_1, 10, 10 }, { PHASE_NODES, 7, 7 },
  };
  unsigned i, share;

  for (i = 0; i < BASE_ARRAY_SIZE (shares); i++) {
    share = s->j->run->threads ? shares[i].threads : shares[i].alone;
    if (!some_states (s, window, shares[i].phase, share, rng))
      return false;
  }
  return true;
}

/* ---- all --------------------------------------------------------------- */

#define MOST_PENDING 14         /* operations of which all subsets are tried */
#define SOME_CHOICES 256        /* by chance, of more */

/* The choice number *N of those at a point; advances *N.  False = no more.  If
 * ONLY_LAST, only those in which the last operation has landed: the others are
 * those of an earlier point.
 */
static bool
next_subset (struct crash_choice *c, uint64_t *n, bool only_last)
{
  if (only_last && *n == 0 && c->n > 0)
    *n = UINT64_C (1) << (c->n - 1);
  if (*n >= UINT64_C (1) << c->n)
    return false;
  crash_choose_subset (c, (*n)++);
  return true;
}

/* Tear number N: one operation torn in one of three ways, all others landed or
 * lost.
 */
static bool
tear (const struct crash_states *cs, struct crash_choice *c, uint64_t n)
{
  struct crash_survivor *s;
  uint64_t sectors;

  if (n >= c->n * 6)
    return false;
  crash_choose_subset (c, n % 2 ? 0 : UINT64_MAX);
  s = &c->s[n / 6];
  sectors = base_div_up (cs->log.ops[s->op].len, IMAGE_SECTOR);
  s->landed = n / 2 % 3 == 0 ? LANDED_SUFFIX : LANDED_PREFIX;
  s->n = n / 2 % 3 == 2 ? sectors / 2 : 1;
  if (cs->log.ops[s->op].kind == RECORDER_RESIZE || sectors < 2)
    s->landed = LANDED_WHOLE;
  return true;
}

/* Where it matters that the crash is here: behind the issue of an operation,
 * the completion of a flush, or a promise.
 */
static bool
matters (const struct source *s, uint64_t point, bool *settled)
{
  const struct recorder_log *log = &s->cs.log;
  const struct oracle_timeline *t = &s->w->timeline;
  bool issued = false;
  size_t i;

  *settled = false;
  for (i = 0; i < t->nfloors; i++)
    *settled |= t->floor[i].position == point;
  for (i = 0; i < log->n; i++) {
    issued |= log->ops[i].issued_at == point;
    *settled |= log->ops[i].kind == RECORDER_FLUSH &&
      log->ops[i].completed_at == point;
  }
  return issued || *settled;
}

static int
judge_point (struct source *s, struct crash_choice *c, uint64_t point,
             enum crash_phase phase, bool only_last, struct base_rng *rng)
{
  uint64_t n = 0;
  int r = 0;

  if (crash_states_pending (&s->cs, point, c) > MOST_PENDING) {
    s->j->run->sampled++;
    for (n = 0; r >= 0 && n < SOME_CHOICES; n++) {
      crash_states_pending (&s->cs, point, c);
      crash_choose (&s->cs, c, rng);
      r = try_state (s, c, phase);
    }
    return r;
  }
  while (r >= 0 && next_subset (c, &n, only_last))
    r = try_state (s, c, phase);
  for (n = 0; r >= 0 && tear (&s->cs, c, n); n++)
    r = try_state (s, c, phase);
  return r;
}

static bool
judge_all (struct source *s, const struct crash_window *window, uint64_t start,
           struct base_rng *rng)
{
  struct crash_choice c = { 0 };
  uint64_t point;
  bool settled;
  int r = 0;

  for (point = start; point <= s->cs.log.now && r >= 0; point++)
    if (matters (s, point, &settled) || point == start)
      r = judge_point (s, &c, point, crash_phase_at (window, point),
                       !settled && point != start, rng);
  crash_choice_reset (&c);
  return r >= 0;
}

bool
crash_judge_past (struct crash_run *run, struct crash_past *past)
{
  struct judge j = { .run = run, .past = past };
  struct recorder_log log = recorder_log (past->w.log);
  struct source s = { .j = &j, .w = &past->w };
  struct crash_window window;
  struct base_rng rng;
  bool ok;

  base_rng_seed (&rng, run->history ^ UINT64_C (0x5851f42d4c957f2d));
  crash_window_of (&past->w, past->subject, &window);
  s.kind = window.kind;
  crash_states_init (&s.cs, &log, past->blank);
  ok = run->exhaustive
    ? judge_all (&s, &window, past->w.span[past->subject].start, &rng)
    : judge_span (&s, &window, &rng);
  crash_states_fini (&s.cs);
  free (j.keys);
  return ok;
}
