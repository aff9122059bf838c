/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The check ends with a verdict on pools that were bent at random and sealed
 * again.
 *
 * The same code as the fuzzer's, driven by a seed; FUZZ_RUNS says how many
 * inputs, FUZZ_FIRST skips to one of them.
 */

#include "fuzz-image.h"
#include "fuzz-random.h"
#include "test.h"

TEST_MAIN
{
  const uint64_t runs = test_env ("FUZZ_RUNS", 20000);
  const uint64_t first = test_env ("FUZZ_FIRST", 0);
  const uint64_t seed = test_seed ();
  struct base_rng rng;
  uint8_t buf[400];
  uint64_t i;
  size_t n;

  for (i = first; i < first + runs; i++) {
    base_rng_seed (&rng, seed + i);
    n = fuzz_random_input (&rng, buf, sizeof buf);
    if (i % 100 == 0)
      fprintf (stderr, "\r%" PRIu64, i);
    fuzz_check (buf, n);
  }
  fprintf (stderr, "\n");
  test_count (runs);
}
