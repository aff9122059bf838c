/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scrub-fixed: the blocks that no tree names.
 *
 * They are looked at with the commit held, which is when they are at rest.
 * The newest generation has to stand in its slot and its twin, the one before
 * it in the other two; a pool that is only read shows what an older release
 * or a crash has left, and there the others need only be older.  A copy is
 * mended from its twin, or from memory, whose superblock carries its own
 * checksum; where both copies of the generation before are gone, nothing
 * needs them but the next commit, which writes both: so it is made.
 *
 * A marker that is bad gets the newest generation that belongs there and was
 * durable; the owner record is written from what this process knows.
 */

#include <config.h>

#include "scrub-internal.h"

struct copy {
  const char *name;
  uint64_t offset;
  unsigned parity;              /* of the generations that stand there */
  struct format_super super;
  int r;                        /* 0 good, or why not */
};

static void
tell_fixed (struct scrub_job *job, const char *what, uint64_t offset, int r,
            bool repaired)
{
  struct pool_scrub_damage d = {
    .volume = "", .what = what, .block = offset / job->p->block_size,
    .repaired = repaired,
  };

  scrub_tell (job, &d, 1, r);
}

/* One sector; -errno if that ends the run, else *WHY. */
static int
read_sector (struct scrub_job *job, uint64_t offset, void *buf, int *why)
{
  *why = vdev_read (job->p->backing, buf, FORMAT_SUPER_SIZE, offset);
  job->read += FORMAT_SUPER_SIZE;
  return *why < 0 && !scrub_is_damage (*why) ? *why : 0;
}

static int
flush (struct pool *p)
{
  const int r = backing_sync (p);

  return r < 0 ? commit_poison (p, -r, "flush failed") : 0;
}

/* ---- superblocks --------------------------------------------------------- */

static bool
is_right (const struct pool *p, const struct copy *c)
{
  const struct format_super *s = &c->super;
  const uint64_t newest = le64toh (p->super.generation);
  const uint64_t generation = le64toh (s->generation);

  if (p->options.readonly && newest % 2 != c->parity
      && newest == 1 && base_is_zero (s, sizeof *s))
    return true;                /* never opened for writing yet */
  if (!format_super_valid (s) || generation % 2 != c->parity
      || memcmp (s->uuid, p->super.uuid, sizeof s->uuid) != 0)
    return false;
  if (newest % 2 == c->parity)
    return memcmp (s, &p->super, sizeof *s) == 0;
  return p->options.readonly ? generation < newest : generation == newest - 1;
}

static int
read_copy (struct scrub_job *job, struct copy *c)
{
  int r = read_sector (job, c->offset, &c->super, &c->r);

  if (r == 0 && c->r == 0 && !is_right (job->p, c))
    c->r = -EBADMSG;
  return r;
}

/* What C has to hold, or NULL. */
static const struct format_super *
source (const struct pool *p, const struct copy *c, const struct copy *twin)
{
  if (twin->r == 0)
    return &twin->super;
  if (le64toh (p->super.generation) % 2 == c->parity
      && format_super_valid (&p->super))
    return &p->super;
  return NULL;
}

/* -errno only if the run has to end; C->r says what came of it. */
static int
mend_copy (struct scrub_job *job, struct copy *c, const struct copy *twin)
{
  struct pool *p = job->p;
  const struct format_super *s = source (p, c, twin);
  int r;

  if (s) {
    r = super_write_at (p, s, c->offset);
    if (r < 0)
      return 0;
    r = flush (p);
  }
  else
    r = commit_run (p, NULL, false);
  return r < 0 ? r : read_copy (job, c);
}

/* The copies of one parity. */
static int
scrub_pair (struct scrub_job *job, struct copy *pair)
{
  unsigned i;
  int r = 0, why;

  for (i = 0; i < 2 && r == 0; ++i)
    r = read_copy (job, &pair[i]);
  for (i = 0; i < 2 && r == 0; ++i) {
    why = pair[i].r;
    if (why == 0)
      continue;
    if (why == -EBADMSG && !job->p->options.readonly)
      r = mend_copy (job, &pair[i], &pair[!i]);
    tell_fixed (job, pair[i].name, pair[i].offset, why, pair[i].r == 0);
  }
  return r;
}

