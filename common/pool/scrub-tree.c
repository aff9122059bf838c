/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scrub-tree: the pool's own trees: space, refs, backed and table.
 *
 * Their entries are in memory and belong to the holder of the commit.  So it
 * is held, for as long as it takes to copy a few of them and to become a
 * reader; then the nodes that they name are read without it.  A commit
 * meanwhile writes its nodes elsewhere and gives the old places back, which
 * stay as they are until the reader has left.
 *
 * One that is bad is looked at again with the commit held, no longer as a
 * reader: whoever holds it may wait for readers.  If it still is the node of
 * the tree, memory has what it has to hold, but for pages of reference counts
 * that nobody has needed lately.  Where memory has gone on meanwhile, so that
 * the old bytes are nowhere any more, the commit that writes the new ones is
 * made at once: they go to another place.
 */

#include <config.h>

#include "scrub-internal.h"

#define BATCH 64

struct page {
  uint64_t i;
  struct format_entry e;
  int r;
};

/* Up to N nodes of level K from *FROM on, which moves; *READER is entered if
 * there are any.  Returns how many.
 */
static int
take_batch (struct systree *t, unsigned k, uint64_t *from, struct page *pages,
            unsigned n, struct reader *reader)
{
  struct pool *p = t->pool;
  unsigned got = 0;
  int r;

  r = commit_hold (p);
  if (r < 0)
    return r;
  for (; k < t->levels && *from < t->count[k] && got < n; ++*from)
    if (format_type (&t->entry[k][*from]) != FORMAT_HOLE)
      pages[got++] = (struct page) { .i = *from, .e = t->entry[k][*from] };
  if (got > 0)
    *reader = reader_enter (p);
  commit_release (p);
  return (int) got;
}

static int
read_page (struct scrub_job *job, const struct format_entry *e, int *why)
{
  *why = scrub_read (job, format_place (e), 1, job->block);
  if (*why < 0 && !scrub_is_damage (*why))
    return *why;
  if (*why == 0)
    *why = scrub_prove (job->p, e, job->block);
  return 0;
}

static void
tell_page (struct scrub_job *job, const struct systree *t, uint64_t place,
           int why, bool repaired)
{
  char what[32];
  struct pool_scrub_damage d = {
    .volume = "", .what = what, .block = place, .repaired = repaired,
  };

  snprintf (what, sizeof what, "%s tree", t->name);
  scrub_tell (job, &d, 1, why);
}

/* The commit is held and node I of level K is bad.  1 = it no longer is. */
static int
mend_page (struct scrub_job *job, struct systree *t, unsigned k, uint64_t i)
{
  struct pool *p = job->p;
  int r;

  if (p->options.readonly)
    return 0;
  if (bit_get (t->dirty[k], i)) {
    r = commit_run (p, NULL, false);
    return r < 0 ? r : 1;
  }
  r = systree_content (t, k, i, job->data);
  return r < 0 ? 0 : scrub_rewrite (job, &t->entry[k][i], job->data);
}

/* It was bad a moment ago. */
static int
look_again (struct scrub_job *job, struct systree *t, unsigned k,
            const struct page *page)
{
  struct pool *p = job->p;
  int r, why, mended = 0;

  r = commit_hold (p);
  if (r < 0)
    return r;
  if (k < t->levels && page->i < t->count[k]
      && format_entry_same (&t->entry[k][page->i], &page->e)) {
    r = read_page (job, &page->e, &why);
    if (r == 0 && why == -EBADMSG)
      mended = mend_page (job, t, k, page->i);
    if (r == 0 && why < 0)
      tell_page (job, t, format_place (&page->e), why, mended == 1);
    if (r == 0 && (why == 0 || mended == 1))
      scrub_done (job, 1);
  }
  commit_release (p);
  return mended < 0 ? mended : r;
}

static int
scrub_batch (struct scrub_job *job, struct systree *t, unsigned k,
             struct page *pages, int n, struct reader reader)
{
  int i, r = 0;

  for (i = 0; i < n && r == 0; ++i) {
    r = read_page (job, &pages[i].e, &pages[i].r);
    if (r == 0 && pages[i].r == 0)
      scrub_done (job, 1);
  }
  reader_exit (job->p, reader);
  for (i = 0; i < n && r == 0; ++i)
    if (pages[i].r < 0)
      r = look_again (job, t, k, &pages[i]);
  return r;
}

static int
scrub_tree (struct scrub_job *job, struct systree *t)
{
  const unsigned most = BASE_MAX (1, BASE_MIN (BATCH, SCRUB_STEP
                                               / job->p->block_size));
  struct page pages[BATCH];
  struct reader reader;
  uint64_t from;
  unsigned k;
  size_t i;
  int n, r;

  for (k = 0; k < FORMAT_MAX_LEVELS; ++k)
    for (from = 0;;) {
      n = take_batch (t, k, &from, pages, most, &reader);
      if (n == 0)
        break;
      r = n < 0 ? n : scrub_batch (job, t, k, pages, n, reader);
      if (r == 0)
        r = scrub_pause (job);
      if (r < 0)
        return r;
    }
  for (i = 0; i < t->nlost; ++i)
    tell_page (job, t, t->lost[i], -EBADMSG, false);
  return 0;
}

int
scrub_trees (struct scrub_job *job)
{
  struct pool *p = job->p;
  struct systree *const trees[] = {
    &p->space_tree, &p->refs_tree, &p->backed_tree, &p->table_tree,
  };
  size_t i;
  int r = 0;

  for (i = 0; i < BASE_ARRAY_SIZE (trees) && r == 0; ++i)
    r = scrub_tree (job, trees[i]);
  return r;
}
