/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz-check: whatever a pool looks like, the check comes to an end in
 * bounded time and memory, and returns 0 with a verdict.
 */

#include <stdlib.h>

#include "fuzz-image.h"
#include "pool-verdict.h"

void
fuzz_check (const uint8_t *data, size_t size)
{
  static struct verdict v;
  struct fuzz_image f;

  if (!fuzz_image_make (&f, data, size))
    return;
  verdict_of (&v, f.image, f.size, f.super, f.flags & 4);
  if (v.result != 0)
    abort ();
  if ((v.r.errors == 0 && v.r.leaks == 0) != (v.n == 0))
    abort ();
  /* Nothing can be reached that the pool does not have. */
  if (v.r.errors == 0 && v.r.blocks != le64toh (f.super->allocated) -
      v.r.leaks)
    abort ();
}
