/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A write whose data is on its way while a snapshot is taken is born after
 * it.  The epoch of a mapping is the one in force when it is published: so
 * the block belongs to the volume alone and not to the snapshot, its check
 * is right although the epoch was not known when the data was written, and
 * overwriting it takes no room.
 */

#include <config.h>

#include "crash-image.h"
#include "format.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define BLOCKS 16

static struct gate gate;
static struct image *image;
static struct pool *p;
static struct vdev *v;

static void
put (uint64_t block, uint8_t byte)
{
  uint8_t buf[B];

  memset (buf, byte, B);
  CHECK_EQ_INT (vdev_write (v, buf, B, block * B, 0), 0);
}

static void
check_block (const char *name, uint64_t block, uint8_t byte)
{
  uint8_t buf[B], want[B];
  struct vdev *d;

  memset (want, byte, B);
  CHECK (pool_volume_open (p, name, true, NULL, &d) == 0);
  CHECK_EQ_INT (vdev_read (d, buf, B, block * B), 0);
  CHECK_EQ_MEM (buf, want, B);
  vdev_unref (d);
}

static uint64_t
available (void)
{
  struct pool_info info;

  pool_get_info (p, &info);
  return info.available / B;
}

/* Everything is small enough that each tree is one node. */
static void
read_node (const struct format_entry *e, void *buf)
{
  CHECK_EQ_INT (format_type (e), FORMAT_NODE);
  image_read (image, buf, B, format_place (e) * B);
}

/* On disk: the birth of BLOCK of v, and the epoch of the snapshot. */
static void
look (uint64_t block, uint32_t *birth, uint32_t *taken)
{
  struct format_record records[B / sizeof (struct format_record)];
  struct format_entry leaf[B / sizeof (struct format_entry)];
  struct format_super a, b;
  unsigned i;

  image_read (image, &a, sizeof a, FORMAT_SLOT_A);
  image_read (image, &b, sizeof b, FORMAT_SLOT_B);
  CHECK (format_super_valid (&a) && format_super_valid (&b));
  if (le64toh (b.generation) > le64toh (a.generation))
    a = b;
  CHECK_EQ_INT (a.table.levels, 1);
  read_node (&a.table.entry, records);
  *birth = *taken = 0;
  for (i = 0; i < BASE_ARRAY_SIZE (records); i++)
    if (records[i].kind == FORMAT_SNAPSHOT)
      *taken = le32toh (records[i].epoch);
    else if (records[i].kind == FORMAT_VOLUME) {
      CHECK_EQ_INT (records[i].root.levels, 1);
      read_node (&records[i].root.entry, leaf);
      *birth = format_birth (&leaf[block]);
    }
  CHECK (*birth > 0 && *taken > 0);
}

static void *
writer (void *arg)
{
  (void) arg;
  put (3, 103);
  return NULL;
}

static void
one (uint64_t seed)
{
  struct sim_options so = { .seed = seed, .stay = 100 };
  struct base_thread t;
  struct pool_check_options o = { .data = true };
  struct pool_check_result r;
  struct vdev *disk;
  uint64_t before;
  uint32_t birth, taken;
  unsigned i;

  image = image_new (96 * B);
  disk = gate_open (image_vdev (image), &gate);
  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  CHECK (pool_create (p, "v", BLOCKS * B, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &v) == 0);
  for (i = 0; i < BLOCKS; i++)
    put (i, (uint8_t) (10 + i));
  CHECK (pool_flush (p) == 0);

  sim_start (&so);
  gate_close (&gate, GATE_WRITE, 1);
  CHECK (base_thread_create (&t, writer, NULL) == 0);
  gate_wait (&gate);
  CHECK_EQ_INT (pool_snapshot (p, &(const char *) { "v@s" }, 1, 0), 0);
  gate_let_go (&gate);
  base_thread_join (&t);
  sim_stop (NULL);

  check_block ("v", 3, 103);
  check_block ("v@s", 3, 13);
  CHECK (pool_flush (p) == 0);
  check_block ("v", 3, 103);
  look (3, &birth, &taken);
  CHECK_MSG (birth > taken, "born in epoch %" PRIu32 ", as if it belonged to "
             "the snapshot of epoch %" PRIu32, birth, taken);
  before = available ();
  put (3, 203);
  CHECK_EQ_INT (available (), before);
  put (4, 204);
  CHECK_EQ_INT (available (), before - 1);
  check_block ("v@s", 3, 13);
  CHECK (pool_flush (p) == 0);
  CHECK (pool_check (p, &o, &r) == 0 && r.errors == 0 && r.leaks == 0);
  vdev_unref (v);
  CHECK (pool_close (p) == 0);
  gate_free (&gate);
  image_free (image);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 30);
  uint64_t i;

  for (i = 0; i < n; i++)
    one (seed + i);
}
