/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a request takes is known to the block, and a request is granted if and
 * only if there is that much.  In a small pool, full most of the time,
 * random writes, trims, snapshots and removals are made beside a plain count
 * of the blocks and nodes each must take or give back: data where there was
 * a hole or where a snapshot keeps the old block, new nodes of the map, and
 * for a snapshot a copy set aside of each node it comes to share.  After each
 * one (after a trim: behind its commit) the pool's figure of what is
 * available must be exactly that.  Of a request that is refused, or whose data
 * cannot be written, nothing stays.
 */

#include <config.h>

#include "devices-test.h"
#include "pool.h"
#include "test.h"

#define B 4096U
#define FAN 256
#define LEAVES 320              /* so that the map has three levels */
#define BLOCKS (LEAVES * FAN)
#define MIDDLES ((LEAVES + FAN - 1) / FAN)
#define MOST 2                  /* blocks of a request, admitted in one piece */

/* What the map holds: nothing, something of its own, something shared. */
enum { NONE, OWN, SHARED };

static uint8_t block[BLOCKS], leaf[LEAVES], middle[MIDDLES], root;
static uint64_t held;           /* blocks and nodes that the snapshot reaches */
static bool snapshot;
/* ... as it was taken. */
static uint8_t old_block[BLOCKS], old_leaf[LEAVES], old_middle[MIDDLES],
  old_root;

static struct pool *p;
static struct vdev *d, *disk;
static struct base_rng rng;
static uint64_t available, granted, refused, failed;

static uint64_t
figure (void)
{
  struct pool_info info;

  pool_get_info (p, &info);
  return info.available / B;
}

static void
expect (const char *after)
{
  CHECK_MSG (figure () == available, "after %s %" PRIu64 " blocks are "
             "available, not %" PRIu64, after, figure (), available);
}

/* Children of a node. */
static bool
empty (const uint8_t *child, unsigned n)
{
  unsigned i;

  for (i = 0; i < n; i++)
    if (child[i] != NONE)
      return false;
  return true;
}

/* Blocks that writing [FIRST, FIRST + N) takes. */
static uint64_t
write_needs (uint64_t first, uint64_t n)
{
  uint64_t i, need = root == NONE;
  bool new_leaf = false, new_middle = false;

  for (i = first; i < first + n; i++) {
    need += block[i] != OWN;
    if (i == first || i % FAN == 0) {
      new_leaf = leaf[i / FAN] == NONE;
      need += new_leaf;
      if (i == first || i % (FAN * FAN) == 0) {
        new_middle = middle[i / FAN / FAN] == NONE;
        need += new_middle;
      }
    }
  }
  return need;
}

static void
own_path (uint64_t i)
{
  leaf[i / FAN] = OWN;
  middle[i / FAN / FAN] = OWN;
  root = OWN;
}

/* The disk refuses the data. */
static void
do_failing_write (uint64_t first, uint64_t n)
{
  struct faulty_rule rule = { .op = FAULTY_WRITE, .action = FAULTY_FAIL,
                              .nth = 1, .error = EIO };
  uint8_t buf[MOST * B];
  uint64_t was;

  CHECK_EQ_INT (pool_flush (p), 0);
  was = faulty_applied (disk);
  memset (buf, 0x5e, n * B);
  CHECK (faulty_add (disk, &rule) == 0);
  CHECK_EQ_INT (vdev_write (d, buf, n * B, first * B, 0),
                write_needs (first, n) > available ? -ENOSPC : -EIO);
  failed += faulty_applied (disk) - was;
  faulty_clear (disk);
  expect ("a write that failed");
}

static void
do_write (uint64_t first, uint64_t n)
{
  uint8_t buf[MOST * B];
  uint64_t need = write_needs (first, n), i;
  int r;

  memset (buf, (int) (1 + base_rng_below (&rng, 255)), n * B);
  r = vdev_write (d, buf, n * B, first * B, 0);
  CHECK_MSG (r == (need > available ? -ENOSPC : 0),
             "%" PRIu64 " blocks at %" PRIu64 " need %" PRIu64 " of %" PRIu64
             " and are %s", n, first, need, available,
             r == 0 ? "granted" : strerror (-r));
  if (r < 0) {
    refused++;
    expect ("a refused write");
    return;
  }
  granted++;
  available -= need;
  /* Before and behind the commit. */
  expect ("a write");
  for (i = first; i < first + n; i++) {
    block[i] = OWN;
    own_path (i);
  }
}

