/* SPDX-License-Identifier: BSD-3-Clause
 *
 * super: superblocks, markers and the owner record.
 *
 * Each generation is written to one of two slots, by its parity, and to the
 * slot's twin at the other end of the pool.  Opening takes the newest valid
 * copy.  If both copies of the newest generation are bad, the older slot
 * must not be opened silently: its blocks may have been reused.  A crash in
 * the middle of writing a generation may leave both copies torn, and then
 * the older one is right, because nothing that generation freed has been
 * reused yet.  The marker tells the two cases apart: it names a generation
 * that was durable, and is written with the first flush of the next commit
 * and at a clean close.
 */

#include <config.h>

#include <stdlib.h>
#include <unistd.h>

#include "pool-internal.h"

#define COPY_SIZE 4096          /* bytes written for a slot, twin or owner */

/* BYTES at OFFSET, padded to COPY_SIZE. */
static int
write_sector (struct pool *p, const void *bytes, size_t size, uint64_t offset)
{
  char buf[COPY_SIZE];

  memset (buf, 0, sizeof buf);
  memcpy (buf, bytes, size);
  atomic_fetch_add (&p->n_metadata_bytes, COPY_SIZE);
  return vdev_write (p->backing, buf, sizeof buf, offset, 0);
}

static uint64_t
twin_offset (const struct pool *p, const struct format_super *s)
{
  return le64toh (le64toh (s->generation) & 1 ? s->twin_a : s->twin_b)
    * p->block_size;
}

int
super_write_at (struct pool *p, const struct format_super *s, uint64_t offset)
{
  return write_sector (p, s, sizeof *s, offset);
}

/* Slot and twin of the generation in S, which is sealed. */
int
super_write_copies (struct pool *p, const struct format_super *s)
{
  const uint64_t slot
    = le64toh (s->generation) & 1 ? FORMAT_SLOT_A : FORMAT_SLOT_B;
  int r;

  r = write_sector (p, s, sizeof *s, slot);
  if (r == 0)
    r = write_sector (p, s, sizeof *s, twin_offset (p, s));
  return r;
}

int
super_marker (struct pool *p, uint64_t generation)
{
  struct format_marker m;
  const uint64_t place = le64toh (p->super.journal_start)
    + generation % FORMAT_MARKERS;

  memset (&m, 0, sizeof m);
  memcpy (m.magic, FORMAT_MARKER_MAGIC, sizeof m.magic);
  memcpy (m.uuid, p->super.uuid, sizeof m.uuid);
  m.generation = htole64 (generation);
  m.nonce = htole64 (p->nonce);
  m.crc = htole32 (base_crc32c (&m, offsetof (struct format_marker, crc)));
  return write_sector (p, &m, sizeof m, place * p->block_size);
}

int
super_newest_marker (struct vdev *backing, const struct format_super *s,
                     uint64_t *generation)
{
  const uint64_t start = le64toh (s->journal_start);
  unsigned i;
  int r;

  *generation = 0;
  for (i = 0; i < FORMAT_MARKERS; ++i) {
    struct format_marker m;

    r = vdev_read (backing, &m, sizeof m, (start + i) << s->block_shift);
    if (r < 0)
      return r;
    if (memcmp (m.magic, FORMAT_MARKER_MAGIC, sizeof m.magic) == 0
        && memcmp (m.uuid, s->uuid, sizeof m.uuid) == 0
        && le32toh (m.crc)
        == base_crc32c (&m, offsetof (struct format_marker, crc)))
      *generation = BASE_MAX (*generation, le64toh (m.generation));
  }
  return 0;
}

/* ---- finding ------------------------------------------------------------- */

/* A valid copy at OFFSET?  Reading errors count as no. */
static bool
read_copy (struct vdev *backing, uint64_t offset, struct format_super *s)
{
  const uint64_t size = vdev_size (backing);

  return size >= sizeof *s && offset <= size - sizeof *s
    && vdev_read (backing, s, sizeof *s, offset) == 0
    && format_super_valid (s);
}

static void
consider (struct vdev *backing, uint64_t offset, bool odd,
          struct format_super *best, unsigned *valid)
{
  struct format_super s;

  if (!read_copy (backing, offset, &s)
      || (le64toh (s.generation) & 1) != odd)
    return;
  if (*valid > 0 && memcmp (s.uuid, best->uuid, sizeof s.uuid) != 0)
    return;
  if (*valid == 0 || le64toh (s.generation) > le64toh (best->generation))
    *best = s;
  ++*valid;
}

/* Twins of a pool whose slots are both gone: its last two blocks, if it has
 * not grown since it was made.
 */
static void
consider_lost_twins (struct vdev *backing, struct format_super *best,
                     unsigned *valid)
{
  const uint64_t size = vdev_size (backing);
  unsigned shift;

  for (shift = FORMAT_MIN_BLOCK_SHIFT;
       shift <= FORMAT_MAX_BLOCK_SHIFT && *valid == 0; ++shift) {
    const uint64_t blocks = size >> shift;

    if (blocks < FORMAT_MIN_BLOCKS)
      return;
    consider (backing, (blocks - 2) << shift, true, best, valid);
    consider (backing, (blocks - 1) << shift, false, best, valid);
  }
}

