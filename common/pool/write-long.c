/* SPDX-License-Identifier: BSD-3-Clause
 *
 * write-long: requests that cannot be one publish, and keep the promise all
 * the same: refused as a whole, before anything changed.
 *
 * Two kinds: zeroing a long range whose two ends are inside blocks (the ends
 * need places, the middle does not), and writing more at once than the
 * recycle floor can carry.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"
#include "io-internal.h"

/* ---- two ends of one request --------------------------------------------- */

/* Room for both or for none, without waiting for one while the other is
 * held.
 */
static int
admit_both (struct write *a, struct write *b)
{
  int r;

  for (;;) {
    r = write_admit (a);
    if (r < 0)
      return r;
    r = write_survey (b);
    if (r == 0)
      r = space_admit (b->p, &b->charge, b->h, true);
    if (r == 0)
      return 0;
    space_release (a->p, &a->charge);
    if (r == -ENOSPC)
      r = space_make_room (b->p, a->charge.growth + b->charge.growth
                           + a->charge.nodes + b->charge.nodes);
    else if (r == -EAGAIN)
      r = space_wait (b->p);
    if (r < 0)
      return r;
  }
}

/* W is admitted, and nothing that happens meanwhile makes it need more room.
 * If its block changed, it is merged again.  -EAGAIN: with the commit held
 * that is not possible here.
 */
static int
publish_charged (struct write *w)
{
  struct reader reader;
  int r;

  for (;;) {
    r = write_and_publish (w);
    if (r != -EAGAIN)
      return r;
    reader = reader_enter (w->p);
    r = write_merge (w);
    reader_exit (w->p, reader);
    if (r < 0)
      return r;
    write_classify (w);
    /* Another request has filled or emptied the block meanwhile: what filled
     * it is not shared yet.
     */
    if ((w->charge.data > 0) != (format_type (&w->e[0]) == FORMAT_DATA)) {
      if (w->edit.exact)
        return -EAGAIN;
      space_release (w->p, &w->charge);
      return write_run (w);
    }
  }
}

static int
publish_both (struct write *a, struct write *b)
{
  int r = publish_charged (a);

  return r < 0 ? r : publish_charged (b);
}

/* -EAGAIN: not right now. */
static int
try_both_exactly (struct write *a, struct write *b)
{
  int r;

  r = commit_hold (a->p);
  if (r < 0)
    return r;
  a->edit.exact = b->edit.exact = true;
  r = write_survey (a);
  if (r == 0)
    r = space_admit (a->p, &a->charge, a->h, true);
  if (r == 0)
    r = write_survey (b);
  if (r == 0)
    r = space_admit (b->p, &b->charge, b->h, true);
  if (r == 0)
    r = publish_both (a, b);
  commit_release (a->p);
  a->edit.exact = b->edit.exact = false;
  space_release (a->p, &a->charge);
  space_release (b->p, &b->charge);
  return r;
}

int
io_zero_ends (struct handle *h, uint64_t off, uint64_t first, uint64_t last,
              uint64_t end, uint64_t *txn)
{
  struct write a, b;
  int r, s;

  r = write_begin (&a, h, NULL, off, first);
  s = write_begin (&b, h, NULL, last, end);
  r = r < 0 ? r : s;
  if (r == 0)
    r = admit_both (&a, &b);
  if (r == 0)
    r = publish_both (&a, &b);
  else if (r == -ENOSPC)
    do {
      r = try_both_exactly (&a, &b);
      if (r != -EAGAIN)
        break;
      r = space_wait (h->pool);
    } while (r == 0);
  *txn = BASE_MAX (a.edit.txn, b.edit.txn);
  write_finish (&a);
  write_finish (&b);
  return r;
}

/* ---- long requests ------------------------------------------------------- */

