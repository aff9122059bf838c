/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Histories that are all sequences of so many operations over an alphabet.
 *
 * There are 22 operations, each on a pool of 48 blocks without a journal and on
 * one of 56 with a ring of 12 blocks: 44 sequences of one, 968 of two and
 * 21,296 of three.  The subject is the last operation and the flush behind it:
 * what a crash in an earlier one leaves is what it leaves in the shorter
 * sequence that ends there.
 */

#include <config.h>

#include "crash-history.h"

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
  { .kind = CRASH_SHRINK, .len = 2 * B + 100,
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
bool
crash_past_sequence (struct crash_run *run, struct crash_past *past)
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
  if (!crash_past_start (run, past, &shape))
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
