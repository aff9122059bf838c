/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz-pool-check: libFuzzer's entry to fuzz_check (fuzz-check.c).
 */

#include "fuzz-image.h"

extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  fuzz_check (data, size);
  return 0;
}
