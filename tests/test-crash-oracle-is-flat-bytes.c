/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The oracle of the crash and model tests is what it is meant to be: bytes.
 * Random changes are made to it and to plain arrays; states kept earlier
 * must not change, and a block counts as exclusive exactly if it was written
 * with something since the last snapshot.
 */

#include <config.h>

#include "oracle.h"
#include "test.h"

#define SIZE (300U * 1024 + 77)
#define PAGES ((SIZE + ORACLE_PAGE - 1) / ORACLE_PAGE)
#define KEEP 8

static struct base_rng rng;
static uint8_t flat[SIZE], scratch[SIZE];
static bool own[PAGES];

struct kept { struct oracle_state *s; uint8_t *bytes; };

static void
check_same (const struct oracle_state *s, const uint8_t *bytes)
{
  const struct oracle_volume *v = oracle_find (s, "v0");
  uint64_t where;

  CHECK (v != NULL && v->size == SIZE);
  CHECK (oracle_same (v, bytes, SIZE, 0, &where));
  oracle_read (v, scratch, SIZE, 0);
  CHECK_EQ_MEM (scratch, bytes, SIZE);
}

static void
change (struct oracle_state **live)
{
  uint64_t off = base_rng_below (&rng, SIZE), i;
  uint64_t len = 1 + base_rng_below (&rng, BASE_MIN (SIZE - off, 40000));
  unsigned what = base_rng_below (&rng, 4);

  if (base_rng_below (&rng, 2)) {
    off -= off % ORACLE_PAGE;
    len = BASE_MIN (BASE_MAX (len - len % ORACLE_PAGE, ORACLE_PAGE),
                    SIZE - off);
  }
  for (i = 0; i < len; i++)
    scratch[i] = what == 0 ? 0 : (uint8_t) base_rng_u64 (&rng);
  memcpy (flat + off, scratch, len);
  if (what == 1)
    memset (flat + off, 0, len);
  oracle_write (live, 1, what == 1 ? NULL : scratch, len, off, ORACLE_PAGE);
  for (i = off / ORACLE_PAGE; i * ORACLE_PAGE < off + len; i++)
    own[i] = !base_is_zero (flat + i * ORACLE_PAGE,
                            BASE_MIN (ORACLE_PAGE, SIZE - i * ORACLE_PAGE));
}

static void
check_exclusive (const struct oracle_state *live)
{
  const struct oracle_volume *v = oracle_find_key (live, 1);
  uint64_t i;

  for (i = 0; i < PAGES; i++)
    CHECK (oracle_exclusive (v, 1, i * ORACLE_PAGE, ORACLE_PAGE) == own[i]);
}

static void
check_timeline (void)
{
  struct oracle_timeline t = { 0 };
  struct oracle_state *s = oracle_state_new ();
  size_t first, end;
  unsigned i;

  for (i = 1; i <= 5; i++)
    oracle_add_cut (&t, i * 10, i, oracle_state_ref (s));
  oracle_add_floor (&t, 25, 2);
  oracle_add_floor (&t, 45, 4);
  oracle_candidates (&t, 5, &first, &end);
  CHECK (first == 0 && end == 0);
  oracle_candidates (&t, 24, &first, &end);
  CHECK (first == 0 && end == 2);
  oracle_candidates (&t, 25, &first, &end);
  CHECK (first == 1 && end == 2);
  oracle_candidates (&t, 44, &first, &end);
  CHECK (first == 1 && end == 4);
  oracle_candidates (&t, 100, &first, &end);
  CHECK (first == 3 && end == 5);
  oracle_timeline_reset (&t);
  oracle_state_unref (s);
}

TEST_MAIN
{
  struct oracle_state *live = oracle_state_new ();
  struct kept kept[KEEP] = { { NULL, NULL } };
  unsigned round, k;

  base_rng_seed (&rng, test_seed ());
  oracle_add (&live, "v0", 1, SIZE, false, NULL);
  for (round = 0; round < 2000; round++) {
    change (&live);
    if (round % 10 == 0) {
      check_exclusive (live);
      check_same (live, flat);
      k = base_rng_below (&rng, KEEP);
      if (kept[k].s) {
        check_same (kept[k].s, kept[k].bytes);
        oracle_state_unref (kept[k].s);
      }
      kept[k].s = oracle_state_ref (live);
      kept[k].bytes = kept[k].bytes ? kept[k].bytes : malloc (SIZE);
      memcpy (kept[k].bytes, flat, SIZE);
    }
    if (round % 97 == 0) {
      oracle_drop (&live, 2);
      oracle_add (&live, "v0@s0", 2, SIZE, true, oracle_find (live, "v0"));
      oracle_share (&live, 1);
      memset (own, 0, sizeof own);
    }
  }
  oracle_resize (&live, 1, SIZE / 2, ORACLE_PAGE);
  oracle_resize (&live, 1, SIZE, ORACLE_PAGE);
  memset (flat + SIZE / 2, 0, SIZE - SIZE / 2);
  check_same (live, flat);
  for (k = 0; k < KEEP; k++) {
    oracle_state_unref (kept[k].s);
    free (kept[k].bytes);
  }
  oracle_state_unref (live);
  check_timeline ();
}
