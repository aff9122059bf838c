/* SPDX-License-Identifier: BSD-3-Clause
 *
 * refs: how often a block is referred to, beyond the first time.
 *
 * One 32-bit number per block, in pages of one block.  Most pages are all
 * zero and do not exist; the others are read when a commit or a reclaim
 * meets a block that may be shared, kept while there is room, and written
 * with the commit that changed them.  Blocks whose birth shows that they are
 * exclusive never come here.
 *
 * A page that is damaged (checksum) makes its blocks look shared for the rest
 * of this run: they are not freed, which costs space and nothing else.  Only
 * a reference that has to be added cannot be left out; then the commit fails.
 *
 * Only the holder of the commit touches these.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

#define KEEP_BYTES (UINT64_C (16) << 20)

static void
say_bad (struct pool *p, struct refs_page *page, uint64_t i)
{
  CLEANUP_FREE char *text = base_strdup (base_error_text ());

  page->bad = true;
  event_checksum (p, "", format_place (&p->refs_tree.entry[0][i]),
                  "reference counts");
  if (text)
    base_fail (EBADMSG, "%s", text);
}

/* 0, or -errno; then with page->bad if it is damaged. */
static int
page_of (struct pool *p, uint64_t place, struct refs_page **ret)
{
  const uint64_t i = place / p->refs_tree.items;
  struct refs_page *page;
  int r;

  if (i >= p->nrefs)
    return base_fail (EBADMSG, "block %" PRIu64 " is outside the pool", place);
  page = &p->refs[i];
  if (page->bad)
    return base_fail (EBADMSG, "reference counts of block %" PRIu64
                      ": checksum error", place);
  if (page->count == NULL) {
    uint32_t *count = base_malloc (p->block_size);

    if (count == NULL)
      return base_fail (ENOMEM, "out of memory");
    r = systree_read_leaf (&p->refs_tree, i, count);
    if (r < 0) {
      free (count);
      if (r == -EBADMSG)
        say_bad (p, page, i);
      return r;
    }
    page->count = count;
    p->refs_loaded++;
  }
  page->used = true;
  *ret = page;
  return 0;
}

static bool
is_bad (const struct pool *p, uint64_t place)
{
  const uint64_t i = place / p->refs_tree.items;

  return i < p->nrefs && p->refs[i].bad;
}

int
refs_get (struct pool *p, uint64_t place, uint32_t *n)
{
  struct refs_page *page;
  int r;

  /* An absent page that nobody wrote to is all zero: no need to make it. */
  if (place / p->refs_tree.items < p->nrefs
      && p->refs[place / p->refs_tree.items].count == NULL
      && format_type (&p->refs_tree.entry[0][place / p->refs_tree.items])
      == FORMAT_HOLE) {
    *n = 0;
    return 0;
  }
  r = page_of (p, place, &page);
  if (r == 0)
    *n = le32toh (page->count[place % p->refs_tree.items]);
  else if (is_bad (p, place)) {
    *n = 1;                     /* unknown: as if shared */
    r = 0;
  }
  return r;
}

int
refs_add (struct pool *p, uint64_t place, int delta)
{
  struct refs_page *page;
  uint32_t n;
  int r;

  r = page_of (p, place, &page);
  if (r < 0)
    return delta < 0 && is_bad (p, place) ? 0 : r;
  n = le32toh (page->count[place % p->refs_tree.items]);
  if (delta < 0 ? n == 0 : n == UINT32_MAX)
    return base_fail (EBADMSG, "block %" PRIu64
                      ": its reference count is wrong", place);
  page->count[place % p->refs_tree.items] = htole32 (n + (uint32_t) delta);
  page->dirty = true;
  systree_mark (&p->refs_tree, place / p->refs_tree.items);
  return 0;
}

/* After a commit: nothing is dirty; drop pages that were not used lately. */
void
refs_trim (struct pool *p)
{
  const uint64_t keep = BASE_MAX (KEEP_BYTES / p->block_size, 16);
  uint64_t tries;

  for (tries = 2 * p->nrefs; p->refs_loaded > keep && tries > 0; --tries) {
    struct refs_page *page = &p->refs[p->refs_hand];

    p->refs_hand = (p->refs_hand + 1) % p->nrefs;
    if (page->count == NULL || page->dirty)
      continue;
    if (page->used)
      page->used = false;
    else {
      free (page->count);
      page->count = NULL;
      p->refs_loaded--;
    }
  }
}

int
refs_fill (struct systree *t, uint64_t i, void *buf)
{
  struct refs_page *page = &t->pool->refs[i];

  if (page->count == NULL)
    return systree_read_leaf (t, i, buf);
  memcpy (buf, page->count, t->pool->block_size);
  page->dirty = false;
  return 0;
}

int
refs_peek (struct systree *t, uint64_t i, void *buf)
{
  const struct refs_page *page = &t->pool->refs[i];

  if (page->count == NULL)
    return -ENOENT;
  memcpy (buf, page->count, t->pool->block_size);
  return 0;
}

int
refs_init (struct pool *p)
{
  p->nrefs = p->refs_tree.count[0];
  p->refs = base_calloc (p->nrefs, sizeof p->refs[0]);
  if (p->refs == NULL)
    return base_fail (ENOMEM, "out of memory for reference counts");
  return 0;
}

int
refs_resize (struct pool *p, uint64_t leaves)
{
  struct refs_page *refs = base_realloc (p->refs, leaves * sizeof refs[0]);

  if (refs == NULL)
    return base_fail (ENOMEM, "out of memory for reference counts");
  memset (refs + p->nrefs, 0, (leaves - p->nrefs) * sizeof refs[0]);
  p->refs = refs;
  p->nrefs = leaves;
  return 0;
}

void
refs_free (struct pool *p)
{
  uint64_t i;

  for (i = 0; i < p->nrefs; ++i)
    free (p->refs[i].count);
  free (p->refs);
}
