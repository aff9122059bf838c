/* SPDX-License-Identifier: BSD-3-Clause
 *
 * check-reach: which blocks have been reached, and how often.
 *
 * One bit per place, in pieces made on demand, so that a mostly empty pool
 * of any size costs little.  A block with one reference needs no more: to
 * reach it a second time is a problem.  For a block that the refs tree says
 * has more, a hash table holds a fingerprint of its entry and position, the
 * references still to come, and for nodes what their subtree holds; the slot
 * goes when the last reference has been met, so the table is only as large
 * as what is half met.  Whatever is left at the end was counted too high.
 *
 * Not an array of counts: four bytes for each block of a large pool is more
 * memory than the machine that checks it may have.
 */

#include "check-internal.h"

#include <stdlib.h>

#define FIRST_TABLE 256

int
check_reach_start (struct check *c)
{
  c->chunks = base_calloc ((c->blocks >> CHECK_CHUNK_SHIFT) + 1,
                           sizeof *c->chunks);
  c->table = base_calloc (FIRST_TABLE, sizeof *c->table);
  if (c->chunks == NULL || c->table == NULL)
    return base_fail (ENOMEM, "check: out of memory");
  c->table_size = FIRST_TABLE;
  return 0;
}

void
check_reach_end (struct check *c)
{
  size_t i;

  if (c->chunks)
    for (i = 0; i < (c->blocks >> CHECK_CHUNK_SHIFT) + 1; i++)
      free (c->chunks[i]);
  free (c->chunks);
  for (i = 0; i < c->table_size; i++)
    free (c->table[i].memo);
  free (c->table);
}

/* ---- bits ---------------------------------------------------------------- */

bool
check_reached (const struct check *c, uint64_t place)
{
  const uint64_t *chunk = c->chunks[place >> CHECK_CHUNK_SHIFT];

  return chunk && chunk[(place & (CHECK_CHUNK - 1)) / 64] >> place % 64 & 1;
}

void
check_set_reached (struct check *c, uint64_t place)
{
  uint64_t **chunk = &c->chunks[place >> CHECK_CHUNK_SHIFT];

  if (*chunk == NULL) {
    *chunk = base_calloc (CHECK_CHUNK / 64, sizeof **chunk);
    if (*chunk == NULL) {
      c->stop = base_fail (ENOMEM, "check: out of memory");
      return;
    }
  }
  (*chunk)[(place & (CHECK_CHUNK - 1)) / 64] |= UINT64_C (1) << place % 64;
  c->result->blocks++;
}

uint64_t
check_next_reached (const struct check *c, uint64_t place)
{
  const uint64_t *chunk;
  uint64_t word;

  while (place < c->blocks) {
    chunk = c->chunks[place >> CHECK_CHUNK_SHIFT];
    if (chunk == NULL) {
      place = (place | (CHECK_CHUNK - 1)) + 1;
      continue;
    }
    word = chunk[(place & (CHECK_CHUNK - 1)) / 64] >> place % 64;
    if (word != 0)
      return BASE_MIN (place + (unsigned) __builtin_ctzll (word), c->blocks);
    place = (place | 63) + 1;
  }
  return c->blocks;
}

/* ---- shared blocks ------------------------------------------------------- */

static size_t
home (const struct check *c, uint64_t place)
{
  return (place * UINT64_C (0x9e3779b97f4a7c15) >> 24) & (c->table_size - 1);
}

static struct check_shared *
find (struct check *c, uint64_t place)
{
  size_t i;

  for (i = home (c, place); c->table[i].place != 0;
       i = (i + 1) & (c->table_size - 1))
    if (c->table[i].place == place)
      return &c->table[i];
  return NULL;
}

static void
put (struct check *c, const struct check_shared *s)
{
  size_t i;

  for (i = home (c, s->place); c->table[i].place != 0;
       i = (i + 1) & (c->table_size - 1))
    ;
  c->table[i] = *s;
  c->table_used++;
}

/* Slots behind the freed one move up, so that no search ends too early. */
static void
drop (struct check *c, struct check_shared *s)
{
  const size_t mask = c->table_size - 1;
  size_t hole = s - c->table, i;

  free (s->memo);
  for (i = (hole + 1) & mask; c->table[i].place != 0; i = (i + 1) & mask)
    if (((i - home (c, c->table[i].place)) & mask) >= ((i - hole) & mask)) {
      c->table[hole] = c->table[i];
      hole = i;
    }
  memset (&c->table[hole], 0, sizeof c->table[hole]);
  c->table_used--;
}

