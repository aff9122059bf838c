/* SPDX-License-Identifier: BSD-3-Clause
 *
 * repair: which superblock, in which order, the end.
 *
 * 1. Choose.  The newest valid copy of the superblock, wherever it stands.
 *    Where markers or the ring name a newer generation, both copies of that
 *    one are gone.  The older one is gone back to if all of its trees verify;
 *    data that was written over since fails its check and is named.  The
 *    repaired state gets a number above all that is named, of the parity of
 *    the copies that are gone: the good ones are not touched before it is
 *    durable.
 * 2. Count.  The trees are loaded without what is damaged, and what the maps
 *    name is counted (repair-load.c, repair-walk.c, repair-fix.c).
 * 3. Replay.  What the ring holds beyond the trees, up to the first
 *    transaction that is damaged or was written after the generation that is
 *    gone back to.
 * 4. Commit and close, as the engine always does.
 *
 * Blocks that are named twice are parted in a round of its own, when the ring
 * is empty: its records may name the same blocks.  At the end the image is
 * checked once more, and what cannot be read is named.
 */

#include <config.h>

#include <stdlib.h>
#include <time.h>

#include "repair.h"

#define ROUNDS 4
#define LOOK (UINT64_C (1) << 20)       /* bytes read at once for a copy */

/* The superblock to begin with. */
struct choice {
  struct format_super super;    /* as on disk */
  unsigned bad;                 /* copies */
  uint64_t next;                /* generation that the repair writes */
  bool older;
};

void
repair_no_memory (struct repair *re)
{
  re->stop = base_fail (ENOMEM, "out of memory");
}

void
repair_say (struct repair *re, const char *fs, ...)
{
  char text[512];
  char *copy;
  va_list args;

  va_start (args, fs);
  vsnprintf (text, sizeof text, fs, args);
  va_end (args);
  copy = base_strdup (text);
  if (copy == NULL || text_vector_append (&re->done, copy) < 0) {
    free (copy);
    repair_no_memory (re);
  }
}

/* Forget all lines but the first N. */
static void
unsay (struct repair *re, size_t n)
{
  while (re->done.len > n)
    free (re->done.ptr[--re->done.len]);
}

int
repair_read (struct repair *re, const struct format_entry *e, void *buf)
{
  struct pool *p = re->p;
  const uint64_t place = format_place (e);
  int r;

  r = vdev_read (p->backing, buf, p->block_size, place * p->block_size);
  if (r == -EIO || r == -EBADMSG || r == -ERANGE)
    return 1;
  if (r < 0) {
    re->stop = r;
    return r;
  }
  return (base_crc32c (buf, p->block_size)
          ^ pool_mix (p, place, format_birth (e))) != le32toh (e->check);
}

/* ---- choosing ------------------------------------------------------------ */

