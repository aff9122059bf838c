/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where acknowledged writes are lost, a pool is not opened; repairing it
 * saves what there is and says what is lost.
 *
 * A transaction of the journal is damaged: those before it are kept.  Both
 * copies of the newest superblock are damaged: the generation before it is
 * gone back to, with the transactions that belong to it, if its trees are
 * whole; else nothing is changed.  A crash in the repair loses no more.
 */

#include <config.h>

#include <stdlib.h>

#include "devices-test.h"
#include "repair-judge.h"
#include "test.h"

#define B 4096
#define SIZE (16 << 20)

static struct repaired r;
static uint8_t image[SIZE], again[SIZE];

static void
put (struct pool *p, struct vdev *v, uint64_t block, int byte)
{
  uint8_t buf[B];

  memset (buf, byte, sizeof buf);
  CHECK_EQ_INT (vdev_write (v, buf, B, block * B, 0), 0);
  CHECK_EQ_INT (pool_flush (p), 0);
}

/* What the volume holds: one byte for each of its first blocks. */
static const char *
holds (struct vdev *d, const char *want)
{
  struct pool *p;
  struct vdev *v;
  uint8_t buf[B];
  const char *wrong = NULL;
  unsigned i;

  if (pool_open (vdev_ref (d), NULL, &p) < 0) {
    vdev_unref (d);
    return "does not open";
  }
  CHECK_EQ_INT (pool_volume_open (p, "v", true, NULL, &v), 0);
  for (i = 0; want[i] != '\0'; ++i)
    if (vdev_read (v, buf, B, i * B) < 0 || buf[0] != want[i]
        || memcmp (buf, buf + 1, B - 1) != 0)
      wrong = "holds something else";
  vdev_unref (v);
  CHECK_EQ_INT (pool_close (p), 0);
  return wrong;
}

/* Checkpoint with aaaa; b to block 0, checkpoint if MORE; c, d, e to blocks
 * 1, 2, 3, each with a flush; and then the power goes.
 */
static void
make (bool more)
{
  const struct pool_format_options o = { .capacity = SIZE };
  struct vdev *d, *v;
  struct pool *p;
  unsigned i;

  CHECK_EQ_INT (devices_mem_open (SIZE, &d), 0);
  CHECK_EQ_INT (pool_format (d, &o), 0);
  CHECK_EQ_INT (pool_open (vdev_ref (d), NULL, &p), 0);
  CHECK_EQ_INT (pool_create (p, "v", 1 << 20, 0), 0);
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &v), 0);
  for (i = 0; i < 4; ++i)
    put (p, v, i, 'a');
  CHECK_EQ_INT (pool_checkpoint (p), 0);
  put (p, v, 0, 'b');
  if (more)
    CHECK_EQ_INT (pool_checkpoint (p), 0);
  for (i = 1; i < 4; ++i)
    put (p, v, i, 'b' + (int) i);
  vdev_unref (v);
  pool_abandon (p);
  CHECK_EQ_INT (vdev_read (d, image, SIZE, 0), 0);
  vdev_unref (d);
}

static const struct format_super *
newest (bool older)
{
  const struct format_super *a = (const void *) (image + FORMAT_SLOT_A);
  const struct format_super *b = (const void *) (image + FORMAT_SLOT_B);
  const bool b_is = le64toh (b->generation) > le64toh (a->generation);

  return b_is != older ? b : a;
}

/* Spoil the block of the ring with transaction N beyond the trees. */
static void
spoil_transaction (unsigned n)
{
  const struct format_super *s = newest (false);
  const uint64_t seq = le64toh (s->journal_tail_seq) + n;
  uint64_t i;

  for (i = 0; i < le64toh (s->journal_length); ++i) {
    uint8_t *block = image + (le64toh (s->journal_start) + i) * B;
    struct format_journal h;

    memcpy (&h, block, sizeof h);
    if (memcmp (h.magic, FORMAT_JOURNAL_MAGIC, 8) == 0 && h.nonce == s->nonce
        && le64toh (h.seq) == seq) {
      block[100] ^= 1;
      return;
    }
  }
  CHECK_MSG (false, "no transaction %u in the ring", n);
}

static void
spoil_newest (void)
{
  const struct format_super s = *newest (false);
  const bool odd = le64toh (s.generation) & 1;

  image[(odd ? FORMAT_SLOT_A : FORMAT_SLOT_B) + 99] ^= 1;
  image[le64toh (odd ? s.twin_a : s.twin_b) * B + 99] ^= 1;
}

/* Spoil the node that E names. */
static void
spoil_node (const struct format_entry *e)
{
  image[format_place (e) * B + 1234] ^= 1;
}

