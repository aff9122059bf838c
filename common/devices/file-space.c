/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file device: what is allocated and what is a hole.
 *
 *              regular file                     block device
 *   trim       punch a hole                     BLKDISCARD
 *   zero       ZERO_RANGE, or punch and         BLKZEROOUT (keeps the space)
 *              allocate (tmpfs)
 *   MAY_TRIM   punch a hole                     punch (fast or refused), else
 *                                               BLKZEROOUT
 *   ALLOCATE   as zero without MAY_TRIM: the file system has set the space
 *              aside when it returns, so that a later write does not meet
 *              ENOSPC
 *   extents    SEEK_DATA, SEEK_HOLE             -
 *
 * Whether holes can be punched is asked once, on a page behind the end of
 * the file where it changes nothing, because capabilities are facts that do
 * not change later.  Whether there is ZERO_RANGE cannot be asked like this
 * (it would allocate the page, and ext4 would keep it), so it is tried when
 * it is needed first.
 *
 * Space that is allocated and not written yet counts as a hole for SEEK_DATA:
 * it reads as zero, and extents says so.
 */

#include <config.h>

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "devices.h"
#include "file-internal.h"

static int
fallocate_retry (int fd, int mode, uint64_t len, uint64_t off)
{
  int r;

  do
    r = fallocate (fd, mode, (off_t) off, (off_t) len);
  while (r == -1 && errno == EINTR);
  return r == -1 ? -errno : 0;
}

static bool
can_punch (int fd, uint64_t size)
{
  const uint64_t page = 4096, off = base_div_up (size, page) * page;

  return off <= INT64_MAX - page &&
    fallocate_retry (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page,
                     off) == 0;
}

void
file_probe_space (struct file_device *f, uint64_t size, bool writable,
                  uint32_t *caps)
{
  if (f->is_block) {
    if (writable)
      *caps |= VDEV_ZERO;
    return;
  }
  if (lseek (f->fd, 0, SEEK_HOLE) != -1 || errno == ENXIO)
    *caps |= VDEV_EXTENTS;
  if (writable && can_punch (f->fd, size))
    *caps |= VDEV_TRIM | VDEV_TRIM_ZEROES | VDEV_ZERO | VDEV_FAST_ZERO;
}

static int
space_error (struct file_device *f, int r, const char *what)
{
  return r < 0 ? file_error (f->d.info.name, -r, what) : 0;
}

static int
punch (struct file_device *f, uint64_t len, uint64_t off)
{
  return space_error (f, fallocate_retry
                      (f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       len, off), "punch hole");
}

static int
allocate (struct file_device *f, uint64_t len, uint64_t off)
{
  return space_error (f, fallocate_retry (f->fd, FALLOC_FL_KEEP_SIZE, len,
                                          off), "allocate");
}

/* Reads zero afterwards and is backed. */
static int
zero_backed (struct file_device *f, uint64_t len, uint64_t off,
             uint32_t flags)
{
  int r;

  if (!atomic_load_explicit (&f->no_zero_range, memory_order_relaxed)) {
    r = fallocate_retry (f->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                         len, off);
    if (r != -EOPNOTSUPP)
      return space_error (f, r, "zero range");
    atomic_store_explicit (&f->no_zero_range, true, memory_order_relaxed);
  }
  /* FAST must not have changed anything when it is refused, and files of
   * ext3 can be punched but not allocated.
   */
  r = flags & VDEV_FAST ? allocate (f, len, off) : 0;
  if (r == 0)
    r = punch (f, len, off);
  if (r == 0)
    r = allocate (f, len, off);
  return r;
}

/* ---- block devices -------------------------------------------------- */

/* The part of [*OFF, *OFF + *LEN) that consists of whole logical blocks. */
static void
whole_blocks (const struct file_device *f, uint64_t *len, uint64_t *off)
{
  const uint64_t size = f->block_size;
  const uint64_t start = base_div_up (*off, size) * size;
  const uint64_t end = (*off + *len) / size * size;

  *off = start;
  *len = end > start ? end - start : 0;
}

