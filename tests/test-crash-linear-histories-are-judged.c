/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The judge of concurrent histories is right: on histories that are known to
 * be good or bad, one for each kind of mistake; on small random ones it says
 * what trying all orders says; and long ones, made by doing each request at
 * some moment between its call and its return, are good until one read of
 * them is changed.
 */

#include <config.h>

#include "base.h"
#include "linear.h"
#include "test.h"

#define ALL LINEAR_ALL

/* A, b, c, d: values; '.' = not this cell; 0 = zero. */
static struct linear_op
op (enum linear_kind kind, const char *cells, uint64_t call, uint64_t ret)
{
  struct linear_op r = { .kind = kind, .call = call, .ret = ret };
  unsigned i;

  for (i = 0; i < LINEAR_CELLS && cells[i]; i++)
    if (cells[i] != '.') {
      r.cells |= 1U << i;
      r.value[i] = cells[i] == '0' ? 0 : (uint32_t) cells[i];
    }
  return r;
}

#define W LINEAR_WRITE
#define R LINEAR_READ
#define H LINEAR_HOLE
#define D LINEAR_DATA

static void
known (const char *name, enum linear_verdict want, const struct linear_op *ops,
       size_t n)
{
  struct linear_history h = { .n = 0 };
  size_t i, at = SIZE_MAX;

  for (i = 0; i < n; i++)
    linear_add (&h, &ops[i]);
  CHECK_MSG (linear_check (&h, &at) == want, "%s is judged wrongly", name);
  CHECK (want == LINEAR_OK || at < n);
  linear_reset (&h);
}

#define KNOWN(name, want, ...)                                          \
  do {                                                                  \
    const struct linear_op ops_[] = { __VA_ARGS__ };                    \
    known (name, want, ops_, sizeof ops_ / sizeof ops_[0]);             \
  } while (0)

static void
known_ones (void)
{
  KNOWN ("nothing", LINEAR_OK, op (R, "0000", 1, 2));
  KNOWN ("a value from nowhere", LINEAR_BAD, op (R, "x000", 1, 2));
  KNOWN ("a value from the future", LINEAR_BAD, op (R, "aaaa", 1, 2),
         op (W, "aaaa", 3, 4));
  KNOWN ("a stale read", LINEAR_BAD, op (W, "aaaa", 1, 2),
         op (W, "bbbb", 3, 4), op (R, "aaaa", 5, 6));
  KNOWN ("a late read", LINEAR_OK, op (W, "aaaa", 1, 2),
         op (W, "bbbb", 3, 6), op (R, "aaaa", 4, 5));
  KNOWN ("new, then old", LINEAR_BAD, op (W, "aaaa", 1, 2),
         op (W, "bbbb", 3, 8), op (R, "bbbb", 4, 5), op (R, "aaaa", 6, 7));
  KNOWN ("two readers do not agree", LINEAR_BAD, op (W, "aaaa", 1, 11),
         op (W, "bbbb", 2, 12), op (R, "aaaa", 3, 5), op (R, "bbbb", 4, 6),
         op (R, "aaaa", 7, 9), op (R, "bbbb", 8, 10), op (R, "aaaa", 13, 14));
  KNOWN ("two readers in one order", LINEAR_OK, op (W, "aaaa", 1, 11),
         op (W, "bbbb", 2, 12), op (R, "aaaa", 3, 6), op (R, "bbbb", 4, 7),
         op (R, "bbbb", 8, 10));
  KNOWN ("an acknowledged write is lost", LINEAR_BAD,
         op (W, "aaaa", 1, 2), op (R, "0000", 3, 4));
  KNOWN ("an acknowledged trim is lost", LINEAR_BAD,
         op (W, "aaaa", 1, 2), op (W, "0000", 3, 4), op (R, "aaaa", 5, 6));
  KNOWN ("one of two trims came between", LINEAR_OK,
         op (W, "0000", 1, 9), op (W, "aaaa", 2, 3), op (R, "0000", 4, 5),
         op (W, "bbbb", 6, 7), op (R, "bbbb", 8, 10));
  KNOWN ("one trim cannot do for two", LINEAR_BAD,
         op (W, "0000", 1, 9), op (W, "aaaa", 2, 3), op (R, "0000", 4, 5),
         op (W, "bbbb", 6, 7), op (R, "0000", 8, 10));
  KNOWN ("a merge is lost", LINEAR_BAD, op (W, "a...", 1, 3),
         op (W, ".b..", 2, 4), op (R, "a000", 5, 6));
  KNOWN ("both merges are there", LINEAR_OK, op (W, "a...", 1, 3),
         op (W, ".b..", 2, 4), op (R, "ab00", 5, 6));
  KNOWN ("a merge brings back what was overwritten", LINEAR_BAD,
         op (W, "aaaa", 1, 2), op (W, "b...", 3, 6), op (W, "cccc", 4, 5),
         op (R, "baaa", 7, 8));
  KNOWN ("a torn block", LINEAR_BAD, op (W, "aaaa", 1, 2),
         op (W, "bbbb", 3, 6), op (R, "aabb", 4, 5));
  KNOWN ("cells that are right one by one", LINEAR_BAD,
         op (W, "a...", 1, 9), op (W, ".b..", 2, 10), op (R, "a0..", 3, 5),
         op (R, "0b..", 4, 6));
  KNOWN ("a hole", LINEAR_OK, op (W, "a...", 1, 2), op (W, "0000", 3, 5),
         op (H, "", 4, 6), op (R, "0000", 7, 8));
  KNOWN ("a hole where data is", LINEAR_BAD, op (W, "a...", 1, 2),
         op (H, "", 3, 4));
  KNOWN ("data where a hole is", LINEAR_BAD, op (W, "aaaa", 1, 2),
         op (W, "0000", 3, 4), op (D, "", 5, 6));
}

