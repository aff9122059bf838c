/* SPDX-License-Identifier: BSD-3-Clause
 *
 * replay: what the ring holds beyond the trees.
 *
 * Scan.  From the tail that the superblock names, blocks of its run follow
 * each other by number and by check.  Where that ends is the end: a torn
 * write, or an older lap, or another run, whose nonce differs.  If any block
 * of this run says that a transaction beyond that end was durable, or names a
 * newer superblock than the one that was found, the pool is damaged, and is
 * not opened.
 *
 * Prove.  A transaction at or below a `stable` was flushed together with its
 * data.  Of those above, the ring may have arrived and the data not.  They
 * are applied, and the blocks they brought that the maps name in the end are
 * read and compared with their crcs: what was replaced meanwhile may have
 * been reused and is not asked for.  If one differs, the last transaction is
 * dropped whole, and everything starts again without it.
 *
 * Rewrite.  What was read may be in the page cache only (a flush failed, and
 * the process went on to be started again).  So the superblock that was
 * found, the unproven transactions and their data are written once more, the
 * same bytes, and flushed: from then on every later opening finds the same,
 * also if this one does not get further.
 *
 * The caller then makes a checkpoint, with a new nonce, and writes it to both
 * slots: nothing of the run before is left that could be taken up again.  The
 * places that the ring has let go of come back with that.
 */

#include <config.h>

#include <stdlib.h>

#include "repair.h"

#define STAGING (UINT64_C (256) << 10)

struct replay {
  struct pool *p;
  uint64_t cut, end;            /* transactions: in the trees; in the ring */
  uint64_t stable;              /* of these known to be durable */
  uint64_t first, last;         /* blocks of the ring: [first, last) */
  uint64_t proven;              /* ... and of these, what is stable ends */
  uint32_t chain;               /* check of the block before last */
  uint64_t *gone;               /* bit per place: let go of */
};

/* ---- scan ---------------------------------------------------------------- */

static int
read_block (struct pool *p, uint64_t n, char *buf)
{
  const struct journal *j = &p->journal;
  int r;

  r = vdev_read (p->backing, buf, p->block_size,
                 (j->start + n % j->length) * p->block_size);
  return r < 0 ? base_fail_in (r, "reading the journal") : 0;
}

/* One block behind the end so far.  True if it goes on. */
static bool
follow (struct replay *re, const char *buf, uint32_t *part)
{
  const struct pool *p = re->p;
  struct format_journal h;

  memcpy (&h, buf, sizeof h);
  if (!journal_block_valid (p, buf) || h.nonce != p->super.nonce
      || le64toh (h.seq) != re->end + 1 || le32toh (h.part) != *part
      || (p->salvage && le64toh (h.generation) > p->salvage->generation)
      || le32toh (h.chain) != re->chain)
    return false;
  re->chain = le32toh (h.crc);
  ++*part;
  if (*part == le32toh (h.parts)) {
    re->end++;
    *part = 0;
    re->stable = BASE_MAX (re->stable, le64toh (h.stable));
  }
  return true;
}

static bool
has_ring (const struct pool *p)
{
  return p->journal.length > 0
    && (le64toh (p->super.incompatible) & FORMAT_INCOMPATIBLE_JOURNAL);
}

