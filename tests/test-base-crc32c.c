/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checksum is CRC-32C, by isa-l and by table alike, in pieces and whole.
 */

#include <config.h>

#include "base.h"
#include "base-internal.h"
#include "test.h"

/* The definition, bit by bit. */
static uint32_t
slow_crc (const uint8_t *p, size_t n)
{
  uint32_t reg = UINT32_MAX;
  unsigned bit;

  for (; n > 0; ++p, --n) {
    reg ^= *p;
    for (bit = 0; bit < 8; ++bit)
      reg = (reg >> 1) ^ (reg & 1 ? 0x82f63b78 : 0);
  }
  return ~reg;
}

TEST_MAIN
{
  uint8_t buf[5000], zero[32] = { 0 }, ones[32], up[32];
  struct base_rng rng;
  size_t i, n, cut, at;
  uint32_t crc;

  CHECK (base_crc32c ("123456789", 9) == 0xe3069283);
  CHECK (base_crc32c ("", 0) == 0);
  CHECK (base_crc32c_more (0x12345678, "", 0) == 0x12345678);
  /* RFC 3720 B.4 */
  memset (ones, 0xff, sizeof ones);
  for (i = 0; i < sizeof up; ++i)
    up[i] = (uint8_t) i;
  CHECK (base_crc32c (zero, 32) == 0x8a9136aa);
  CHECK (base_crc32c (ones, 32) == 0x62a8ab43);
  CHECK (base_crc32c (up, 32) == 0x46dd794e);

  base_rng_seed (&rng, test_seed ());
  for (i = 0; i < sizeof buf; ++i)
    buf[i] = (uint8_t) base_rng_u64 (&rng);
  for (i = 0; i < 2000; ++i) {
    at = base_rng_below (&rng, 64);
    n = base_rng_below (&rng, i < 1000 ? 64 : sizeof buf - at);
    crc = slow_crc (buf + at, n);
    CHECK_EQ_INT (base_crc32c (buf + at, n), crc);
    CHECK_EQ_INT ((uint32_t) ~base_crc32c_table (UINT32_MAX, buf + at, n),
                  crc);
    cut = base_rng_below (&rng, n + 1);
    CHECK_EQ_INT (base_crc32c_more (base_crc32c (buf + at, cut),
                                    buf + at + cut, n - cut), crc);
  }
}
