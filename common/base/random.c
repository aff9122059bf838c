/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random numbers, two kinds, and uuids.
 *
 * base_random_bytes is the kernel's and is for identities and nonces.
 * base_rng is xoshiro256** (David Blackman and Sebastiano Vigna, 2018,
 * public domain), seeded through splitmix64 as its authors advise, and is
 * for tests and backoff, where the same seed must give the same run on every
 * machine.
 */

#include <config.h>

#include <stdlib.h>
#include <sys/random.h>

#include "base.h"

void
base_random_bytes (void *buf, size_t n)
{
  uint8_t *p = buf;
  ssize_t r;

  while (n > 0) {
    r = getrandom (p, n, 0);
    if (r == -1) {
      if (errno == EINTR)
        continue;
      abort ();     /* only an invalid address or a kernel before 3.17 */
    }
    p += r;
    n -= (size_t) r;
  }
}

void
base_rng_seed (struct base_rng *rng, uint64_t seed)
{
  uint64_t z;
  size_t i;

  for (i = 0; i < 4; ++i) {
    seed += UINT64_C (0x9e3779b97f4a7c15);
    z = seed;
    z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
    rng->s[i] = z ^ (z >> 31);
  }
}

static inline uint64_t
rotl (uint64_t x, unsigned k)
{
  return (x << k) | (x >> (64 - k));
}

uint64_t
base_rng_u64 (struct base_rng *rng)
{
  uint64_t *s = rng->s;
  const uint64_t result = rotl (s[1] * 5, 7) * 9;
  const uint64_t t = s[1] << 17;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl (s[3], 45);
  return result;
}

uint64_t
base_rng_below (struct base_rng *rng, uint64_t n)
{
  /* 2^64 mod n: values below it would make small results more likely. */
  uint64_t reject, x;

  assert (n > 0);
  reject = -n % n;
  do
    x = base_rng_u64 (rng);
  while (x < reject);
  return x % n;
}

void
base_uuid_generate (uint8_t uuid[16])
{
  base_random_bytes (uuid, 16);
  uuid[6] = (uuid[6] & 0x0f) | 0x40;
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

/* True where the text form has a '-' before byte I. */
static bool
dash_before (size_t i)
{
  return i == 4 || i == 6 || i == 8 || i == 10;
}

void
base_uuid_format (const uint8_t uuid[16], char text[BASE_UUID_TEXT])
{
  static const char digits[] = "0123456789abcdef";
  size_t i;

  for (i = 0; i < 16; ++i) {
    if (dash_before (i))
      *text++ = '-';
    *text++ = digits[uuid[i] >> 4];
    *text++ = digits[uuid[i] & 15];
  }
  *text = '\0';
}

static int
hex_digit (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

int
base_uuid_parse (const char *text, uint8_t uuid[16])
{
  const char *p = text;
  uint8_t bytes[16];
  size_t i;
  int hi, lo;

  for (i = 0; i < 16; ++i) {
    if (dash_before (i) && *p++ != '-')
      goto bad;
    hi = hex_digit (p[0]);
    if (hi < 0)
      goto bad;
    lo = hex_digit (p[1]);
    if (lo < 0)
      goto bad;
    bytes[i] = (uint8_t) (hi << 4 | lo);
    p += 2;
  }
  if (*p != '\0')
    goto bad;
  memcpy (uuid, bytes, 16);
  return 0;

 bad:
  return base_fail (EINVAL, "not a uuid: '%.64s'", text);
}