/* N is NONE from now on; what it was comes back, or the copy of it that was
 * set aside.  Of a shared block of data nothing comes back.
 */
static void
drop (uint8_t *n, bool data)
{
  available += *n == OWN || (*n == SHARED && !data);
  *n = NONE;
}

static void
do_trim (uint64_t first, uint64_t n)
{
  uint64_t i, end = BASE_MIN (first + n, BLOCKS), l, m, before;
  bool some = false, exact = base_rng_below (&rng, 2);

  for (i = first; i < end; i++)
    some |= block[i] != NONE;
  if (exact)
    CHECK_EQ_INT (pool_flush (p), 0);
  CHECK_EQ_INT (vdev_trim (d, (end - first) * B, first * B, 0), 0);
  if (!some)
    return;
  before = figure ();
  CHECK_EQ_INT (pool_flush (p), 0);
  for (i = first; i < end; i++) {
    if (block[i] == NONE)
      continue;
    drop (&block[i], true);
    l = i / FAN;
    m = l / FAN;
    if (!empty (&block[l * FAN], FAN)) {
      own_path (i);
      continue;
    }
    drop (&leaf[l], false);
    if (!empty (&leaf[m * FAN], BASE_MIN (FAN, LEAVES - m * FAN))) {
      middle[m] = OWN;
      root = OWN;
      continue;
    }
    exact = false;              /* it was copied before it went */
    drop (&middle[m], false);
    if (!empty (middle, MIDDLES))
      root = OWN;
    else
      drop (&root, false);
  }
  expect ("a trim");
  CHECK_MSG (!exact || before == available, "before the commit of a trim %"
             PRIu64 " blocks are available, not %" PRIu64, before, available);
}

static uint64_t
turn (uint8_t *a, size_t n, uint8_t from, uint8_t to)
{
  uint64_t turned = 0;
  size_t i;

  for (i = 0; i < n; i++)
    if (a[i] == from) {
      a[i] = to;
      turned++;
    }
  return turned;
}

static uint64_t
turn_nodes (uint8_t from, uint8_t to)
{
  return turn (leaf, LEAVES, from, to) + turn (middle, MIDDLES, from, to)
    + turn (&root, 1, from, to);
}

static void
do_snapshot (void)
{
  const char *name = "v@s";
  uint64_t need = turn_nodes (OWN, OWN);
  int r = pool_snapshot (p, &name, 1, 0);

  CHECK_MSG (r == (need > available ? -ENOSPC : 0), "a snapshot needs %"
             PRIu64 " of %" PRIu64 " and is %s", need, available,
             r == 0 ? "granted" : strerror (-r));
  if (r < 0) {
    refused++;
    expect ("a refused snapshot");
    return;
  }
  available -= need;
  turn_nodes (OWN, SHARED);
  held = need + turn (block, BLOCKS, OWN, SHARED);
  memcpy (old_block, block, sizeof block);
  memcpy (old_leaf, leaf, sizeof leaf);
  memcpy (old_middle, middle, sizeof middle);
  old_root = root;
  snapshot = true;
  expect ("a snapshot");
}

static void
do_remove (void)
{
  uint64_t blocks, nodes;

  CHECK_EQ_INT (pool_remove (p, "v@s", 0), 0);
  CHECK_EQ_INT (pool_reclaim (p), 0);
  blocks = turn (block, BLOCKS, SHARED, OWN);
  nodes = turn_nodes (SHARED, OWN);
  /* What only the snapshot had, and the copies that nobody will make now. */
  available += held - blocks - nodes + nodes;
  snapshot = false;
  expect ("a removal");
}

