/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernel's random numbers, and the clock, for programs that must do the
 * same twice.
 *
 * A pool draws its uuid and nonces from getrandom (2), by way of base; a
 * program that links this file with -Wl,--wrap=getrandom gets numbers made
 * from a seed instead, once crash_determine has been called.  So two histories
 * that do the same give the same image, byte for byte, and counting images
 * means something.
 */

#include <config.h>

#include <sys/random.h>

#include "crash-world.h"
#include "sim.h"

extern ssize_t __real_getrandom (void *buf, size_t n, unsigned flags);
extern ssize_t __wrap_getrandom (void *buf, size_t n, unsigned flags);

static bool determined;
static struct base_rng rng;

void
crash_determine (uint64_t seed)
{
  determined = true;
  base_rng_seed (&rng, seed);
  sim_set_now (UINT64_C (1000000000));
}

ssize_t
__wrap_getrandom (void *buf, size_t n, unsigned flags)
{
  uint8_t *b = buf;
  size_t i;

  if (!determined)
    return __real_getrandom (buf, n, flags);
  for (i = 0; i < n; i++)
    b[i] = base_rng_u64 (&rng) >> 56;
  return (ssize_t) n;
}