/* A copy anywhere: of a pool that has grown, and has lost both slots. */
static int
hunt (struct vdev *backing, struct format_super *best)
{
  const uint64_t size = vdev_size (backing);
  CLEANUP_FREE char *buf = base_malloc (LOOK);
  struct format_super s;
  uint64_t off, at, n;
  bool found = false;

  if (buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  for (off = 0; off < size; off += n) {
    n = BASE_MIN (LOOK, size - off);
    if (vdev_read (backing, buf, n, off) < 0)
      continue;
    for (at = 0; at + sizeof s <= n; at += UINT64_C (1)
           << FORMAT_MIN_BLOCK_SHIFT) {
      memcpy (&s, buf + at, sizeof s);
      if (!format_super_valid (&s)
          || s.block_shift > FORMAT_MAX_BLOCK_SHIFT
          || le64toh (le64toh (s.generation) & 1 ? s.twin_a : s.twin_b)
          << s.block_shift != off + at
          || (found && le64toh (s.generation) <= le64toh (best->generation)))
        continue;
      *best = s;
      found = true;
    }
  }
  return found ? 0 : base_fail (EBADMSG, "not a pool: no valid superblock");
}

/* The newest generation that a block of the ring names. */
static uint64_t
newest_in_ring (struct vdev *backing, const struct format_super *s)
{
  CLEANUP_FREE char *buf = base_malloc (1U << s->block_shift);
  struct pool *p = pool_alloc (NULL);
  struct format_journal h;
  uint64_t i, newest = 0;

  if (buf == NULL || p == NULL)
    goto out;
  p->super = *s;
  if (pool_set_up (p) < 0)
    goto out;
  for (i = 0; i < p->journal.length; ++i) {
    if (vdev_read (backing, buf, p->block_size,
                   (p->journal.start + i) * p->block_size) < 0
        || !journal_block_valid (p, buf))
      continue;
    memcpy (&h, buf, sizeof h);
    newest = BASE_MAX (newest, le64toh (h.generation));
  }
 out:
  if (p)
    pool_free (p);
  return newest;
}

struct verdict { uint64_t errors; char first[512]; };

/* Copies and markers are what brought us here. */
static void
count_tree_errors (void *opaque, const struct pool_check_problem *problem)
{
  struct verdict *v = opaque;

  if (problem->leak || strncmp (problem->text, "superblock", 10) == 0
      || strncmp (problem->text, "marker", 6) == 0
      || strncmp (problem->text, "owner", 5) == 0)
    return;
  if (v->errors++ == 0)
    memcpy (v->first, problem->text, sizeof v->first);
}

static int
choose_older (struct vdev *backing, struct choice *c, uint64_t newest)
{
  const uint64_t generation = le64toh (c->super.generation);
  struct verdict v = { .errors = 0 };
  const struct pool_check_options o = { .problem = count_tree_errors,
                                        .opaque = &v };
  struct pool_check_result result;
  int r;

  r = check_image (backing, &c->super, &o, &result);
  if (r < 0)
    return r;
  if (v.errors > 0)
    return base_fail (EBADMSG, "superblock: both copies of generation %" PRIu64
                      " are damaged, and generation %" PRIu64 " is no longer "
                      "whole (%" PRIu64 " errors; %.200s); restore the pool "
                      "from a copy", newest, generation, v.errors, v.first);
  c->older = true;
  c->next = newest + 1;
  if ((c->next & 1) == (generation & 1))
    c->next++;
  return 0;
}

static int
choose (struct vdev *backing, struct choice *c)
{
  uint64_t newest = 0;
  int r;

  memset (c, 0, sizeof *c);
  r = super_newest (backing, &c->super, &c->bad);
  if (r == -EBADMSG && c->super.magic[0] == '\0') {
    r = hunt (backing, &c->super);
    c->bad = 3;
    if (r == 0)
      r = super_geometry (backing, &c->super);
  }
  if (r < 0)
    return r;
  if (le64toh (c->super.readonly) & ~FORMAT_READONLY_KNOWN)
    return base_fail (EOPNOTSUPP, "feature flags %#" PRIx64 " are not known "
                      "to this release; use a newer nbdvol",
                      le64toh (c->super.readonly));
  (void) super_newest_marker (backing, &c->super, &newest);
  newest = BASE_MAX (newest, newest_in_ring (backing, &c->super));
  if (newest > le64toh (c->super.generation))
    return choose_older (backing, c, newest);
  c->next = le64toh (c->super.generation) + 1;
  return 0;
}

/* ---- one round ----------------------------------------------------------- */

static void
free_round (struct repair *re)
{
  uint64_t **bits[] = { &re->named, &re->twice, &re->entered, &re->tainted,
                        &re->marked, &re->held, &re->unknown_space,
                        &re->unknown_refs };
  size_t i;

  repair_walk_reset (re);
  for (i = 0; i < BASE_ARRAY_SIZE (bits); ++i) {
    free (*bits[i]);
    *bits[i] = NULL;
  }
  for (i = 0; i < FORMAT_MAX_LEVELS; ++i) {
    free (re->buf[i]);
    re->buf[i] = NULL;
  }
  free (re->spare);
  re->spare = NULL;
  re->changed = re->blind = re->records_lost = false;
  re->next = 0;
  if (re->p)
    pool_free (re->p);
  re->p = NULL;
}

static int
alloc_round (struct repair *re)
{
  struct pool *p = re->p;
  const size_t words = base_div_up (pool_blocks (p), 64);
  uint64_t **bits[] = { &re->twice, &re->entered, &re->tainted, &re->marked,
                        &re->held, &re->named };
  bool failed = false;
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (bits); ++i) {
    *bits[i] = base_calloc (words, 8);
    failed |= *bits[i] == NULL;
  }
  for (i = 0; i < FORMAT_MAX_LEVELS; ++i) {
    re->buf[i] = base_malloc (p->block_size);
    failed |= re->buf[i] == NULL;
  }
  re->spare = base_malloc (p->block_size);
  re->unknown_space = base_calloc (p->space_tree.count[0] / 64 + 1, 8);
  re->unknown_refs = base_calloc (p->refs_tree.count[0] / 64 + 1, 8);
  return failed || re->spare == NULL || re->unknown_space == NULL
    || re->unknown_refs == NULL ? base_fail (ENOMEM, "out of memory") : 0;
}

