/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A repair that is cut off leaves the pool as before or repaired: by a crash
 * after any of its operations, with any part of what was not flushed on the
 * disk, and by an error of any write, flush or read.  Repairing what is left
 * loses no byte that the first repair would not have lost.
 */

#include <stdlib.h>

#include "devices-test.h"
#include "repair-judge.h"
#include "test.h"

#define E(record, block, level) bend_entry (p, record, block, level)

static void
space (struct pi *p)
{
  bend_space (p, format_place (E (0, 1, BEND_DATA)), false);
  bend_space (p, bend_free (p, 0), true);
  memset (bend_leaf (p, &p->super.backed, 0), 0, p->bs);
}

static void
counts (struct pi *p)
{
  memset (&p->super.refs.entry, 0, sizeof p->super.refs.entry);
  bend_record (p, 0)->mapped = htole64 (2);
  bend_record (p, 0)->snap_epoch = 0;
}

static void
twice (struct pi *p)
{
  struct format_entry *e = E (4, 300, BEND_DATA);

  e->word = E (0, 700, BEND_DATA)->word;
  e->check = htole32 (POOL_FIX_WRONG);
}

/* The rest is done after the checksums were made right. */
static void none (struct pi *p BASE_UNUSED) { }

static void
flip (struct pi *p, const struct format_entry *e)
{
  bend_block (p, format_place (e))[1234] ^= 0x55;
}

static void
pages (struct pi *p)
{
  flip (p, &p->super.space.entry);
  flip (p, &p->super.refs.entry);
  flip (p, &p->super.backed.entry);
}

static void leaf (struct pi *p) { flip (p, E (0, 700, 0)); }
static void root (struct pi *p) { flip (p, E (4, 0, 1)); }

static void
table (struct pi *p)
{
  bend_block (p, format_place (&p->super.table.entry))[2 * 512 - 1] ^= 1;
}

static void
copies (struct pi *p)
{
  p->image[77] ^= 1;            /* slot A */
  p->image[le64toh (p->super.twin_b) * p->bs + 9] ^= 1;
}

static void
slots (struct pi *p)
{
  p->image[77] ^= 1;
  p->image[FORMAT_SLOT_B + 77] ^= 1;
}

/* Every other block is in use, so that what the repair writes goes wherever
 * there is one: not where the state before it is.
 */
static struct pi *
scattered (void)
{
  struct pi *p = pi_new (&(struct pi_options) { .blocks = 128, .spread = 1 });
  unsigned a = pi_volume (p, "a", 40 * 4096);
  unsigned b = pi_volume (p, "b", 40 * 4096);
  unsigned i;

  for (i = 0; i < 17; ++i) {
    pi_put (p, a, i, i + 1);
    pi_put (p, b, i + 1, i + 100);
  }
  pi_finish (p);
  return p;
}

static void
scattered_twice (struct pi *p)
{
  struct format_entry *e = E (1, 9, BEND_DATA);

  e->word = E (0, 3, BEND_DATA)->word;
  e->check = htole32 (POOL_FIX_WRONG);
}

static struct repaired first, again;

/* The repair of D ends as FIRST did, apart from what it had to do. */
static const char *
finish (struct pi *p, struct vdev *d)
{
  const char *wrong;
  unsigned i;

  repair_run (&again, d);
  if (again.result < 0)
    return "cannot be repaired";
  /* A record is lost with the repair that took it out. */
  for (i = 0; i < again.nlost; ++i)
    if (i >= first.nlost
        || memcmp (&again.lost[i], &first.lost[i], sizeof first.lost[i]) != 0)
      return "other bytes are lost";
  if (again.r.after.errors != first.r.after.errors
      || again.r.after.leaks != first.r.after.leaks)
    return "other problems remain";
  wrong = repair_judge (p, d, &first);
  return wrong;
}

static void
judge (const char *name, const char *how, uint64_t at, struct pi *p,
       struct vdev *d)
{
  const char *wrong = finish (p, d);

  if (wrong) {
    repaired_print (&first);
    repaired_print (&again);
  }
  CHECK_MSG (wrong == NULL, "%s: %s %" PRIu64 ": %s", name, how, at, wrong);
  vdev_unref (d);
}

static void
crashes (const char *name, struct pi *p, struct base_rng *rng)
{
  const size_t size = p->o.blocks * p->bs;
  struct recorder_image i = { .data = malloc (size), .size = size,
                              .capacity = size };
  struct recorder_chance chance;
  struct recorder_choice choice;
  struct recorder_log log;
  struct vdev *d;
  uint64_t at;
  unsigned k;

  CHECK (i.data != NULL);
  CHECK_EQ_INT (recorder_open (repair_device (p->image, size), &d), 0);
  repair_run (&first, d);
  CHECK_EQ_INT (first.result, 0);
  log = recorder_log (d);
  for (at = 0; at <= log.now; ++at)
    for (k = 0; k < 3; ++k) {
      memcpy (i.data, p->image, size);
      i.size = size;
      choice = recorder_choice_by_chance (&chance, base_rng_u64 (rng), 50);
      CHECK_EQ_INT (recorder_rebuild (&log, at, k == 0 ? NULL : &choice, &i),
                    0);
      judge (name, "crash at", at, p, repair_device (i.data, size));
    }
  vdev_unref (d);
  free (i.data);
}

static void
faults (const char *name, struct pi *p, enum faulty_op op, int error)
{
  const size_t size = p->o.blocks * p->bs;
  struct faulty_rule rule = { .op = op, .action = FAULTY_FAIL,
                              .error = error };
  struct vdev *d, *below;
  bool applied = true;

  for (rule.nth = 1; applied; ++rule.nth) {
    below = repair_device (p->image, size);
    CHECK_EQ_INT (faulty_open (vdev_ref (below), &d), 0);
    CHECK_EQ_INT (faulty_add (d, &rule), 0);
    repair_run (&again, d);
    applied = faulty_applied (d) > 0;
    CHECK_MSG (!applied || again.result < 0 || op == FAULTY_ZERO,
               "%s: a failure was not told", name);
    vdev_unref (d);
    judge (name, "failure of call", rule.nth, p, below);
  }
}

TEST_MAIN
{
  static const struct { const char *name; void (*bend) (struct pi *p);
    void (*spoil) (struct pi *p); } all[] = {
    { "space", space, none }, { "counts", counts, none },
    { "twice", twice, none }, { "pages", none, pages },
    { "leaf", none, leaf }, { "root", none, root }, { "table", none, table },
    { "copies", none, copies }, { "slots", none, slots },
    { "all", counts, pages }, { "scattered", scattered_twice, none },
  };
  struct base_rng rng;
  const char *name;
  struct pi *p;
  size_t i;

  base_rng_seed (&rng, test_seed ());
  for (i = 0; i < BASE_ARRAY_SIZE (all); ++i) {
    p = all[i].bend == scattered_twice ? scattered ()
      : pool_sample (SAMPLE_FAMILY, &name);
    all[i].bend (p);
    pool_fix (p->image, p->o.blocks * p->bs, &p->super);
    all[i].spoil (p);
    crashes (all[i].name, p, &rng);
    faults (all[i].name, p, FAULTY_WRITE, EIO);
    faults (all[i].name, p, FAULTY_WRITE, ENOSPC);
    faults (all[i].name, p, FAULTY_FLUSH, EIO);
    faults (all[i].name, p, FAULTY_ZERO, ENOSPC);
    pi_free (p);
  }
}