/* ---- all orders of small histories --------------------------------------- */

static bool
done_in_order (const struct linear_op *ops, size_t n, unsigned left,
               const uint32_t *cell)
{
  size_t i, k;
  unsigned c;

  if (left == 0)
    return true;
  for (i = 0; i < n; i++) {
    uint32_t now[LINEAR_CELLS];
    bool ok = true, zero = true;

    for (k = 0; k < n; k++)
      ok = ok && !((left >> k & 1) && ops[k].ret < ops[i].call);
    if (!ok || !(left >> i & 1))
      continue;
    memcpy (now, cell, sizeof now);
    for (c = 0; c < LINEAR_CELLS; c++) {
      zero = zero && now[c] == 0;
      if (ops[i].kind > R || !(ops[i].cells >> c & 1))
        continue;
      if (ops[i].kind == W)
        now[c] = ops[i].value[c];
      else
        ok = ok && now[c] == ops[i].value[c];
    }
    if (ops[i].kind > R)
      ok = zero == (ops[i].kind == H);
    if (ok && done_in_order (ops, n, left & ~(1U << i), now))
      return true;
  }
  return false;
}

/* N requests at random times; stamps are a random order of 2 N numbers. */
static void
make_small (struct base_rng *rng, struct linear_history *h, size_t n)
{
  uint64_t stamp[16];
  size_t i, k;
  unsigned c;

  for (i = 0; i < 2 * n; i++) {
    k = base_rng_below (rng, i + 1);
    stamp[i] = stamp[k];
    stamp[k] = i + 1;
  }
  for (i = 0; i < n; i++) {
    struct linear_op o = {
      .call = BASE_MIN (stamp[2 * i], stamp[2 * i + 1]),
      .ret = BASE_MAX (stamp[2 * i], stamp[2 * i + 1]),
      .kind = base_rng_below (rng, 12) ? base_rng_below (rng, 2) ? W : R
        : base_rng_below (rng, 2) ? H : D,
    };

    o.cells = 1 + (unsigned) base_rng_below (rng, 3);
    for (c = 0; c < 2; c++)
      o.value[c] = (uint32_t) base_rng_below (rng, 3);
    linear_add (h, &o);
  }
}

static void
all_orders (struct base_rng *rng, uint64_t n)
{
  const uint32_t zero[LINEAR_CELLS] = { 0 };
  uint64_t i, good = 0;

  for (i = 0; i < n; i++) {
    struct linear_history h = { .n = 0 };
    size_t len = 2 + base_rng_below (rng, 5);
    bool want;

    make_small (rng, &h, len);
    want = done_in_order (h.op, len, (1U << len) - 1, zero);
    good += want;
    CHECK_MSG ((linear_check (&h, NULL) == LINEAR_OK) == want,
               "small history %" PRIu64 ": judged %s", i,
               want ? "bad, but there is an order" : "good");
    linear_reset (&h);
  }
  /* Neither kind is rare. */
  CHECK (good > n / 20 && good < n - n / 20);
}

/* ---- long ones ----------------------------------------------------------- */

/* Request I has its moment at 100 (I + 1); it is called up to SPREAD moments
 * before and returns up to as many after.
 */
