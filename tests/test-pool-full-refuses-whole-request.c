/* SPDX-License-Identifier: BSD-3-Clause
 *
 * On a full pool a request that does not fit is refused with ENOSPC and
 * changes nothing: the bytes of every volume and snapshot, their counters and
 * the pool's are the same before and after, and after the process dies and
 * the pool is opened again.  At 4 KiB, 1 MiB and 32 MiB, aligned and not,
 * over holes, over blocks shared with a snapshot and over a mixture.
 */

#include <config.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define POOL (160ULL << 20)
#define VOLUME (256ULL << 20)
#define MIB (1ULL << 20)

static struct base_rng rng;
static uint8_t *buf;            /* 32 MiB and a block */

struct picture {
  uint32_t hash;                /* of all names, sizes, counters, bytes */
  uint64_t used, available, reserved;
  unsigned volumes, snapshots;
};

struct walk { struct pool *p; struct picture *pic; };

static int
add_volume (void *opaque, const struct pool_volume_info *v)
{
  struct walk *w = opaque;
  uint64_t off, numbers[3] = { v->size, v->used, v->exclusive };
  static uint8_t bytes[1 << 20];
  struct vdev *d;
  uint32_t h = w->pic->hash;

  h = base_crc32c_more (h, v->name, strlen (v->name));
  h = base_crc32c_more (h, numbers, sizeof numbers);
  CHECK (pool_volume_open (w->p, v->name, true, NULL, &d) == 0);
  for (off = 0; off < v->size; off += sizeof bytes) {
    size_t n = BASE_MIN (sizeof bytes, v->size - off);
    CHECK (vdev_read (d, bytes, n, off) == 0);
    h = base_crc32c_more (h, bytes, n);
  }
  vdev_unref (d);
  w->pic->hash = h;
  return 0;
}

static struct picture
take_picture (struct pool *p)
{
  struct picture pic = { 0 };
  struct walk w = { p, &pic };
  struct pool_info info;

  CHECK (pool_list (p, true, add_volume, &w) == 0);
  pool_get_info (p, &info);
  pic.used = info.used;
  pic.available = info.available;
  pic.reserved = info.reserved;
  pic.volumes = info.volumes;
  pic.snapshots = info.snapshots;
  return pic;
}

static void
check_same (const struct picture *a, const struct picture *b)
{
  CHECK_EQ_INT (a->hash, b->hash);
  CHECK_EQ_INT (a->used, b->used);
  CHECK_EQ_INT (a->available, b->available);
  CHECK_EQ_INT (a->reserved, b->reserved);
  CHECK (a->volumes == b->volumes && a->snapshots == b->snapshots);
}

static void
check_clean (struct pool *p)
{
  struct pool_check_options o = { .data = true };
  struct pool_check_result r;

  CHECK (pool_check (p, &o, &r) == 0);
  CHECK (r.errors == 0 && r.leaks == 0);
}

static void
fill_buf (size_t len)
{
  size_t i;

  for (i = 0; i + 8 <= len; i += 8) {
    uint64_t x = base_rng_u64 (&rng) | 1;
    memcpy (buf + i, &x, 8);
  }
}

/* Write until less than a 4 KiB block fits: first far from the start. */
static void
fill (struct pool *p, struct vdev *d)
{
  static const size_t sizes[] = { 1 << 20, 64 << 10, 4096 };
  uint64_t off = 64 * MIB;
  size_t i;
  int r;

  for (i = 0; i < BASE_ARRAY_SIZE (sizes); ) {
    CHECK (off + sizes[i] < VOLUME);
    fill_buf (sizes[i]);
    r = vdev_write (d, buf, sizes[i], off, 0);
    CHECK (r == 0 || r == -ENOSPC);
    if (r == 0)
      off += sizes[i];
    else
      i++;
  }
  CHECK (pool_flush (p) == 0);
}

static void
refuse (struct pool *p, struct vdev *d, size_t len, uint64_t off)
{
  struct picture before = take_picture (p), after;

  fill_buf (len);
  CHECK_EQ_INT (vdev_write (d, buf, len, off, 0), -ENOSPC);
  after = take_picture (p);
  check_same (&before, &after);
}

TEST_MAIN
{
  static const size_t sizes[] = { 4096, 1 << 20, 32 << 20 };
  struct vdev *backing, *d;
  struct picture before, after;
  struct pool *p;
  size_t i;

  base_rng_seed (&rng, test_seed ());
  buf = base_malloc ((32 << 20) + 4096);
  CHECK (buf != NULL);
  CHECK (devices_mem_open (POOL, &backing) == 0);
  CHECK (pool_format (backing, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (vdev_ref (backing), NULL, &p) == 0);
  CHECK (pool_create (p, "v", VOLUME, 0) == 0);
  CHECK (pool_volume_open (p, "v", false, NULL, &d) == 0);

  /* 0..32M shared with a snapshot, 32M..64M a hole, then full. */
  for (i = 0; i < 32; i++) {
    fill_buf (1 << 20);
    CHECK (vdev_write (d, buf, 1 << 20, i * MIB, 0) == 0);
  }
  CHECK (pool_snapshot (p, &(const char *) { "v@s" }, 1, 0) == 0);
  fill (p, d);
  before = take_picture (p);
  for (i = 0; i < BASE_ARRAY_SIZE (sizes); i++) {
    refuse (p, d, sizes[i], 32 * MIB);          /* a hole */
    refuse (p, d, sizes[i], 0);                 /* shared */
    refuse (p, d, sizes[i], 5000);              /* shared, with edges */
    refuse (p, d, sizes[i], 64 * MIB - 4096 - sizes[i] / 2); /* both */
  }
  after = take_picture (p);
  check_same (&before, &after);
  check_clean (p);

  vdev_unref (d);
  pool_abandon (p);
  CHECK (pool_open (vdev_ref (backing), NULL, &p) == 0);
  after = take_picture (p);
  check_same (&before, &after);
  check_clean (p);
  CHECK (pool_close (p) == 0);
  vdev_unref (backing);
  free (buf);
}