/* The pool in memory, trees not loaded. */
static int
start_round (struct repair *re, struct vdev *backing, const struct choice *c)
{
  const struct pool_options o = { .name = re->options->name };
  struct pool *p = pool_alloc (&o);
  int r;

  if (p == NULL)
    return base_fail (ENOMEM, "out of memory");
  re->p = p;
  p->backing = backing;
  p->super = c->super;
  p->super.generation = htole64 (c->next - 1);
  base_random_bytes (&p->nonce, sizeof p->nonce);
  re->salvage = (struct salvage) {
    .generation = c->older ? le64toh (c->super.generation) : UINT64_MAX };
  p->salvage = &re->salvage;
  r = pool_set_up (p);
  if (r == 0)
    r = replay_look_around (p);
  if (r == 0)
    r = alloc_round (re);
  return r;
}

static bool
ring_is_empty (const struct choice *c)
{
  return !c->older
    && !(le64toh (c->super.incompatible) & FORMAT_INCOMPATIBLE_JOURNAL);
}

/* *AGAIN: there is something left to part. */
static int
count (struct repair *re, const struct choice *c, bool *again)
{
  size_t lines;

  repair_load (re);
  lines = re->done.len;
  if (re->stop == 0)
    repair_walk (re);
  *again = re->stop == 0 && re->conflicts > 0;
  if (*again && ring_is_empty (c)) {
    repair_part (re);
    re->verify_data = true;
    *again = false;
    re->blind = false;
    if (re->stop == 0)
      repair_walk (re);
  }
  else if (*again)
    unsay (re, lines);
  if (re->stop == 0)
    repair_fix (re);
  return re->stop;
}

/* As load_trees of pool.c does. */
static int
hand_over (struct repair *re)
{
  struct pool *p = re->p;
  uint64_t i;

  memcpy (p->backing_bits, p->backed_bits,
          base_div_up (pool_slabs (p), 64) * 8);
  for (i = 0; i < pool_slabs (p); ++i)
    if (bit_get (p->backed_bits, i))
      places_add_slab_locked (p, i, false);
  for (i = 0; i < pool_blocks (p); ++i)
    if (bit_get (re->held, i) && !bit_get (p->space.view, i))
      places_claim_locked (p, i);
  p->commit.durable = le64toh (p->super.generation);
  p->open_gen = p->commit.durable + 1;
  return table_load (p);
}