static void
make_long (struct base_rng *rng, struct linear_history *h, size_t n,
           uint64_t spread)
{
  uint32_t cell[LINEAR_CELLS] = { 0 };
  size_t i;
  unsigned c;

  for (i = 0; i < n; i++) {
    const uint64_t moment = 100 * (i + spread + 1);
    struct linear_op o = {
      .kind = base_rng_below (rng, 2) ? W : R,
      .cells = 1 + (unsigned) base_rng_below (rng, ALL),
      .call = moment - 100 * base_rng_below (rng, spread) - 1 - i % 40,
      .ret = moment + 100 * base_rng_below (rng, spread) + 1 + i % 40,
    };
    const uint32_t value = base_rng_below (rng, 6) ? (uint32_t) i + 1 : 0;

    for (c = 0; c < LINEAR_CELLS; c++) {
      if (!(o.cells >> c & 1))
        continue;
      if (o.kind == W)
        cell[c] = value;
      o.value[c] = cell[c];
    }
    linear_add (h, &o);
  }
}

static void
long_ones (struct base_rng *rng, uint64_t n)
{
  uint64_t i;

  for (i = 0; i < n; i++) {
    struct linear_history h = { .n = 0 };
    size_t at = 0, k;

    make_long (rng, &h, 2000, 1 + base_rng_below (rng, 5));
    CHECK_MSG (linear_check (&h, NULL) == LINEAR_OK,
               "long history %" PRIu64 ": judged bad", i);
    /* A value that is overwritten for long. */
    for (k = 1000; h.op[k].kind != R || !(h.op[k].cells & 1); k++)
      ;
    h.op[k].value[0] = 1;
    CHECK_MSG (linear_check (&h, &at) == LINEAR_BAD && at <= k + 10
               && at + 10 > k,
               "long history %" PRIu64 ": the changed read is not found", i);
    linear_reset (&h);
  }
}

/* ---- cuts ---------------------------------------------------------------- */

static struct linear_seen
seen (const struct linear_history *h, char value)
{
  struct linear_seen s = { .h = h };
  unsigned c;

  for (c = 0; c < LINEAR_CELLS; c++)
    s.value[c] = value == '0' ? 0 : (uint32_t) value;
  return s;
}

static void
cut (const char *name, bool want, const struct linear_history *a, char va,
     const struct linear_history *b, char vb, uint64_t call, uint64_t ret)
{
  const struct linear_seen s[2] = { seen (a, va), seen (b, vb) };
  size_t at;

  CHECK_MSG (linear_cut (s, 2, call, ret, &at) == want,
             "cut: %s is judged wrongly", name);
}

static void
cuts (void)
{
  struct linear_history a = { .n = 0 }, b = { .n = 0 }, c = { .n = 0 };
  const struct linear_op a1 = op (W, "aaaa", 1, 2), a2 = op (W, "cccc", 20, 30),
    a3 = op (W, "0000", 40, 41), b1 = op (W, "bbbb", 31, 39),
    b2 = op (W, "dddd", 60, 70), c1 = op (W, "aaaa", 1, 90),
    c2 = op (R, "aaaa", 2, 3);

  linear_add (&a, &a1);
  linear_add (&a, &a2);
  linear_add (&a, &a3);
  linear_add (&b, &b1);
  linear_add (&b, &b2);
  linear_add (&c, &c1);
  cut ("all before", true, &a, '0', &b, 'b', 50, 55);
  cut ("none yet", true, &a, 'a', &b, '0', 10, 15);
  cut ("one that ended before is missing", false, &a, 'c', &b, 'b', 50, 55);
  cut ("one that began later is in it", false, &a, '0', &b, 'd', 50, 55);
  cut ("during both", true, &a, 'c', &b, 'b', 3, 100);
  cut ("the later one alone", false, &a, 'a', &b, 'b', 3, 100);
  cut ("the earlier one alone", true, &a, 'c', &b, '0', 3, 100);
  cut ("between trim and write", true, &a, '0', &b, 'd', 3, 100);
  cut ("zero of the beginning", false, &a, '0', &b, '0', 3, 100);
  cut ("a write that is under way, before", true, &c, '0', &b, 'b', 3, 100);
  linear_add (&c, &c2);
  cut ("but somebody had read it", false, &c, '0', &b, 'b', 3, 100);
  linear_reset (&a);
  linear_reset (&b);
  linear_reset (&c);
}

TEST_MAIN
{
  struct base_rng rng;

  base_rng_seed (&rng, test_seed ());
  known_ones ();
  all_orders (&rng, test_env ("CASES", 20000));
  long_ones (&rng, 20);
  cuts ();
}
