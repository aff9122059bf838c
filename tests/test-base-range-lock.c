/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A range lock excludes exactly what conflicts and overlaps, serves first
 * come first, and is free when all have gone.
 */

#include <config.h>

#include "base.h"
#include "test.h"

#define CELLS 64
#define ROUNDS 4000

static struct base_range_lock lock;
/* Per cell: readers, or -1 for a writer. */
static struct base_mutex cells_lock;
static int cells[CELLS];

static void
enter (uint64_t from, uint64_t n, bool exclusive)
{
  LOCK_FOR_SCOPE (&cells_lock);
  for (; n > 0; ++from, --n) {
    CHECK (exclusive ? cells[from] == 0 : cells[from] >= 0);
    cells[from] += exclusive ? -1 : 1;
  }
}

static void
leave (uint64_t from, uint64_t n, bool exclusive)
{
  LOCK_FOR_SCOPE (&cells_lock);
  for (; n > 0; ++from, --n)
    cells[from] -= exclusive ? -1 : 1;
}

static void *
worker (void *opaque)
{
  struct base_rng rng;
  struct base_range range;
  uint64_t from, n, i, rounds = test_env ("OPS", ROUNDS);
  bool exclusive;

  base_rng_seed (&rng, test_seed () + (uintptr_t) opaque);
  for (i = 0; i < rounds; ++i) {
    from = base_rng_below (&rng, CELLS);
    n = base_rng_below (&rng, BASE_MIN (CELLS - from, 12) + 1);
    exclusive = base_rng_below (&rng, 3) == 0;
    base_range_lock_acquire (&lock, &range, from, n, exclusive);
    CHECK (range.held);
    enter (from, n, exclusive);
    if (i % 3 == 0)
      base_thread_yield ();
    leave (from, n, exclusive);
    base_range_lock_release (&lock, &range);
  }
  return NULL;
}

/* ---- order ---------------------------------------------------------- */

static _Atomic unsigned turn;

struct waiter {
  struct base_thread thread;
  struct base_range range;
  bool exclusive;
  unsigned came;                /* when it got the lock */
};

static void *
wait_for_lock (void *opaque)
{
  struct waiter *w = opaque;

  base_range_lock_acquire (&lock, &w->range, 10, 10, w->exclusive);
  w->came = ++turn;
  base_range_lock_release (&lock, &w->range);
  return NULL;
}

static size_t
queue_length (void)
{
  const struct base_range *r;
  size_t n = 0;

  LOCK_FOR_SCOPE (&lock.mutex);
  for (r = lock.first; r; r = r->next)
    ++n;
  return n;
}

/* A reader holds; a writer comes, then a reader: the second reader does not
 * overtake the writer.
 */
static void
order (void)
{
  struct waiter writer = { .exclusive = true }, reader = { .came = 0 };
  struct base_range held, apart;

  base_range_lock_acquire (&lock, &held, 0, 11, false);
  CHECK_EQ_INT (base_thread_create (&writer.thread, wait_for_lock, &writer),
                0);
  while (queue_length () < 2)
    base_thread_yield ();
  CHECK_EQ_INT (base_thread_create (&reader.thread, wait_for_lock, &reader),
                0);
  while (queue_length () < 3)
    base_thread_yield ();
  /* What touches nobody does not wait. */
  base_range_lock_acquire (&lock, &apart, 20, UINT64_MAX - 20, true);
  base_range_lock_release (&lock, &apart);
  base_range_lock_acquire (&lock, &apart, 15, 0, true);
  base_range_lock_release (&lock, &apart);
  CHECK_EQ_INT (turn, 0);
  base_range_lock_release (&lock, &held);
  base_thread_join (&writer.thread);
  base_thread_join (&reader.thread);
  CHECK_EQ_INT (writer.came, 1);
  CHECK_EQ_INT (reader.came, 2);
  CHECK_EQ_INT (queue_length (), 0);
}

TEST_MAIN
{
  struct base_thread threads[4];
  struct base_range a, b;
  size_t i;

  base_range_lock_init (&lock);
  base_mutex_init (&cells_lock);
  test_seed ();

  /* Neighbours and readers do not exclude each other. */
  base_range_lock_acquire (&lock, &a, 0, 10, true);
  base_range_lock_acquire (&lock, &b, 10, 10, true);
  base_range_lock_release (&lock, &a);
  base_range_lock_release (&lock, &b);
  base_range_lock_acquire (&lock, &a, 0, 10, false);
  base_range_lock_acquire (&lock, &b, 5, 10, false);
  base_range_lock_release (&lock, &b);
  base_range_lock_release (&lock, &a);

  order ();
  for (i = 0; i < 4; ++i)
    CHECK_EQ_INT (base_thread_create (&threads[i], worker, (void *) i), 0);
  for (i = 0; i < 4; ++i)
    base_thread_join (&threads[i]);
  for (i = 0; i < CELLS; ++i)
    CHECK_EQ_INT (cells[i], 0);
  CHECK_EQ_INT (queue_length (), 0);
  base_range_lock_destroy (&lock);
  base_mutex_destroy (&cells_lock);
}
