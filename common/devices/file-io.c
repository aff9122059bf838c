/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file device: reading, writing, flushing.
 *
 * A write is acknowledged when it is in the page cache and durable after
 * fdatasync (2), which also covers a size that ftruncate changed.  What
 * fdatasync failed to write is lost without a trace in the page cache; the
 * wrapper therefore never lets a later flush succeed.
 *
 * With O_DIRECT the kernel wants the buffer aligned too.  The wrapper only
 * cares for offsets, so a stray buffer is copied here.
 */

#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "devices.h"
#include "file-internal.h"

#define BOUNCE_SIZE (256U << 10)

static int
read_all (struct file_device *f, uint8_t *p, size_t len, uint64_t off)
{
  ssize_t n;

  for (; len > 0; p += n, len -= (size_t) n, off += (size_t) n) {
    n = pread (f->fd, p, len, (off_t) off);
    if (n == -1 && errno == EINTR)
      n = 0;
    else if (n == -1)
      return file_error (f->d.info.name, errno, "read");
    else if (n == 0)
      return base_fail (EIO, "%s: the file ends at %llu, before its size",
                        f->d.info.name, (unsigned long long) off);
  }
  return 0;
}

static int
write_all (struct file_device *f, const uint8_t *p, size_t len, uint64_t off)
{
  ssize_t n;

  for (; len > 0; p += n, len -= (size_t) n, off += (size_t) n) {
    n = pwrite (f->fd, p, len, (off_t) off);
    if (n == -1 && errno == EINTR)
      n = 0;
    else if (n == -1)
      return file_error (f->d.info.name, errno, "write");
    else if (n == 0)
      return base_fail (EIO, "%s: write of nothing at %llu", f->d.info.name,
                        (unsigned long long) off);
  }
  return 0;
}

static bool
needs_bounce (const struct file_device *f, const void *buf)
{
  return ((uintptr_t) buf & (f->memory_align - 1)) != 0;
}

static void *
new_bounce (const struct file_device *f, size_t len)
{
  void *p = base_memalign (f->memory_align, BASE_MIN (len, BOUNCE_SIZE));

  if (p == NULL)
    base_fail (ENOMEM, "%s: out of memory", f->d.info.name);
  return p;
}

int
file_pread (struct file_device *f, void *buf, size_t len, uint64_t off)
{
  CLEANUP_FREE uint8_t *bounce = NULL;
  uint8_t *p = buf;
  size_t n;
  int r;

  if (!needs_bounce (f, buf))
    return read_all (f, buf, len, off);
  bounce = new_bounce (f, len);
  if (bounce == NULL)
    return -ENOMEM;
  for (; len > 0; p += n, len -= n, off += n) {
    n = BASE_MIN (len, BOUNCE_SIZE);
    r = read_all (f, bounce, n, off);
    if (r < 0)
      return r;
    memcpy (p, bounce, n);
  }
  return 0;
}

int
file_pwrite (struct file_device *f, const void *buf, size_t len, uint64_t off)
{
  CLEANUP_FREE uint8_t *bounce = NULL;
  const uint8_t *p = buf;
  size_t n;
  int r;

  if (!needs_bounce (f, buf))
    return write_all (f, buf, len, off);
  bounce = new_bounce (f, len);
  if (bounce == NULL)
    return -ENOMEM;
  for (; len > 0; p += n, len -= n, off += n) {
    n = BASE_MIN (len, BOUNCE_SIZE);
    memcpy (bounce, p, n);
    r = write_all (f, bounce, n, off);
    if (r < 0)
      return r;
  }
  return 0;
}

int
file_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  return file_pread (file_of (d), buf, len, off);
}

int
file_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
            uint32_t flags BASE_UNUSED)
{
  return file_pwrite (file_of (d), buf, len, off);
}

int
file_flush (struct vdev *d)
{
  struct file_device *f = file_of (d);

  if (fdatasync (f->fd) == -1)
    return file_error (d->info.name, errno, "fdatasync");
  return 0;
}

int
file_cache (struct vdev *d, uint64_t len, uint64_t off)
{
  /* A hint: what it answers does not matter. */
  (void) posix_fadvise (file_of (d)->fd, (off_t) off, (off_t) len,
                        POSIX_FADV_WILLNEED);
  return 0;
}
