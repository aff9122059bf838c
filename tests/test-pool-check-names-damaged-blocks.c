/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One flipped bit anywhere in a block that is in use is found by the check,
 * which names the block or the fixed structure; one in a free block, or in
 * the part of a fixed block that means nothing, is not.
 */

#include "pool-samples.h"
#include "pool-verdict.h"
#include "test.h"

/* The name of the fixed structure at PLACE, NULL if it means nothing. */
static const char *
fixed_name (const struct pi *p, uint64_t place)
{
  const struct format_super *s = &p->super;

  if (place == 0)
    return "superblock slot A";
  if (place == (uint64_t) FORMAT_SLOT_B >> p->o.block_shift)
    return "superblock slot B";
  if (place == (uint64_t) FORMAT_OWNER >> p->o.block_shift)
    return "owner record";
  if (place == le64toh (s->twin_a))
    return "superblock twin A";
  if (place == le64toh (s->twin_b))
    return "superblock twin B";
  if (place - le64toh (s->journal_start) < FORMAT_MARKERS)
    return "marker";
  return NULL;
}

static void
flip (struct pi *p, const char *sample, uint64_t place, struct base_rng *rng)
{
  static struct verdict v;
  const bool fixed = format_is_fixed (&p->super, place);
  const char *name = fixed ? fixed_name (p, place) : NULL;
  uint64_t bytes = fixed && name ? FORMAT_SUPER_SIZE : p->bs;
  uint8_t *byte = p->image + place * p->bs + base_rng_below (rng, bytes);
  const uint8_t bit = 1 << base_rng_below (rng, 8);
  char text[64];
  bool said;

  *byte ^= bit;
  verdict_of (&v, p->image, p->o.blocks * p->bs, &p->super, true);
  *byte ^= bit;

  if (p->used[place]) {
    snprintf (text, sizeof text, "at block %" PRIu64, place);
    name = text;
  }
  said = name ? v.r.errors > 0 && verdict_says (&v, name, NULL)
    : v.r.errors == 0 && v.r.leaks == 0;
  if (!said)
    verdict_print (&v);
  CHECK_MSG (said, "%s: place %" PRIu64 ": wanted %s", sample, place,
             name ? name : "silence");
}

TEST_MAIN
{
  struct base_rng rng;
  const char *name;
  uint64_t place, step;
  struct pi *p;
  unsigned i;

  base_rng_seed (&rng, test_seed ());
  for (i = 0; (p = pool_sample (i, &name)) != NULL; i++) {
    step = p->o.blocks > 1000 ? 97 : 1;
    for (place = 0; place < p->o.blocks; place++)
      if (p->used[place] || place % step == 0 ||
          format_is_fixed (&p->super, place))
        flip (p, name, place, &rng);
    pi_free (p);
  }
}
