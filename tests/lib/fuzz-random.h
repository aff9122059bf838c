/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz-random: inputs for the fuzzer's targets from a seed, for `make check`.
 */

#ifndef NBDVOL_TEST_FUZZ_RANDOM_H
#define NBDVOL_TEST_FUZZ_RANDOM_H

#include "base.h"

/* Mostly a few edits: many at once only hide each other. */
static inline size_t
fuzz_random_input (struct base_rng *rng, uint8_t *buf, size_t max)
{
  const size_t edits =
    base_rng_below (rng, base_rng_below (rng, 4) ? 4 : 40);
  const size_t n = BASE_MIN (2 + edits * 8, max);
  size_t i;

  for (i = 0; i < n; i++)
    buf[i] = base_rng_below (rng, 3) ? base_rng_u64 (rng)
      : base_rng_below (rng, 6);
  if (base_rng_below (rng, 8))
    buf[1] &= ~3;
  return n;
}

#endif /* NBDVOL_TEST_FUZZ_RANDOM_H */
