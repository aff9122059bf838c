/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The crash points of a history and their names; crash-history.h says which.
 *
 * A subject's commit is found by the cut that the engine told: what lies
 * between it and the next cut is told apart by the flushes.  One is that of a
 * transaction; two are those of a commit, three of a transaction and then a
 * checkpoint.  An opening tells no cuts; there a span without a flush is named
 * by what is written in it, superblocks alone or more.
 */

#include <config.h>

#include "crash-history.h"

const char *const crash_phase_names[CRASH_PHASES] = {
  "data", "journal", "flush-j", "nodes", "flush-1", "slot", "twin", "flush-2",
  "after", "re-copies", "re-nodes", "re-super", "nested",
};

static void
add (struct crash_window *window, enum crash_phase phase, uint64_t from,
     uint64_t end)
{
  if (from < end && window->n < CRASH_SEGMENTS)
    window->segment[window->n++] = (struct crash_segment) {
      .phase = phase, .from = from, .end = end };
}

static bool
is_super (const struct crash_world *w, const struct recorder_op *op)
{
  return w->e->is_super && op->kind == RECORDER_WRITE &&
    w->e->is_super (w->disk, op->off);
}

/* [FROM, END), in which a superblock goes to its slot and to its twin. */
static void
add_super (const struct crash_world *w, struct crash_window *window,
           uint64_t from, uint64_t end)
{
  struct recorder_log log = recorder_log (w->log);
  unsigned copies = 0;
  size_t i;

  for (i = 0; i < log.n && log.ops[i].issued_at < end; i++)
    if (log.ops[i].issued_at >= from && is_super (w, &log.ops[i]) &&
        ++copies == 2)
      break;
  if (copies < 2) {
    add (window, PHASE_SLOT, from, end);
    return;
  }
  add (window, PHASE_SLOT, from, log.ops[i].issued_at);
  add (window, PHASE_TWIN, log.ops[i].issued_at, end);
}

/* ---- a subject --------------------------------------------------------- */

/* The flushes issued in [FROM, END) that have completed, at most MOST. */
static size_t
flushes (const struct recorder_log *log, uint64_t from, uint64_t end,
         const struct recorder_op **flush, size_t most)
{
  size_t i, n = 0;

  for (i = 0; i < log->n && n < most; i++)
    if (log->ops[i].kind == RECORDER_FLUSH && log->ops[i].issued_at >= from &&
        log->ops[i].issued_at < end && log->ops[i].completed_at != 0)
      flush[n++] = &log->ops[i];
  return n;
}

/* The cut that the span is in, or NEXT, and in *NEXT the one behind it. */
static uint64_t
find_cut (const struct crash_world *w, const struct crash_span *s,
          uint64_t *next)
{
  uint64_t cut = 0;
  size_t i;

  for (i = 0; i < w->timeline.ncuts; i++) {
    const struct oracle_cut *c = &w->timeline.cut[i];
    if (c->position < s->start || c->change < s->change)
      continue;
    if (cut == 0)
      cut = c->position;
    else if (c->position > cut) {
      *next = c->position;
      break;
    }
  }
  return cut == 0 ? *next : cut;
}

static void
window_of_operation (const struct crash_world *w, const struct crash_span *s,
                     struct crash_window *window)
{
  struct recorder_log log = recorder_log (w->log);
  const struct recorder_op *flush[64];
  uint64_t end = log.now + 1, next = end, cut = find_cut (w, s, &next), at;
  size_t n = flushes (&log, cut, next, flush, BASE_ARRAY_SIZE (flush));

  /* It may come to its cut without anything written: the moment of its begin
   * is a crash point all the same.
   */
  add (window, PHASE_DATA, s->start, BASE_MAX (cut, s->start + 1));
  at = cut;
  if (w->journal && (n == 1 || n >= 3)) {
    const struct recorder_op *f = flush[n == 1 ? 0 : n - 3];
    add (window, PHASE_JOURNAL, at, f->issued_at);
    add (window, PHASE_FLUSH_J, f->issued_at, f->completed_at);
    at = f->completed_at;
  }
  if (w->journal && n == 1) {
    add (window, PHASE_AFTER, at, end);
    return;
  }
  if (n >= 2) {
    const struct recorder_op *f = flush[n - 2];
    add (window, PHASE_NODES, at, f->issued_at);
    add (window, PHASE_FLUSH_1, f->issued_at, f->completed_at);
    add_super (w, window, f->completed_at, flush[n - 1]->issued_at);
  }
  else
    add (window, PHASE_NODES, at, n ? flush[0]->issued_at : end);
  if (n >= 1) {
    add (window, PHASE_FLUSH_2, flush[n - 1]->issued_at,
         flush[n - 1]->completed_at);
    add (window, PHASE_AFTER, flush[n - 1]->completed_at, end);
  }
}

/* ---- an opening -------------------------------------------------------- */

static void
window_of_opening (const struct crash_world *w, const struct crash_span *s,
                   struct crash_window *window)
{
  struct recorder_log log = recorder_log (w->log);
  uint64_t at = 0;
  bool supers = false, others = false, begun = false;
  size_t i;

  for (i = 0; i < log.n && log.ops[i].issued_at <= s->end; i++) {
    const struct recorder_op *op = &log.ops[i];
    if (!begun)
      add (window, PHASE_DATA, 0, op->issued_at);
    begun = true;
    if (op->kind != RECORDER_FLUSH) {
      *(is_super (w, op) ? &supers : &others) = true;
      continue;
    }
    if (op->completed_at == 0)
      break;
    if (supers && !others)
      add_super (w, window, at, op->issued_at);
    else
      add (window, PHASE_NODES, at, op->issued_at);
    add (window, supers && !others ? PHASE_FLUSH_2 : PHASE_FLUSH_1,
         op->issued_at, op->completed_at);
    at = op->completed_at;
    supers = others = false;
  }
  add (window, PHASE_AFTER, at, log.now + 1);
}

void
crash_window_of (const struct crash_world *w, size_t span,
                 struct crash_window *window)
{
  const struct crash_span *s = &w->span[span];

  window->kind = s->op.kind;
  window->n = 0;
  if (s->op.kind == CRASH_UPGRADE || s->op.kind == CRASH_REPAIR)
    window_of_opening (w, s, window);
  else
    window_of_operation (w, s, window);
}

/* What is opened is written again and flushed; then what was replayed, to the
 * trees, if anything was; the superblocks are the last two that are flushed.
 */
void
crash_window_of_recovery (const struct recorder_log *log, uint64_t opened_at,
                          struct crash_window *window)
{
  const struct recorder_op *flush[64];
  size_t n = flushes (log, 0, opened_at, flush, BASE_ARRAY_SIZE (flush));
  uint64_t at = n ? flush[0]->completed_at : opened_at;

  window->n = 0;
  add (window, PHASE_RECOVERY, 1, at);
  if (n >= 4) {
    add (window, PHASE_RECOVERY_NODES, at, flush[n - 3]->completed_at);
    at = flush[n - 3]->completed_at;
  }
  add (window, PHASE_RECOVERY_SUPER, at, opened_at);
}

enum crash_phase
crash_phase_at (const struct crash_window *window, uint64_t point)
{
  size_t i;

  for (i = 0; i < window->n; i++)
    if (window->segment[i].from <= point && point < window->segment[i].end)
      return window->segment[i].phase;
  return PHASE_AFTER;
}