/* More than the recycle floor can carry at once: its growth is set aside as
 * a whole first, then it goes in pieces, which draw on that.
 *
 * What would make a later piece need more than was set aside has to wait
 * meanwhile.  Snapshots would turn overwrites into growth: long_requests.
 * Holes that others make would, too: if there is room, every block is set
 * aside as growth, and they do no harm; if not, hole_makers keeps them out.
 */
enum how { AS_GROWTH, AS_IT_IS, EXACTLY };

static int
survey_long (struct handle *h, const char *buf, size_t len, uint64_t off,
             enum how how, uint64_t *growth)
{
  const uint64_t piece = h->pool->space.max_blocks * h->pool->block_size;
  uint64_t at, next;
  struct write w;
  int r = 0;

  *growth = 0;
  for (at = off; at < off + len && r == 0; at = next) {
    next = BASE_MIN (off + len, (at / piece + 1) * piece);
    r = write_begin (&w, h, buf + (at - off), at, next);
    w.edit.exact = how == EXACTLY;
    w.as_growth = how == AS_GROWTH;
    if (r == 0)
      r = write_survey (&w);
    *growth += w.charge.growth + w.charge.nodes;
    write_finish (&w);
  }
  return r;
}

static int
set_aside (struct handle *h, const char *buf, size_t len, uint64_t off,
           enum how how, struct credit *credit)
{
  struct pool *p = h->pool;
  uint64_t growth;
  int r;

  for (;;) {
    r = survey_long (h, buf, len, off, how, &growth);
    if (r < 0)
      return r;
    r = space_set_aside (p, growth, credit);
    if (r != -ENOSPC || how == EXACTLY)
      return r;
    r = space_make_room (p, growth);
    if (r < 0)
      return r;
  }
}

/* No room even for what is growth by its birth: ask the counts. */
static int
set_aside_exactly (struct handle *h, const char *buf, size_t len,
                   uint64_t off, struct credit *credit)
{
  int r;

  r = commit_hold (h->pool);
  if (r < 0)
    return r;
  r = set_aside (h, buf, len, off, EXACTLY, credit);
  commit_release (h->pool);
  return r;
}

/* Each piece asks as HOW did: blocks that only may be shared would use up
 * what was set aside for others.
 */
static int
write_pieces (struct handle *h, const char *buf, size_t len, uint64_t off,
              enum how how, struct credit *credit, uint64_t *txn)
{
  const uint64_t piece = h->pool->space.max_blocks * h->pool->block_size;
  struct write w;
  uint64_t at, next;
  int r = 0;

  for (at = off; at < off + len && r == 0; at = next) {
    next = BASE_MIN (off + len, (at / piece + 1) * piece);
    r = write_begin (&w, h, buf + (at - off), at, next);
    w.charge.credit = credit;
    w.exactly = how == EXACTLY;
    if (r == 0)
      r = write_run (&w);
    *txn = BASE_MAX (*txn, w.edit.txn);
    write_finish (&w);
  }
  space_return_credit (h->pool, credit);
  return r;
}

int
io_write_long (struct handle *h, const char *buf, size_t len, uint64_t off,
            uint64_t *txn)
{
  struct pool *p = h->pool;
  struct credit credit = { 0 };
  enum how how;
  int r;
  RDLOCK_FOR_SCOPE (&p->long_requests);

  base_rwlock_rdlock (&p->hole_makers);
  r = set_aside (h, buf, len, off, AS_GROWTH, &credit);
  if (r == 0)
    r = write_pieces (h, buf, len, off, AS_GROWTH, &credit, txn);
  base_rwlock_unlock (&p->hole_makers);
  if (r != -ENOSPC)
    return r;

  base_rwlock_wrlock (&p->hole_makers);
  how = AS_IT_IS;
  r = set_aside (h, buf, len, off, how, &credit);
  if (r == -ENOSPC) {
    how = EXACTLY;
    r = set_aside_exactly (h, buf, len, off, &credit);
  }
  if (r == 0)
    r = write_pieces (h, buf, len, off, how, &credit, txn);
  base_rwlock_unlock (&p->hole_makers);
  return r;
}
