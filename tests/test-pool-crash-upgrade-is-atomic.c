/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pool of a release without a ring gets one at its first opening.  Cut short
 * by a crash behind any operation, with any of what was not flushed on the
 * platter, the pool opens and has all that it had; closed, it is one that the
 * old release would open.
 */

#include <config.h>

#include <stdlib.h>

#include "devices-test.h"
#include "format.h"
#include "pool.h"
#include "test.h"

#define B UINT64_C (4096)
#define SIZE (UINT64_C (4) << 20)
#define WRITTEN 20              /* blocks, of the volume */

static uint64_t states;

static struct vdev *
mem_of (const uint8_t *image)
{
  struct vdev *d;

  CHECK_EQ_INT (devices_mem_open (SIZE, &d), 0);
  CHECK_EQ_INT (vdev_write (d, image, SIZE, 0, 0), 0);
  return d;
}

/* The newest superblock, of those copies that are in the slots. */
static void
newest (struct vdev *d, struct format_super *s)
{
  struct format_super b;

  CHECK_EQ_INT (vdev_read (d, s, sizeof *s, FORMAT_SLOT_A), 0);
  CHECK_EQ_INT (vdev_read (d, &b, sizeof b, FORMAT_SLOT_B), 0);
  if (!format_super_valid (s)
      || (format_super_valid (&b)
          && le64toh (b.generation) > le64toh (s->generation)))
    *s = b;
  CHECK (format_super_valid (s));
}

/* The copy at OFFSET knows of no ring. */
static void
forget (struct vdev *d, uint64_t offset)
{
  struct format_super s;

  CHECK_EQ_INT (vdev_read (d, &s, sizeof s, offset), 0);
  CHECK (format_super_valid (&s));
  s.compatible = 0;
  s.incompatible = 0;
  s.journal_tail_seq = s.journal_tail_block = 0;
  s.journal_chain = 0;
  format_super_seal (&s);
  CHECK_EQ_INT (vdev_write (d, &s, sizeof s, offset, 0), 0);
}

/* What an old release left behind, closed. */
static void
make_old (uint8_t *image)
{
  const struct pool_format_options o = { .capacity = SIZE,
                                         .journal_size = 12 * B };
  struct format_super s;
  struct vdev *d, *v;
  struct pool *p;
  uint8_t buf[B];
  uint64_t i;

  CHECK_EQ_INT (devices_mem_open (SIZE, &d), 0);
  CHECK_EQ_INT (pool_format (d, &o), 0);
  CHECK_EQ_INT (pool_open (vdev_ref (d), NULL, &p), 0);
  CHECK_EQ_INT (pool_create (p, "v", 100 * B, 0), 0);
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &v), 0);
  for (i = 0; i < WRITTEN; ++i) {
    memset (buf, (int) i + 1, B);
    CHECK_EQ_INT (vdev_write (v, buf, B, i * B, VDEV_FUA), 0);
  }
  vdev_unref (v);
  CHECK_EQ_INT (pool_close (p), 0);

  newest (d, &s);
  /* What nobody reads may look like anything. */
  memset (buf, 0xa5, B);
  for (i = FORMAT_MARKERS; i < le64toh (s.journal_length); ++i)
    CHECK_EQ_INT (vdev_write (d, buf, B,
                              (le64toh (s.journal_start) + i) * B, 0), 0);
  forget (d, FORMAT_SLOT_A);
  forget (d, FORMAT_SLOT_B);
  forget (d, le64toh (s.twin_a) * B);
  forget (d, le64toh (s.twin_b) * B);
  CHECK_EQ_INT (vdev_read (d, image, SIZE, 0), 0);
  vdev_unref (d);
}

static void
verify (struct pool *p)
{
  const struct pool_check_options o = { .data = true };
  struct pool_check_result result;
  struct vdev *v;
  uint8_t buf[B];
  uint64_t i;

  CHECK_EQ_INT (pool_check (p, &o, &result), 0);
  CHECK_EQ_INT (result.errors + result.leaks, 0);
  CHECK_EQ_INT (pool_volume_open (p, "v", true, NULL, &v), 0);
  for (i = 0; i < WRITTEN; ++i) {
    CHECK_EQ_INT (vdev_read (v, buf, B, i * B), 0);
    CHECK_MSG (buf[0] == i + 1 && memcmp (buf, buf + 1, B - 1) == 0,
               "block %" PRIu64, i);
  }
  vdev_unref (v);
}

/* Opens, serves, is closed as the old release knows it. */
static void
judge (const uint8_t *image, uint64_t point)
{
  struct vdev *d = mem_of (image), *v;
  struct format_super s;
  struct pool *p;

  CHECK_MSG (pool_open (vdev_ref (d), NULL, &p) == 0,
             "crash behind %" PRIu64 ": %s", point, base_error_text ());
  verify (p);
  CHECK_EQ_INT (pool_volume_open (p, "v", false, NULL, &v), 0);
  CHECK_EQ_INT (vdev_write (v, "x", 1, 50 * B, VDEV_FUA), 0);
  vdev_unref (v);
  newest (d, &s);
  CHECK (le64toh (s.incompatible) == FORMAT_INCOMPATIBLE_JOURNAL);
  CHECK_EQ_INT (pool_close (p), 0);
  newest (d, &s);
  CHECK_EQ_INT (le64toh (s.incompatible), 0);
  CHECK (le64toh (s.compatible) & FORMAT_COMPATIBLE_RING);
  CHECK_EQ_INT (le32toh (s.clean), 1);
  vdev_unref (d);
  states++;
}

static bool
nothing_lands (void *opaque, const struct recorder_op *op, uint64_t sector)
{
  (void) opaque;
  (void) op;
  (void) sector;
  return false;
}

/* LOT: 0 = all that is pending has landed, 1 = nothing, else by chance. */
static void
crash (const struct recorder_log *log, const uint8_t *old, uint8_t *buf,
       uint64_t point, unsigned lot)
{
  struct recorder_image image = { buf, SIZE, SIZE };
  struct recorder_choice choice = { .lands = nothing_lands };
  struct recorder_chance chance;

  if (lot > 1)
    choice = recorder_choice_by_chance (&chance, lot * 1000 + point, 50);
  memcpy (buf, old, SIZE);
  CHECK_EQ_INT (recorder_rebuild (log, point, lot ? &choice : NULL, &image),
                0);
  judge (buf, point);
}

TEST_MAIN
{
  uint8_t *old = calloc (1, SIZE), *buf = calloc (1, SIZE);
  struct vdev *d;
  struct recorder_log log;
  struct pool *p;
  uint64_t point;
  unsigned lot;

  CHECK (old && buf);
  make_old (old);
  CHECK_EQ_INT (recorder_open (mem_of (old), &d), 0);
  CHECK_EQ_INT (pool_open (vdev_ref (d), NULL, &p), 0);
  log = recorder_log (d);
  for (point = 0; point <= log.now; ++point)
    for (lot = 0; lot < 8; ++lot)
      crash (&log, old, buf, point, lot);
  printf ("%" PRIu64 " states of %zu operations\n", states, log.n);
  CHECK (log.n > 8);
  verify (p);
  CHECK_EQ_INT (pool_close (p), 0);
  vdev_unref (d);
  free (old);
  free (buf);
}
