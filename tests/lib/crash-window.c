/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The crash points of a history and their names; crash-history.h says which.
 *
 * A subject's commit is found by the cut that the engine told: what lies
 * between it and the next cut is told apart by the flushes.  One is that of a
 * transaction; two are those of a commit, three of a transaction and then a
 * checkpoint.  Behind a transaction the next cut is looked at, too.  An
 * opening tells no cuts; there a moment is named by what was issued last.
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
  struct crash_segment *last = &window->segment[window->n - 1];

  if (from < end && window->n > 0 && last->phase == phase && last->end == from)
    last->end = end;
  else if (from < end && window->n < CRASH_SEGMENTS)
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

/* The first cut that has what S changed; else the end of the log. */
static size_t
find_cut (const struct crash_world *w, const struct crash_span *s)
{
  const struct oracle_timeline *t = &w->timeline;
  size_t i;

  for (i = 0; i < t->ncuts; i++)
    if (t->cut[i].position >= s->start && t->cut[i].change >= s->change)
      break;
  return i;
}

/* The position of cut I; behind the last one, the end of the log. */
static uint64_t
cut_at (const struct crash_world *w, size_t i)
{
  return i < w->timeline.ncuts ? w->timeline.cut[i].position
    : recorder_log (w->log).now + 1;
}

/* The first one at a later position than cut I. */
static size_t
next_cut (const struct crash_world *w, size_t i)
{
  uint64_t at = cut_at (w, i);

  while (i < w->timeline.ncuts && cut_at (w, i) <= at)
    i++;
  return i;
}

/* The commit of the cut at CUT, before that at NEXT.  True: it was a
 * transaction and no more.
 */
static bool
add_commit (const struct crash_world *w, struct crash_window *window,
            uint64_t cut, uint64_t next)
{
  struct recorder_log log = recorder_log (w->log);
  const struct recorder_op *f, *flush[64];
  size_t n = flushes (&log, cut, next, flush, BASE_ARRAY_SIZE (flush));
  uint64_t at = cut;

  if (w->journal && (n == 1 || n >= 3)) {
    f = flush[n == 1 ? 0 : n - 3];
    add (window, PHASE_JOURNAL, at, f->issued_at);
    add (window, PHASE_FLUSH_J, f->issued_at, f->completed_at);
    at = f->completed_at;
    if (n == 1) {
      add (window, PHASE_AFTER, at, next);
      return true;
    }
  }
  if (n >= 2) {
    f = flush[n - 2];
    add (window, PHASE_NODES, at, f->issued_at);
    add (window, PHASE_FLUSH_1, f->issued_at, f->completed_at);
    add_super (w, window, f->completed_at, flush[n - 1]->issued_at);
  }
  else
    add (window, PHASE_NODES, at, n ? flush[0]->issued_at : log.now + 1);
  if (n >= 1) {
    f = flush[n - 1];
    add (window, PHASE_FLUSH_2, f->issued_at, f->completed_at);
    add (window, PHASE_AFTER, f->completed_at, log.now + 1);
  }
  return false;
}

/* Up to its cut; its commit; and if that went to the journal, the next one,
 * which may bring it to the trees.
 */
static void
window_of_operation (const struct crash_world *w, const struct crash_span *s,
                     struct crash_window *window)
{
  size_t cut = find_cut (w, s), next = next_cut (w, cut);
  uint64_t end = recorder_log (w->log).now + 1;

  /* It may come to its cut without anything written: the moment of its begin
   * is a crash point all the same.
   */
  add (window, PHASE_DATA, s->start, BASE_MAX (cut_at (w, cut), s->start + 1));
  if (add_commit (w, window, cut_at (w, cut), cut_at (w, next)) &&
      cut_at (w, next) < end)
    add_commit (w, window, cut_at (w, next), cut_at (w, next_cut (w, next)));
}

/* ---- an opening -------------------------------------------------------- */

/* Each moment is named by what was issued last. */
static void
window_of_opening (const struct crash_world *w, const struct crash_span *s,
                   struct crash_window *window)
{
  struct recorder_log log = recorder_log (w->log);
  enum crash_phase phase = PHASE_DATA;
  uint64_t at = 0;
  size_t i;

  for (i = 0; i < log.n && log.ops[i].issued_at <= s->end; i++) {
    const struct recorder_op *op = &log.ops[i];
    add (window, phase, at, op->issued_at);
    at = op->issued_at;
    if (op->kind != RECORDER_FLUSH)
      phase = !is_super (w, op) ? PHASE_NODES
        : phase == PHASE_SLOT ? PHASE_TWIN : PHASE_SLOT;
    else {
      add (window, phase == PHASE_TWIN ? PHASE_FLUSH_2 : PHASE_FLUSH_1, at,
           op->completed_at);
      at = op->completed_at;
      phase = PHASE_NODES;
    }
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