/* The blocks of the ring, wherever they stand: what do they know? */
int
replay_look_around (struct pool *p)
{
  struct journal *j = &p->journal;
  const uint64_t generation = le64toh (p->super.generation);
  CLEANUP_FREE char *buf = base_malloc (p->block_size);
  struct format_journal h;
  uint64_t i;
  int r;

  if (buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  for (i = 0; has_ring (p) && i < j->length; ++i) {
    r = read_block (p, i, buf);
    if (r < 0)
      return r;
    if (!journal_block_valid (p, buf))
      continue;
    memcpy (&h, buf, sizeof h);
    if (p->salvage == NULL && le64toh (h.generation) > generation)
      return base_fail (EBADMSG, "superblock: both copies of generation %"
                        PRIu64 " are damaged, the newest valid one is %" PRIu64
                        ": opening it would lose acknowledged writes; "
                        "`nbdvol check --repair` goes back to it",
                        le64toh (h.generation),
                        generation);
    if (h.nonce == p->super.nonce)
      j->proven = BASE_MAX (j->proven, le64toh (h.stable));
  }
  return 0;
}

static int
scan (struct replay *re, uint64_t limit)
{
  struct pool *p = re->p;
  CLEANUP_FREE char *buf = base_malloc (p->block_size);
  uint64_t at = re->first, whole = re->first, seq = re->end;
  uint32_t part = 0, chain = re->chain;
  int r;

  if (buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  while (at < re->first + p->journal.length && re->end < limit) {
    r = read_block (p, at, buf);
    if (r < 0)
      return r;
    if (!follow (re, buf, &part))
      break;
    at++;
    if (re->end > seq) {
      seq = re->end;
      whole = at;
      chain = re->chain;
    }
  }
  re->last = whole;
  re->chain = chain;
  if (re->stable > re->end && p->salvage) {
    p->salvage->first = re->end + 1;
    p->salvage->last = re->stable;
    re->stable = re->end;       /* what is left was flushed, all of it */
  }
  else if (re->stable > re->end)
    return base_fail (EBADMSG, "journal: transaction %" PRIu64 " is damaged, "
                      "and %" PRIu64 " was acknowledged: opening the pool "
                      "would lose writes; `nbdvol check --repair` opens it "
                      "without them", re->end + 1, re->stable);
  return 0;
}

/* ---- apply --------------------------------------------------------------- */

/* PLACE belongs to a map. */
static void
claim (struct replay *re, uint64_t place)
{
  struct pool *p = re->p;
  struct space *s = &p->space;
  const uint64_t slab = place / p->slab_blocks;

  bit_clear (re->gone, place);
  if (!bit_get (p->backing_bits, slab)) {
    places_add_slab_locked (p, slab, true);
    bit_set (p->backing_bits, slab);
    s->backed_changed = true;
  }
  if (!bit_get (s->view, place))
    places_claim_locked (p, place);
}

/* Slot I of LEAF becomes a hole. */
static void
clear_slot (struct replay *re, struct volume *v, struct node *leaf, uint32_t i)
{
  struct format_entry *e = &leaf->e[i];

  if (format_type (e) == FORMAT_HOLE)
    return;
  if (format_type (e) == FORMAT_DATA) {
    v->mapped--;
    if (tree_exclusive_birth (v, format_birth (e)))
      bit_set (re->gone, format_place (e));
  }
  memset (e, 0, sizeof *e);
  leaf->live--;
}

static void
set_slot (struct replay *re, struct volume *v, struct node *leaf, uint32_t i,
          uint64_t place, uint32_t crc)
{
  struct pool *p = re->p;

  clear_slot (re, v, leaf, i);
  claim (re, place);
  format_entry_set (&leaf->e[i], FORMAT_DATA, place, p->epoch,
                    crc ^ pool_mix (p, place, p->epoch));
  leaf->live++;
  v->mapped++;
}

/* The open leaf of BLOCK, read and copied as needed; MAKE it if there is none,
 * else *LEAF = NULL and *SPAN is what is missing.
 */
static int
open_leaf (struct volume *v, uint64_t block, bool make, struct node **leaf,
           uint64_t *span)
{
  CLEANUP_NODE struct node *pin = NULL;
  struct found found;
  int r;

  for (;;) {
    r = tree_find_locked (v, block, &found);
    if (r == -EAGAIN) {
      r = tree_fetch (v, &found, &pin);
      if (r < 0)
        return r;
      continue;
    }
    *leaf = NULL;
    *span = found.leaf ? v->pool->fan : tree_span (v->pool, found.hole_level);
    node_unref (found.leaf);
    if (found.leaf == NULL && !make)
      return 0;
    r = tree_join_locked (v);
    if (r == 0)
      r = tree_dirty_locked (v, block, 0, leaf);
    if (r < 0)
      tree_prune_locked (v, block);
    if (r != -EAGAIN)
      return r;
    r = walk_prepare (v, block);
    if (r < 0)
      return r;
  }
}

/* R of something that damage may be in the way of: 1 where the rest is to be
 * saved.
 */
static int
pass_over (struct replay *re, int r)
{
  if (r != -EBADMSG || re->p->salvage == NULL)
    return r;
  re->p->salvage->skipped++;
  return 1;
}

static int
apply_map (struct replay *re, struct volume *v,
           const struct journal_record *rec, const char *crc)
{
  const uint32_t fan = re->p->fan;
  struct node *leaf = NULL;
  uint64_t i, span;
  uint32_t check;
  int r;

  for (i = 0; i < rec->count; ++i) {
    if (format_is_fixed (&re->p->super, rec->place + i))
      return base_fail (EBADMSG, "journal: a record names a fixed place");
    if (leaf == NULL || (rec->block + i) % fan == 0) {
      leaf = NULL;
      r = open_leaf (v, rec->block + i, true, &leaf, &span);
      r = pass_over (re, r);
      if (r < 0)
        return r;
      if (r > 0)
        continue;
    }
    memcpy (&check, crc + 4 * i, sizeof check);
    set_slot (re, v, leaf, (rec->block + i) % fan, rec->place + i,
              le32toh (check));
  }
  return 0;
}

static int
apply_unmap (struct replay *re, struct volume *v,
             const struct journal_record *rec)
{
  const uint64_t end = rec->block + rec->count;
  uint64_t block, n, i, span;
  struct node *leaf;
  int r;

  for (block = rec->block; block < end; block += n) {
    leaf = NULL;
    r = open_leaf (v, block, false, &leaf, &span);
    if (r < 0)
      span = re->p->fan;
    r = pass_over (re, r);
    if (r < 0)
      return r;
    n = BASE_MIN (end - block, span - block % span);
    for (i = 0; leaf && i < n; ++i)
      clear_slot (re, v, leaf, (block + i) % re->p->fan);
    if (leaf && leaf->live == 0)
      tree_detach_locked (v, block, 0);
  }
  return 0;
}

/* A volume that REC may be about; NULL: none that can be opened any more (an
 * import that was cut short).
 */
static int
find_volume (struct pool *p, const struct journal_record *rec,
             struct volume **v)
{
  const uint64_t n = BASE_MAX (rec->count, 1);

  *v = volume_by_id_locked (p, rec->volume);
  if (*v && (*v)->rec.kind == FORMAT_ORPHAN) {
    *v = NULL;
    return 0;
  }
  if (*v == NULL || (*v)->rec.kind != FORMAT_VOLUME
      || rec->block > tree_span (p, (*v)->levels - 1)
      || n > tree_span (p, (*v)->levels - 1) - rec->block)
    return base_fail (EBADMSG, "journal: a record is about no block of a "
                      "volume");
  return 0;
}

static int
apply (struct replay *re, const struct journal_record *rec, const char *crc)
{
  struct volume *v;
  int r;

  r = pass_over (re, find_volume (re->p, rec, &v));
  if (r != 0 || v == NULL)
    return BASE_MIN (r, 0);
  return rec->place > 0 ? apply_map (re, v, rec, crc)
    : apply_unmap (re, v, rec);
}

/* Call FN for each record of the transactions from FROM up to the end. */
static int
for_each_record (struct replay *re, uint64_t from,
                 int (*fn) (struct replay *re,
                            const struct journal_record *rec,
                            const char *crc))
{
  struct pool *p = re->p;
  CLEANUP_FREE char *buf = base_malloc (p->block_size);
  struct journal_record rec;
  struct format_journal h;
  const char *crc;
  size_t offset;
  uint64_t at;
  int r = 0;

  if (buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  for (at = re->first; at < re->last && r >= 0; ++at) {
    r = read_block (p, at, buf);
    if (r < 0)
      return r;
    memcpy (&h, buf, sizeof h);
    if (le64toh (h.seq) < from)
      continue;
    for (offset = 0; r >= 0;) {
      r = journal_next_record (p, buf, &offset, &rec, &crc);
      if (r <= 0)
        break;
      r = fn (re, &rec, crc);
    }
  }
  return r;
}

/* ---- prove and rewrite --------------------------------------------------- */

/* Does V's map still say that BLOCK stands at PLACE, with data of this CRC?
 * The block may have come back to a place that it had before.
 */
static int
still_there (struct volume *v, uint64_t block, uint64_t place, uint32_t crc,
             bool *yes)
{
  struct format_entry e;
  bool hole;
  int64_t n = tree_lookup (v, block, 1, &e, 1, &hole);

  *yes = n >= 0 && !hole && format_type (&e) == FORMAT_DATA
    && format_place (&e) == place
    && le32toh (e.check) == (crc ^ pool_mix (v->pool, place,
                                             format_birth (&e)));
  return n < 0 ? (int) n : 0;
}

/* Call FN for each block of data that REC brought and that is still mapped;
 * BUF holds what was read there.  -ESTALE: it is not what was written.
 */
static int
for_each_block (struct replay *re, const struct journal_record *rec,
                const char *crc, bool rewrite)
{
  struct pool *p = re->p;
  const uint64_t bs = p->block_size;
  CLEANUP_FREE char *buf = base_malloc (bs);
  struct volume *v;
  uint32_t check;
  uint64_t i;
  bool there;
  int r;

  if (buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  r = find_volume (p, rec, &v);
  if (r == -EBADMSG && p->salvage)
    return 0;
  for (i = 0; r == 0 && v && rec->place > 0 && i < rec->count; ++i) {
    memcpy (&check, crc + 4 * i, sizeof check);
    r = still_there (v, rec->block + i, rec->place + i, le32toh (check),
                     &there);
    if (r == -EBADMSG && p->salvage) {
      r = 0;
      continue;
    }
    if (r < 0 || !there)
      continue;
    r = vdev_read (p->backing, buf, bs, (rec->place + i) * bs);
    if (r < 0)
      return base_fail_in (r, "%s", v->label);
    if (base_crc32c (buf, bs) != le32toh (check))
      return base_fail (ESTALE, "journal: a block did not arrive");
    if (rewrite)
      r = vdev_write (p->backing, buf, bs, (rec->place + i) * bs, 0);
  }
  return r;
}

static int
prove (struct replay *re, const struct journal_record *rec, const char *crc)
{
  return for_each_block (re, rec, crc, false);
}

static int
rewrite_data (struct replay *re, const struct journal_record *rec,
              const char *crc)
{
  return for_each_block (re, rec, crc, true);
}

/* The same bytes again: blocks of transactions that nothing proves. */
static int
rewrite_ring (struct replay *re)
{
  struct pool *p = re->p;
  CLEANUP_FREE char *buf = base_malloc (p->block_size);
  struct format_journal h;
  uint64_t at;
  int r = 0;

  if (buf == NULL)
    return base_fail (ENOMEM, "out of memory");
  for (at = re->first; at < re->last && r == 0; ++at) {
    r = read_block (p, at, buf);
    memcpy (&h, buf, sizeof h);
    if (r == 0 && le64toh (h.seq) > re->stable)
      r = vdev_write (p->backing, buf, p->block_size,
                      (p->journal.start + at % p->journal.length)
                      * p->block_size, 0);
  }
  return r;
}

/* ---- together ------------------------------------------------------------ */

/* Places that were let go of, as if by the last transaction: the checkpoint
 * that follows brings them back.
 */
static int
keep_gone (struct replay *re)
{
  struct pool *p = re->p;
  struct journal *j = &p->journal;
  struct journal_freed f = { .seq = re->end };
  uint64_t i;
  int r = 0;

  for (i = 0; i < pool_blocks (p) && r == 0; ++i)
    if (bit_get (re->gone, i))
      r = place_vector_append (&f.places, i);
  if (r == 0)
    r = journal_freed_vector_append (&j->waiting, f);
  if (r < 0) {
    place_vector_reset (&f.places);
    return base_fail (ENOMEM, "out of memory");
  }
  p->space.pending += f.places.len;
  return 0;
}

static int
run (struct replay *re, uint64_t limit)
{
  struct pool *p = re->p;
  int r;

  r = scan (re, limit);
  if (r == 0)
    r = for_each_record (re, 0, apply);
  if (r == 0)
    r = for_each_record (re, re->stable + 1, prove);
  if (r < 0 || p->options.readonly)
    return r;
  r = for_each_record (re, re->stable + 1, rewrite_data);
  if (r == 0)
    r = rewrite_ring (re);
  if (r == 0)
    r = keep_gone (re);
  return r;
}

int
replay (struct pool *p, uint64_t limit, uint64_t *end)
{
  struct journal *j = &p->journal;
  const uint64_t cut = le64toh (p->super.journal_tail_seq);
  struct replay re = { .p = p, .cut = cut, .end = cut,
    .stable = j->proven };
  int r;

  *end = cut;
  if (!has_ring (p))
    return 0;
  re.first = re.last = le64toh (p->super.journal_tail_block);
  re.chain = le32toh (p->super.journal_chain);
  re.gone = base_calloc (base_div_up (pool_blocks (p), 64), 8);
  if (re.gone == NULL)
    return base_fail (ENOMEM, "out of memory");
  r = run (&re, limit);
  free (re.gone);
  *end = re.end;
  if (r < 0)
    return r;
  j->head = re.last;
  j->tail = re.first;
  j->chain = re.chain;
  j->durable = j->proven = re.end;
  j->open = re.end + 1;
  return 0;
}