/* Closed or killed, and opened again. */
static void
do_reopen (bool closed)
{
  CHECK_EQ_INT (pool_flush (p), 0);
  vdev_unref (d);
  if (closed)
    CHECK (pool_close (p) == 0);
  else
    pool_abandon (p);
  CHECK (pool_open (vdev_ref (disk), NULL, &p) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  expect (closed ? "a close" : "a kill");
}

/* What the volume had by itself comes back when it is reclaimed; up to then
 * it is written to as before.
 */
static void
do_rollback (void)
{
  const uint64_t need = turn (old_leaf, LEAVES, SHARED, SHARED)
    + turn (old_middle, MIDDLES, SHARED, SHARED)
    + turn (&old_root, 1, SHARED, SHARED) - turn_nodes (SHARED, SHARED);
  const uint64_t own = turn (block, BLOCKS, OWN, OWN) + turn_nodes (OWN, OWN);
  uint64_t i;

  if (need + 12 > available)    /* for what is written before the reclaim */
    return;
  memcpy (block, old_block, sizeof block);
  memcpy (leaf, old_leaf, sizeof leaf);
  memcpy (middle, old_middle, sizeof middle);
  root = old_root;
  vdev_unref (d);
  CHECK_EQ_INT (pool_rollback (p, "v@s", 0), 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  available -= need;
  expect ("a rollback");
  for (i = 0; i < 4; i++) {
    do_write (5 * FAN + i % 2, 1);
    CHECK_EQ_INT (pool_flush (p), 0);
    expect ("a flush after a rollback");
  }
  CHECK_EQ_INT (pool_reclaim (p), 0);
  available += own;
  expect ("the reclaim of what was rolled back");
}

static void
check_clean (void)
{
  struct pool_check_result r;

  CHECK (pool_check (p, NULL, &r) == 0);
  CHECK (r.errors == 0 && r.leaks == 0);
}

/* Often near what was used before, so that leaves fill. */
static uint64_t
some_block (uint64_t n)
{
  uint64_t l = base_rng_below (&rng, base_rng_below (&rng, 2) ? 6 : LEAVES);

  return BASE_MIN (l * FAN + base_rng_below (&rng, 12), BLOCKS - n);
}

static void
step (void)
{
  uint64_t n = 1 + base_rng_below (&rng, MOST);

  switch (base_rng_below (&rng, 40)) {
  case 0:
    if (snapshot && base_rng_below (&rng, 2))
      do_rollback ();
    else if (snapshot)
      do_remove ();
    else
      do_snapshot ();
    break;
  case 1:
    do_trim (0, base_rng_below (&rng, BLOCKS));
    break;
  case 2: case 3: case 4: case 5: case 6: case 7:
    n = 1 + base_rng_below (&rng, 2 * FAN);
    do_trim (some_block (n), n);
    break;
  case 8: case 9: case 10: case 11:
    CHECK_EQ_INT (pool_flush (p), 0);
    expect ("a flush");
    break;
  case 12:
    do_reopen (base_rng_below (&rng, 2));
    break;
  case 13: case 14:
    do_failing_write (some_block (n), n);
    break;
  default:
    do_write (some_block (n), n);
  }
}

TEST_MAIN
{
  const uint64_t steps = test_env ("STEPS", 6000);
  struct vdev *backing;
  uint64_t i;

  base_rng_seed (&rng, test_seed ());
  CHECK (devices_mem_open (280 * B, &backing) == 0);
  CHECK (faulty_open (backing, &disk) == 0);
  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (vdev_ref (disk), NULL, &p) == 0);
  CHECK (pool_create (p, "v", (uint64_t) BLOCKS * B, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);
  available = figure ();
  /* Else the figure is cut for the leaves that so much data would take. */
  CHECK (available > 50 && available < FAN);
  for (i = 0; i < steps; i++) {
    step ();
    if (i % 500 == 0)
      check_clean ();
  }
  printf ("%" PRIu64 " writes granted, %" PRIu64 " requests refused, %" PRIu64
          " writes failed\n", granted, refused, failed);
  CHECK (granted > steps / 10 && refused > steps / 100
         && failed > steps / 100);
  check_clean ();
  vdev_unref (d);
  CHECK (pool_close (p) == 0);
  vdev_unref (disk);
}