int
super_geometry (struct vdev *backing, const struct format_super *s)
{
  const uint64_t blocks = le64toh (s->blocks);
  const unsigned shift = s->block_shift;

  if (le32toh (s->version) != FORMAT_VERSION)
    return base_fail (EOPNOTSUPP, "format version %" PRIu32
                      " is not known to this release (it knows %d); "
                      "use a newer nbdvol", le32toh (s->version),
                      FORMAT_VERSION);
  if (le64toh (s->incompatible) & ~FORMAT_INCOMPATIBLE_KNOWN)
    return base_fail (EOPNOTSUPP, "feature flags %#" PRIx64
                      " are not known to this release; use a newer nbdvol",
                      le64toh (s->incompatible));
  if (shift < FORMAT_MIN_BLOCK_SHIFT || shift > FORMAT_MAX_BLOCK_SHIFT
      || blocks < FORMAT_MIN_BLOCKS || blocks > FORMAT_MAX_BLOCKS
      || s->slab_shift < 3 || s->slab_shift > 30
      || blocks % (UINT64_C (1) << s->slab_shift) != 0
      || le64toh (s->journal_length) < FORMAT_MARKERS
      || le64toh (s->journal_length) > blocks
      || le64toh (s->journal_start) > blocks - le64toh (s->journal_length)
      || le64toh (s->twin_a) >= blocks || le64toh (s->twin_b) >= blocks
      || le64toh (s->generation) == 0
      || le32toh (s->slots) == 0
      || le32toh (s->slots) % ((1U << shift) / FORMAT_RECORD_SIZE) != 0
      || le32toh (s->slots) / ((1U << shift) / FORMAT_RECORD_SIZE) > blocks)
    return base_fail (EBADMSG, "superblock: impossible geometry");
  if (vdev_size (backing) >> shift < blocks)
    return base_fail (EBADMSG, "the backing has %" PRIu64
                      " bytes, the pool needs %" PRIu64 "; truncated?",
                      vdev_size (backing), blocks << shift);
  return 0;
}

/* The superblock to open.  *BAD = how many of the four copies are not what
 * they should be (a torn or damaged copy; an older generation in the other
 * slot is as it should be).
 */
int
super_newest (struct vdev *backing, struct format_super *s, unsigned *bad)
{
  struct format_super a, b;
  unsigned valid = 0;
  bool have_a, have_b;

  memset (s, 0, sizeof *s);
  if (vdev_size (backing) == 0)
    return base_fail (EBADMSG, "empty; make a pool with `nbdvol init`");
  have_a = read_copy (backing, FORMAT_SLOT_A, &a);
  have_b = read_copy (backing, FORMAT_SLOT_B, &b);
  consider (backing, FORMAT_SLOT_A, true, s, &valid);
  consider (backing, FORMAT_SLOT_B, false, s, &valid);
  if (valid > 0 && s->block_shift <= FORMAT_MAX_BLOCK_SHIFT) {
    const struct format_super any = *s;

    consider (backing, le64toh (any.twin_a) << any.block_shift, true, s,
              &valid);
    consider (backing, le64toh (any.twin_b) << any.block_shift, false, s,
              &valid);
  }
  else if (valid == 0)
    consider_lost_twins (backing, s, &valid);
  if (valid == 0)
    return base_fail (EBADMSG, "%s", have_a || have_b
                      ? "superblock: copies contradict each other"
                      : "not a pool: no valid superblock");
  /* A pool that was just made has only one generation in slot A. */
  *bad = 4 - BASE_MIN (valid, 4U);
  return super_geometry (backing, s);
}

/* The same, unless a marker says that a newer one was durable. */
int
super_find (struct vdev *backing, struct format_super *s, unsigned *bad)
{
  uint64_t marker;
  int r;

  r = super_newest (backing, s, bad);
  if (r < 0)
    return r;
  r = super_newest_marker (backing, s, &marker);
  if (r < 0)
    return base_fail_in (r, "reading markers");
  if (marker > le64toh (s->generation))
    return base_fail (EBADMSG, "superblock: both copies of generation %"
                      PRIu64 " are damaged, the newest valid one is %" PRIu64
                      ": opening it would lose acknowledged writes; "
                      "`nbdvol check --repair` goes back to it", marker,
                      le64toh (s->generation));
  return 0;
}

/* ---- owner --------------------------------------------------------------- */

int
super_owner (struct pool *p, bool clear)
{
  struct format_owner o;

  memset (&o, 0, sizeof o);
  if (!clear) {
    memcpy (o.magic, FORMAT_OWNER_MAGIC, sizeof o.magic);
    o.pid = (int64_t) htole64 ((uint64_t) getpid ());
    o.started = (int64_t) htole64 ((uint64_t) base_wall_seconds ());
    if (gethostname (o.host, sizeof o.host - 1) < 0)
      strcpy (o.host, "unknown");
    if (p->options.control_socket)
      strncpy (o.socket, p->options.control_socket, sizeof o.socket - 1);
    o.crc = htole32 (base_crc32c (&o, offsetof (struct format_owner, crc)));
  }
  return write_sector (p, &o, sizeof o, FORMAT_OWNER);
}

int
pool_read_owner (struct vdev *backing, struct pool_owner *owner)
{
  struct format_owner o;
  int r;

  if (vdev_size (backing) < FORMAT_OWNER + sizeof o)
    return base_fail (ENOENT, "no owner record");
  r = vdev_read (backing, &o, sizeof o, FORMAT_OWNER);
  if (r < 0)
    return r;
  if (memcmp (o.magic, FORMAT_OWNER_MAGIC, sizeof o.magic) != 0
      || le32toh (o.crc)
      != base_crc32c (&o, offsetof (struct format_owner, crc)))
    return base_fail (ENOENT, "no owner record");
  memset (owner, 0, sizeof *owner);
  owner->pid = (int64_t) le64toh ((uint64_t) o.pid);
  owner->started = (int64_t) le64toh ((uint64_t) o.started);
  memcpy (owner->host, o.host, sizeof owner->host - 1);
  memcpy (owner->socket, o.socket, sizeof owner->socket - 1);
  return 0;
}