static int
scrub_supers (struct scrub_job *job)
{
  const struct format_super *s = &job->p->super;
  const unsigned shift = job->p->block_shift;
  struct copy copies[] = {
    { .name = "superblock slot A", .offset = FORMAT_SLOT_A, .parity = 1 },
    { .name = "superblock twin A", .offset = le64toh (s->twin_a) << shift,
      .parity = 1 },
    { .name = "superblock slot B", .offset = FORMAT_SLOT_B, .parity = 0 },
    { .name = "superblock twin B", .offset = le64toh (s->twin_b) << shift,
      .parity = 0 },
  };
  const unsigned newest = le64toh (s->generation) % 2 ? 0 : 2;
  int r;

  r = scrub_pair (job, copies + newest);
  return r < 0 ? r : scrub_pair (job, copies + 2 - newest);
}

/* ---- markers, owner ------------------------------------------------------ */

/* Both are of this size and end with their crc. */
static bool
is_sealed (const void *sector, const char *magic)
{
  uint32_t crc;

  memcpy (&crc, (const char *) sector + FORMAT_SUPER_SIZE - 4, 4);
  return base_is_zero (sector, FORMAT_SUPER_SIZE)
    || (memcmp (sector, magic, 8) == 0
        && base_crc32c (sector, FORMAT_SUPER_SIZE - 4) == le32toh (crc));
}

static int
look_sealed (struct scrub_job *job, uint64_t offset, const char *magic,
             int *why)
{
  uint8_t sector[FORMAT_SUPER_SIZE];
  int r = read_sector (job, offset, sector, why);

  if (r == 0 && *why == 0 && !is_sealed (sector, magic))
    *why = -EBADMSG;
  return r;
}

static int
scrub_marker (struct scrub_job *job, unsigned i)
{
  static const char *const names[FORMAT_MARKERS] = {
    "marker 0", "marker 1", "marker 2", "marker 3",
  };
  struct pool *p = job->p;
  const uint64_t newest = le64toh (p->super.generation);
  const uint64_t offset
    = (le64toh (p->super.journal_start) + i) * p->block_size;
  /* The newest generation that belongs there. */
  const uint64_t back = (newest - i) % FORMAT_MARKERS;
  int r, why, now;

  r = look_sealed (job, offset, FORMAT_MARKER_MAGIC, &why);
  if (r < 0 || why == 0)
    return r;
  now = why;
  if (why == -EBADMSG && newest > back && !p->options.readonly
      && super_marker (p, newest - back) == 0) {
    r = flush (p);
    if (r == 0)
      r = look_sealed (job, offset, FORMAT_MARKER_MAGIC, &now);
  }
  tell_fixed (job, names[i], offset, why, now == 0);
  return r;
}

static int
scrub_owner (struct scrub_job *job)
{
  struct pool *p = job->p;
  int r, why, now;

  r = look_sealed (job, FORMAT_OWNER, FORMAT_OWNER_MAGIC, &why);
  if (r < 0 || why == 0)
    return r;
  now = why;
  if (why == -EBADMSG && !p->options.readonly
      && super_owner (p, false) == 0) {
    r = flush (p);
    if (r == 0)
      r = look_sealed (job, FORMAT_OWNER, FORMAT_OWNER_MAGIC, &now);
  }
  tell_fixed (job, "owner record", FORMAT_OWNER, why, now == 0);
  return r;
}

int
scrub_fixed (struct scrub_job *job)
{
  struct pool *p = job->p;
  unsigned i;
  int r;

  r = commit_hold (p);
  if (r < 0)
    return r;
  r = scrub_supers (job);
  for (i = 0; i < FORMAT_MARKERS && r == 0; ++i)
    r = scrub_marker (job, i);
  if (r == 0)
    r = scrub_owner (job);
  commit_release (p);
  return r < 0 ? r : scrub_pause (job);
}
