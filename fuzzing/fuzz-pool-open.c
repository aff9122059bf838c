/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz-pool-open: libFuzzer's entry to fuzz_open (fuzz-open.c).
 */

#include "fuzz-image.h"

extern int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  fuzz_open (data, size);
  return 0;
}
