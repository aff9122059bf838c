/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The check ends with a verdict on pools that were bent at random and sealed
 * again.  The same code as the fuzzer's, driven by a seed; FUZZ_RUNS says how
 * many inputs.
 */

#include "fuzz-image.h"
#include "test.h"

/* Mostly a few edits: many at once only hide each other. */
static size_t
random_input (struct base_rng *rng, uint8_t *buf, size_t max)
{
  const size_t edits = base_rng_below (rng, base_rng_below (rng, 4) ? 4 : 40);
  const size_t n = BASE_MIN (2 + edits * 8, max);
  size_t i;

  for (i = 0; i < n; i++)
    buf[i] = base_rng_below (rng, 3) ? base_rng_u64 (rng)
      : base_rng_below (rng, 6);
  if (base_rng_below (rng, 8))
    buf[1] &= ~3;
  return n;
}

TEST_MAIN
{
  const uint64_t runs = test_env ("FUZZ_RUNS", 20000);
  struct base_rng rng;
  uint8_t buf[400];
  uint64_t i;

  base_rng_seed (&rng, test_seed ());
  for (i = 0; i < runs; i++)
    fuzz_check (buf, random_input (&rng, buf, sizeof buf));
  test_count (runs);
}
