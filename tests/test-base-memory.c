/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Vectors keep what is appended and refuse sizes that overflow; allocation,
 * zero detection, arithmetic and random numbers do as base.h says.
 */

#include <config.h>

#include "base.h"
#include "test.h"

BASE_VECTOR (u64_vector, uint64_t);

struct wide { char c[1000]; };
BASE_VECTOR (wide_vector, struct wide);

static void
vectors (void)
{
  struct u64_vector v = { 0 };
  struct wide_vector w = { 0 };
  uint64_t i, *p;
  size_t cap;

  for (i = 0; i < 10000; ++i)
    CHECK_EQ_INT (u64_vector_append (&v, i * i), 0);
  CHECK_EQ_INT (v.len, 10000);
  CHECK (v.cap < 16000);
  for (i = 0; i < 10000; ++i)
    CHECK_EQ_INT (v.ptr[i], i * i);
  CHECK_EQ_INT (u64_vector_reserve (&v, 5000), 0);
  p = v.ptr;
  cap = v.cap;
  CHECK (cap - v.len >= 5000);
  for (i = 0; i < 5000; ++i)
    CHECK_EQ_INT (u64_vector_append (&v, i), 0);
  CHECK (v.ptr == p && v.cap == cap);
  /* A failure leaves it as it was. */
  CHECK_EQ_INT (u64_vector_reserve (&v, SIZE_MAX), -ENOMEM);
  CHECK_EQ_INT (u64_vector_reserve (&v, SIZE_MAX / 4), -ENOMEM);
  CHECK (v.ptr == p && v.cap == cap && v.len == 15000);
  CHECK_EQ_INT (wide_vector_reserve (&w, SIZE_MAX / 500), -ENOMEM);
  CHECK (w.ptr == NULL && w.cap == 0);
  u64_vector_reset (&v);
  CHECK (v.ptr == NULL && v.len == 0 && v.cap == 0);
  u64_vector_reset (&v);
}

static void
zero_detection (void)
{
  uint8_t buf[300] = { 0 };
  size_t from, n, i;

  CHECK (base_is_zero (NULL, 0));
  for (from = 0; from < 9; ++from) {
    for (n = 0; n < 100; ++n) {
      CHECK (base_is_zero (buf + from, n));
      if (from > 0)
        buf[from - 1] = 1;      /* outside */
      buf[from + n] = 1;
      CHECK (base_is_zero (buf + from, n));
      memset (buf, 0, sizeof buf);
      for (i = 0; i < n; ++i) {
        buf[from + i] = 0x80;
        CHECK (!base_is_zero (buf + from, n));
        buf[from + i] = 0;
      }
    }
  }
}

static void
arithmetic (void)
{
  uint64_t r;

  CHECK (BASE_ADD_OVERFLOW (UINT64_MAX, UINT64_C (1), &r));
  CHECK (!BASE_ADD_OVERFLOW (UINT64_MAX - 1, UINT64_C (1), &r) &&
         r == UINT64_MAX);
  CHECK (BASE_SUB_OVERFLOW (UINT64_C (1), UINT64_C (2), &r));
  CHECK (BASE_MUL_OVERFLOW (UINT64_C (1) << 32, UINT64_C (1) << 32, &r));
  CHECK (base_is_power_of_2 (1) && base_is_power_of_2 (UINT64_C (1) << 63));
  CHECK (!base_is_power_of_2 (0) && !base_is_power_of_2 (3) &&
         !base_is_power_of_2 (UINT64_MAX));
  CHECK_EQ_INT (base_div_up (0, 4096), 0);
  CHECK_EQ_INT (base_div_up (1, 4096), 1);
  CHECK_EQ_INT (base_div_up (4096, 4096), 1);
  CHECK (base_div_up (UINT64_MAX, 2) == UINT64_C (1) << 63);
  CHECK (base_div_up (UINT64_MAX, 1) == UINT64_MAX);
  CHECK_EQ_INT (base_log2 (1), 0);
  CHECK_EQ_INT (base_log2 (4095), 11);
  CHECK_EQ_INT (base_log2 (UINT64_MAX), 63);
}

static void
allocation (void)
{
  size_t align, i;

  for (align = 1; align <= 65536; align *= 2) {
    CLEANUP_FREE uint8_t *p = base_memalign (align, 10000);

    CHECK (p != NULL && (uintptr_t) p % align == 0 && base_is_zero (p, 10000));
    memset (p, 1, 10000);
  }
  CLEANUP_FREE void *none = base_malloc (0);
  CLEANUP_FREE void *none2 = base_calloc (0, 0);
  CLEANUP_FREE char *s = base_asprintf ("%d-%s", 5, "x");
  CLEANUP_FREE char *copy = base_strdup (s);

  CHECK (none != NULL && none2 != NULL);
  CHECK_EQ_STR (s, "5-x");
  CHECK_EQ_STR (copy, "5-x");
  copy = base_realloc (copy, 100);
  CHECK (copy != NULL);
  for (i = 0; i < 4; ++i)
    CHECK (copy[i] == "5-x"[i]);
}

static void
random_numbers (void)
{
  /* The published xoshiro256** for the state 1, 2, 3, 4. */
  static const uint64_t known[] = {
    11520, 0, 1509978240, UINT64_C (1215971899390074240),
  };
  struct base_rng a = { { 1, 2, 3, 4 } }, b;
  uint64_t count[10] = { 0 }, x;
  uint8_t bytes[64], zero[64] = { 0 };
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (known); ++i)
    CHECK_EQ_INT (base_rng_u64 (&a), known[i]);
  base_rng_seed (&a, 42);
  base_rng_seed (&b, 42);
  for (i = 0; i < 100000; ++i) {
    x = base_rng_below (&a, 10);
    CHECK (x < 10 && x == base_rng_below (&b, 10));
    count[x]++;
  }
  for (i = 0; i < 10; ++i)
    CHECK (count[i] > 9500 && count[i] < 10500);
  CHECK_EQ_INT (base_rng_below (&a, 1), 0);
  for (i = 0; i < 1000; ++i)
    CHECK (base_rng_below (&a, UINT64_MAX) < UINT64_MAX);
  base_rng_seed (&b, 43);
  CHECK (base_rng_u64 (&a) != base_rng_u64 (&b));
  memset (bytes, 0, sizeof bytes);
  base_random_bytes (bytes, sizeof bytes);
  CHECK (memcmp (bytes, zero, sizeof bytes) != 0);
}

TEST_MAIN
{
  vectors ();
  zero_detection ();
  arithmetic ();
  allocation ();
  random_numbers ();
}