static void
say_superblock (struct repair *re, const struct choice *c)
{
  const time_t written = (time_t) le64toh ((uint64_t) c->super.written);
  char when[40] = "?";
  struct tm tm;

  if (c->older) {
    if (gmtime_r (&written, &tm) != NULL)
      strftime (when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    repair_say (re, "superblock: gone back to generation %" PRIu64 ", written "
                "%s, because both copies of a newer one are damaged; what was "
                "written later is lost", le64toh (c->super.generation), when);
  }
  else if (c->bad > 0 && le64toh (c->super.generation) > 1)
    repair_say (re, "superblock: %u of 4 copies written anew", c->bad);
  if (re->salvage.first > 0 && !c->older)
    repair_say (re, "journal: transactions %" PRIu64 " to %" PRIu64
                " are damaged: what they wrote is lost", re->salvage.first,
                re->salvage.last);
  if (re->salvage.skipped > 0)
    repair_say (re, "journal: %" PRIu64 " blocks belong to parts that are "
                "lost", re->salvage.skipped);
}

/* Everything that was counted becomes true.  REAP: and removed volumes are
 * reclaimed.  P is closed in any case.
 */
static int
write_round (struct repair *re, const struct choice *c, bool reap)
{
  struct pool *p = re->p;
  int r = 0;

  re->p = NULL;
  if (!c->older)
    r = super_write_copies (p, &p->super);
  if (r == 0)
    r = journal_back_ring (p);
  if (r == 0)
    r = backing_sync (p);
  if (r == 0) {
    r = backing_reserve (p);
    r = r == -ENOSPC ? 0 : r;   /* what there is may do */
  }
  if (r == 0)
    r = pool_checkpoint_replayed (p);
  if (r == 0)
    r = pool_write_next (p);
  if (r == 0 && reap)
    r = pool_reclaim (p);
  vdev_ref (p->backing);
  if (r == 0)
    return pool_close (p);
  pool_abandon (p);
  return r;
}

static bool
needs_writing (const struct repair *re, const struct choice *c)
{
  return re->changed || c->older || c->bad > 0
    || le32toh (c->super.clean) != 1 || !ring_is_empty (c)
    || re->result->before.errors > 0 || re->result->before.leaks > 0;
}

/* A removed volume that is damaged is nobody's loss. */
static bool
orphan_is_bad (const struct repair *re)
{
  size_t i;

  for (i = 0; i < re->records.len; ++i)
    if (re->records.ptr[i].bad
        && re->p->table[re->records.ptr[i].slot].kind >= FORMAT_ORPHAN)
      return true;
  return false;
}

static int
run_round (struct repair *re, struct vdev *backing, bool *again)
{
  uint64_t limit = UINT64_MAX, end = 0;
  const size_t lines = re->done.len;
  const uint64_t lost = re->result->lost;
  struct choice c;
  bool reap;
  int r;

  *again = false;
  r = choose (backing, &c);
  for (; r == 0; limit = end - 1) {
    unsay (re, lines);
    re->result->lost = lost;
    re->stop = 0;
    r = start_round (re, backing, &c);
    if (r == 0)
      r = count (re, &c, again);
    if (r == 0)
      r = hand_over (re);
    if (r == 0)
      r = replay (re->p, limit, &end);
    if (r != -ESTALE)
      break;
    free_round (re);
    r = 0;
  }
  if (r == 0) {
    say_superblock (re, &c);
    re->verify_data |= c.older || re->salvage.first > 0;
    r = re->stop;
  }
  reap = r == 0 && orphan_is_bad (re);
  if (r == 0 && needs_writing (re, &c))
    r = write_round (re, &c, reap);
  /* What they used is known once they are gone. */
  *again |= reap || re->records_lost;
  free_round (re);
  if (r < 0)
    unsay (re, lines);
  return r;
}

/* ---- markers ------------------------------------------------------------- */

/* One that is neither empty nor a valid one of this pool says nothing, and
 * goes.
 */
static int
clear_markers (struct repair *re, struct vdev *backing,
               const struct format_super *s)
{
  static const char zero[FORMAT_SUPER_SIZE];
  struct format_marker m;
  uint64_t off;
  unsigned i, n = 0;
  int r = 0;

  for (i = 0; i < FORMAT_MARKERS && r == 0; ++i) {
    off = (le64toh (s->journal_start) + i) << s->block_shift;
    r = vdev_read (backing, &m, sizeof m, off);
    if (r == 0
        && (base_is_zero (&m, sizeof m)
            || (memcmp (m.magic, FORMAT_MARKER_MAGIC, sizeof m.magic) == 0
                && memcmp (m.uuid, s->uuid, sizeof m.uuid) == 0
                && le64toh (m.generation) % FORMAT_MARKERS == i
                && le32toh (m.crc)
                == base_crc32c (&m, offsetof (struct format_marker, crc)))))
      continue;
    r = vdev_write (backing, zero, sizeof zero, off, 0);
    n++;
  }
  if (n == 0 || r < 0)
    return r;
  r = vdev_flush (backing);
  if (r == 0)
    repair_say (re, "markers: %u damaged cleared", n);
  return r;
}

/* ---- all of it ----------------------------------------------------------- */

static int
check_with (struct vdev *backing, const struct format_super *super,
            const struct pool_repair_options *o, bool tell,
            struct pool_check_result *result)
{
  const struct pool_check_options co = {
    .problem = tell ? o->problem : NULL, .progress = o->progress,
    .opaque = o->opaque };

  return check_image (backing, super, &co, result);
}

static int
list_lost (struct repair *re, struct vdev *backing, const struct choice *c)
{
  size_t lines = re->done.len;
  int r;

  r = start_round (re, backing, c);
  if (r == 0) {
    re->changed = true;
    re->quiet = true;           /* records of the table were named before */
    repair_load (re);
    if (re->stop == 0)
      repair_walk (re);
    if (re->stop == 0)
      repair_list_lost (re);
    r = re->stop;
  }
  unsay (re, lines);
  free_round (re);
  return r;
}

static int
finish (struct repair *re, struct vdev *backing)
{
  struct choice c;
  size_t i;
  int r;

  r = choose (backing, &c);
  if (r == 0)
    r = check_with (backing, &c.super, re->options, true, &re->result->after);
  if (r == 0 && (re->result->after.errors > 0 || re->verify_data))
    r = list_lost (re, backing, &c);
  for (i = 0; i < re->done.len && r == 0; ++i)
    if (re->options->repaired)
      re->options->repaired (re->options->opaque, re->done.ptr[i]);
  re->result->repaired = re->done.len;
  return r;
}

int
pool_repair (struct vdev *backing, const struct pool_repair_options *options,
             struct pool_repair_result *result)
{
  static const struct pool_repair_options none;
  struct repair re = { .options = options ? options : &none,
                       .result = result };
  bool again = true;
  struct choice c;
  unsigned i;
  int r;

  memset (result, 0, sizeof *result);
  if (vdev_has (backing, VDEV_RO))
    return base_fail (EROFS, "the backing is read-only");
  r = choose (backing, &c);
  if (r == 0)
    r = check_with (backing, &c.super, re.options, false, &result->before);
  if (r == 0)
    r = clear_markers (&re, backing, &c.super);
  for (i = 0; i < ROUNDS && again && r == 0; ++i)
    r = run_round (&re, backing, &again);
  if (r == 0)
    r = finish (&re, backing);
  unsay (&re, 0);
  text_vector_reset (&re.done);
  return r;
}
