/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A flipped byte in any block of metadata: the check names it, the repair
 * makes the pool clean again, or says exactly which bytes of which volumes
 * are lost: these are errors when they are read, and all others are as they
 * were.
 */

#include "repair-judge.h"
#include "test.h"

static struct repaired r;

static bool
is_map_of_table (const char *text)
{
  return strstr (text, "map node") != NULL || strstr (text, "table") != NULL;
}

/* What hangs below a lost node is still there: when the node comes back, so
 * does all of it.
 */
static const char *
bring_back (struct pi *p, uint64_t place, struct vdev *d)
{
  CHECK_EQ_INT (vdev_write (d, p->image + place * p->bs, p->bs,
                            place * p->bs, 0), 0);
  repair_run (&r, d);
  if (r.result < 0 || r.nlost > 0 || r.r.before.errors > 0)
    return "does not come back";
  return repair_judge (p, d, &r);
}

static void
repair_place (struct pi *p, const char *sample, uint64_t place,
              struct base_rng *rng)
{
  static struct verdict v;
  const size_t size = p->o.blocks * p->bs;
  const bool fixed = format_is_fixed (&p->super, place);
  uint8_t *byte = p->image + place * p->bs
    + base_rng_below (rng, fixed ? FORMAT_SUPER_SIZE : p->bs);
  const char *wrong;
  struct vdev *d;
  bool may_lose;
  unsigned i;

  *byte ^= 0x11;
  verdict_of (&v, p->image, size, &p->super, false);
  if (v.r.errors == 0) {        /* data, or nothing at all */
    *byte ^= 0x11;
    return;
  }
  may_lose = false;
  for (i = 0; i < v.n; ++i)
    may_lose |= is_map_of_table (v.line[i].text);
  d = repair_device (p->image, size);
  *byte ^= 0x11;
  repair_run (&r, d);
  wrong = r.result < 0 ? "failed" : repair_judge (p, d, &r);
  if (wrong == NULL && r.nlost == 0 && !repair_is_clean (d))
    wrong = "not clean";
  if (wrong == NULL && r.r.after.leaks > 0)
    wrong = "leaks";
  if (wrong == NULL && r.nlost > 0 && !may_lose)
    wrong = "lost what was there";
  if (wrong == NULL && r.nlost > 0 && !r.lost[0].whole)
    wrong = bring_back (p, place, d);
  if (wrong) {
    verdict_print (&v);
    repaired_print (&r);
  }
  CHECK_MSG (wrong == NULL, "%s: place %" PRIu64 ": %s", sample, place, wrong);
  vdev_unref (d);
}

static void
every_place (uint64_t seed)
{
  struct base_rng rng;
  const char *name;
  uint64_t place;
  struct pi *p;
  unsigned i;

  base_rng_seed (&rng, seed);
  for (i = 0; (p = pool_sample (i, &name)) != NULL; ++i) {
    for (place = 0; place < p->o.blocks && p->o.blocks < 1000; ++place)
      if (p->used[place] || format_is_fixed (&p->super, place))
        repair_place (p, name, place, &rng);
    pi_free (p);
  }
}

TEST_MAIN
{
  every_place (test_seed ());
  every_place (721357209);      /* a record that got a base by damage */
}