/* The record of the volume, in the newest generation. */
static const struct format_record *
record (void)
{
  const struct format_super *s = newest (false);

  return (const void *) (image + format_place (&s->table.entry) * B);
}

static void
is_refused (const char *why)
{
  struct vdev *d = repair_device (image, SIZE);
  struct pool *p;

  CHECK_EQ_INT (pool_open (d, NULL, &p), -EBADMSG);
  CHECK_MSG (strstr (base_error_text (), why) != NULL, "%s",
             base_error_text ());
  vdev_unref (d);
}

/* Opening says WHY it does not; the repair says SAYS, and the volume then holds
 * WANT; also when it was cut off anywhere and is made once more.
 */
static void
check (const char *why, const char *says, const char *want)
{
  struct recorder_image i = { .data = again, .size = SIZE,
                              .capacity = SIZE };
  struct recorder_log log;
  struct vdev *d, *cut;
  const char *wrong;
  uint64_t at;

  is_refused (why);
  CHECK_EQ_INT (recorder_open (repair_device (image, SIZE), &d), 0);
  repair_run (&r, d);
  if (r.result < 0 || !repaired_says (&r, says))
    repaired_print (&r);
  CHECK_EQ_INT (r.result, 0);
  CHECK (repaired_says (&r, says));
  CHECK_EQ_INT (r.nlost, 0);
  CHECK (repair_is_clean (d));
  log = recorder_log (d);
  for (at = 0; at <= log.now; ++at) {
    memcpy (again, image, SIZE);
    CHECK_EQ_INT (recorder_rebuild (&log, at, NULL, &i), 0);
    cut = repair_device (again, SIZE);
    repair_run (&r, cut);
    wrong = r.result < 0 ? "failed" : holds (cut, want);
    if (wrong)
      repaired_print (&r);
    CHECK_MSG (wrong == NULL, "cut off at %" PRIu64 ": %s", at, wrong);
    CHECK (repair_is_clean (cut));
    vdev_unref (cut);
  }
  wrong = holds (d, want);
  CHECK_MSG (wrong == NULL, "%s", wrong);
  vdev_unref (d);
}

static void
check_not_whole (void)
{
  const struct format_super *s = newest (true);
  struct vdev *d;

  image[format_place (&s->table.entry) * B + 5] ^= 1;
  d = repair_device (image, SIZE);
  repair_run (&r, d);
  CHECK_EQ_INT (r.result, -EBADMSG);
  CHECK (strstr (base_error_text (), "no longer whole") != NULL);
  CHECK_EQ_INT (vdev_read (d, again, SIZE, 0), 0);
  CHECK_EQ_MEM (image, again, SIZE);
  vdev_unref (d);
}

/* Transactions for a map that is damaged are lost with it, not the others:
 * the ring is no longer in the way.
 */
static void
check_lost_leaf (void)
{
  struct vdev *d;

  spoil_node (&record ()->root.entry);
  is_refused ("checksum");
  d = repair_device (image, SIZE);
  repair_run (&r, d);
  CHECK_EQ_INT (r.result, 0);
  CHECK (repaired_says (&r, "journal: 3 blocks belong to parts"));
  CHECK_EQ_INT (r.nlost, 1);
  CHECK_EQ_STR (r.lost[0].name, "v");
  CHECK_EQ_INT (r.lost[0].offset, 0);
  CHECK_EQ_INT (r.lost[0].length, 1 << 20);
  CHECK (strcmp (holds (d, "bcde") ? "lost" : "there", "lost") == 0);
  repair_run (&r, d);
  CHECK_EQ_INT (r.result, 0);
  CHECK_EQ_INT (r.nlines, 0);
  CHECK_EQ_INT (r.nlost, 1);
  vdev_unref (d);
}

TEST_MAIN
{
  static const char repair[] = "check --repair";

  make (false);
  spoil_node (&newest (false)->space.entry);
  check ("checksum", "space map: 1 damaged", "bcde");
  make (true);
  spoil_node (&newest (false)->space.entry);
  spoil_node (&newest (false)->backed.entry);
  check ("checksum", "backed slabs: 1 damaged", "bcde");
  make (true);
  check_lost_leaf ();
  make (false);
  spoil_transaction (3);        /* d; e was acknowledged */
  check (repair, "journal: transactions", "bcaa");
  make (true);
  spoil_transaction (1);
  check (repair, "journal: transactions", "baaa");
  make (true);
  spoil_newest ();
  check (repair, "gone back to generation", "baaa");
  make (true);
  spoil_newest ();
  check_not_whole ();
}