static int
grow (struct check *c)
{
  struct check_shared *old = c->table;
  const size_t size = c->table_size;
  struct check_shared *new = base_calloc (size * 2, sizeof *new);
  size_t i;

  if (new == NULL)
    return -ENOMEM;
  c->table = new;
  c->table_size = size * 2;
  c->table_used = 0;
  for (i = 0; i < size; i++)
    if (old[i].place != 0)
      put (c, &old[i]);
  free (old);
  return 0;
}

static uint64_t
stir (uint64_t h, uint64_t x)
{
  h = (h ^ x) * UINT64_C (0xff51afd7ed558ccd);
  return h ^ h >> 32;
}

/* Differs when two entries for one place are not the same block of the same
 * tree at the same position.  Not a crc: the entry's check is one, and over
 * the birth, so that a crc over both would not see the birth change.
 */
static uint32_t
fingerprint (const struct check_at *at, const struct format_entry *e)
{
  uint64_t h = stir (1, le64toh (e->word));

  h = stir (h, (uint64_t) le32toh (e->check) << 32 | format_birth (e));
  h = stir (h, at->base);
  h = stir (h, (uint64_t) at->tree << 32 | at->level);
  return (uint32_t) h;
}

static void
expect (struct check *c, const struct check_at *at,
        const struct format_entry *e, uint32_t refs)
{
  struct check_shared s = { .place = format_place (e), .left = refs };

  s.print = fingerprint (at, e);
  if (at->tree == CHECK_MAP && at->level != CHECK_DATA_LEVEL) {
    s.memo = base_calloc (1, sizeof *s.memo);
    if (s.memo == NULL)
      goto enomem;
    s.memo->bad = true;         /* until check_remember */
  }
  if (c->table_used * 4 >= c->table_size * 3 && grow (c) < 0)
    goto enomem;
  put (c, &s);
  return;

 enomem:
  free (s.memo);
  c->stop = base_fail (ENOMEM, "check: out of memory");
}

static enum check_reach
reach_again (struct check *c, const struct check_at *at,
             const struct format_entry *e, int64_t refs,
             struct check_subtree *memo)
{
  uint64_t place = format_place (e);
  struct check_shared *s = find (c, place);

  if (s == NULL) {
    if (refs >= 0)              /* else the count itself is damaged */
      check_error (c, "%s: %s at block %" PRIu64 " (for %" PRIu64 "): has more "
                   "references than are counted (%" PRIi64 ")", at->label,
                   check_block_name (at), place, at->base, refs + 1);
    return CHECK_CLASH;
  }
  if (s->print != fingerprint (at, e)) {
    check_error (c, "%s: %s at block %" PRIu64 " (for %" PRIu64 "): the block "
                 "is also in use elsewhere as something else", at->label,
                 check_block_name (at), place, at->base);
    return CHECK_CLASH;
  }
  if (s->memo)
    *memo = *s->memo;
  if (--s->left == 0)
    drop (c, s);
  return CHECK_AGAIN;
}

enum check_reach
check_reach (struct check *c, const struct check_at *at,
             const struct format_entry *e, int64_t *refs,
             struct check_subtree *memo)
{
  uint64_t place = format_place (e);

  *refs = check_refs (c, place);
  if (check_reached (c, place)) {
    const enum check_reach how = reach_again (c, at, e, *refs, memo);

    if (how == CHECK_CLASH)
      c->blind = true;
    return how;
  }
  check_set_reached (c, place);
  if (*refs > 0 && c->stop == 0)
    expect (c, at, e, *refs);
  return CHECK_FIRST;
}

void
check_remember (struct check *c, uint64_t place,
                const struct check_subtree *memo)
{
  struct check_shared *s = find (c, place);

  if (s && s->memo)
    *s->memo = *memo;
}

/* When parts of the pool could not be entered, missing references mean
 * nothing.
 */
void
check_unmet (struct check *c)
{
  size_t i;

  if (c->blind)
    return;
  for (i = 0; i < c->table_size; i++) {
    const struct check_shared *s = &c->table[i];
    int64_t refs;

    if (s->place == 0)
      continue;
    refs = check_refs (c, s->place);
    if (refs < 0)
      continue;
    check_error (c, "reference counts: block %" PRIu64 ": %" PRIi64
                 " references are counted, %" PRIi64 " found", s->place,
                 refs + 1, refs + 1 - s->left);
  }
}
