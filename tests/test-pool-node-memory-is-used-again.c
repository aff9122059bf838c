/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The memory of map nodes is used again: checkpoints of 64 changed leaves each
 * allocate hardly more often than such of one.  Where memory errors
 * are looked for every node is allocated, so that its end is seen.
 */

#include <config.h>

#include "alloc-faulty.h"
#include "counted-pool.h"
#include "test.h"

#define WRITES 64
#define FAN 256                 /* blocks of a leaf */
#define ROUNDS 10

/* Allocations of one checkpoint after WRITES writes, STRIDE blocks apart. */
static uint64_t
allocations (struct counted_pool *c, uint64_t stride)
{
  uint64_t i;

  alloc_faulty_set (0, false);
  for (i = 0; i < WRITES; ++i)
    counted_write (c, i * stride, 1);
  CHECK_EQ_INT (pool_checkpoint (c->pool), 0);
  return alloc_faulty_calls ();
}

TEST_MAIN
{
  struct counted_pool c;
  uint64_t one_leaf, many, i;

  counted_open (&c, UINT64_C (128) << 20, UINT64_C (100) << 20);
  for (i = 0; i < ROUNDS; ++i) {
    one_leaf = allocations (&c, 1);
    many = allocations (&c, FAN);
  }
  printf ("%d writes and a checkpoint: %" PRIu64 " allocations in one leaf, %"
          PRIu64 " in as many leaves\n", WRITES, one_leaf, many);
  if (BASE_SANITIZED)
    CHECK (many >= one_leaf + WRITES - 1);
  else
    CHECK (many < one_leaf + WRITES / 2);
  counted_close (&c);
}