static int
block_discard (struct file_device *f, uint64_t len, uint64_t off)
{
  uint64_t range[2];

  whole_blocks (f, &len, &off);
  range[0] = off;
  range[1] = len;
  if (len == 0 || ioctl (f->fd, BLKDISCARD, range) == 0 ||
      errno == EOPNOTSUPP)
    return 0;
  return file_error (f->d.info.name, errno, "BLKDISCARD");
}

/* Write zeroes over the parts of blocks at both ends. */
static int
zero_block_edges (struct file_device *f, uint64_t len, uint64_t off,
                  uint64_t middle_len, uint64_t middle_off)
{
  static const uint8_t zeroes[2 * 65536];
  const uint64_t end = off + len, middle_end = middle_off + middle_len;
  int r;

  if (middle_len == 0)          /* less than two blocks */
    return file_pwrite (f, zeroes, len, off);
  r = file_pwrite (f, zeroes, middle_off - off, off);
  return r < 0 ? r : file_pwrite (f, zeroes, end - middle_end, middle_end);
}

static int
block_zero (struct file_device *f, uint64_t len, uint64_t off, uint32_t flags)
{
  uint64_t range[2] = { off, len };
  int r = -EOPNOTSUPP;

  whole_blocks (f, &range[1], &range[0]);
  if (range[1] > 0) {
    /* Only punching never falls back to writing. */
    if (flags & VDEV_MAY_TRIM)
      r = fallocate_retry (f->fd, FALLOC_FL_PUNCH_HOLE |
                           FALLOC_FL_KEEP_SIZE, range[1], range[0]);
    if (r < 0 && (flags & VDEV_FAST))
      return base_fail (EOPNOTSUPP, "%s: no fast zeroing", f->d.info.name);
    if (r < 0 && ioctl (f->fd, BLKZEROOUT, range) == -1)
      return file_error (f->d.info.name, errno, "BLKZEROOUT");
  }
  return zero_block_edges (f, len, off, range[1], range[0]);
}

/* ---- operations ----------------------------------------------------- */

int
file_trim (struct vdev *d, uint64_t len, uint64_t off,
           uint32_t flags BASE_UNUSED)
{
  struct file_device *f = file_of (d);

  return f->is_block ? block_discard (f, len, off) : punch (f, len, off);
}

int
file_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  struct file_device *f = file_of (d);

  if (f->is_block)
    return block_zero (f, len, off, flags);
  return flags & VDEV_MAY_TRIM ? punch (f, len, off)
    : zero_backed (f, len, off, flags);
}

int
file_extents (struct vdev *d, uint64_t len, uint64_t off,
              uint32_t flags BASE_UNUSED, vdev_extent_fn fn, void *opaque)
{
  struct file_device *f = file_of (d);
  const uint64_t end = off + len;
  off_t data, hole;
  int r;

  while (off < end) {
    data = lseek (f->fd, (off_t) off, SEEK_DATA);
    if (data == -1 && errno != ENXIO)
      return file_error (d->info.name, errno, "SEEK_DATA");
    if (data == -1 || (uint64_t) data > end)
      data = (off_t) end;
    if ((uint64_t) data > off) {
      r = fn (opaque, off, (uint64_t) data - off, VDEV_HOLE | VDEV_ZEROES);
      if (r != 0)
        return r;
    }
    off = (uint64_t) data;
    if (off == end)
      break;
    hole = lseek (f->fd, (off_t) off, SEEK_HOLE);
    /* ENXIO: somebody has just cut the file there. */
    if (hole == -1 && errno != ENXIO)
      return file_error (d->info.name, errno, "SEEK_HOLE");
    if (hole <= data || (uint64_t) hole > end)
      hole = (off_t) end;
    r = fn (opaque, off, (uint64_t) hole - off, VDEV_DATA);
    if (r != 0)
      return r;
    off = (uint64_t) hole;
  }
  return 0;
}
