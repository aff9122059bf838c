/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Raw images in and out of a pool.
 *
 * The caller opens the file and gives a descriptor (over the control socket,
 * if the pool is served), so a server reads and writes nothing that its
 * client could not.  Both directions keep holes: import looks for them with
 * SEEK_DATA and leaves them unmapped, export leaves them out of a regular
 * file, zeroes them on a block device, and writes them as zeroes into a
 * pipe.
 *
 * An import goes into a hidden volume that gets its name in a last checkpoint,
 * so a cancelled or failed one leaves nothing.  From a pipe the size is not
 * known before its end: the hidden volume grows ahead of the data and is cut
 * to the byte at the end.
 *
 * No wait here is without limit: a pipe is polled, and between the polls the
 * caller is asked whether it wants to end.  A write to a pipe is never
 * longer than what it takes at once, so that a reader that has stopped
 * cannot hold up the end of a server.
 */

#include <config.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices.h"
#include "verbs-internal.h"

#define CHUNK (1024 * 1024)             /* bytes moved at once */
#define WINDOW (UINT64_C (1) << 26)     /* bytes whose extents are asked for at
                                         * once */
#define GROW_AHEAD (UINT64_C (1) << 30) /* bytes; import from a pipe */
#define ASK_MS 200                      /* a wait for a pipe, at most */
#define PIPE_ATOMIC 4096                /* goes into a pipe that polls ready */
#define VOLUME_MAX (UINT64_C (1) << 52)

struct extent {
  uint64_t off, len;
  bool zero;
};
BASE_VECTOR (extent_vector, struct extent);

struct transfer {
  struct pool_verb_call *call;
  const char *name;             /* of the file, for messages */
  struct vdev *volume;
  struct vdev *target;          /* export to a block device */
  int fd;
  bool stream;                  /* not seekable: a pipe */
  uint64_t start;               /* of the image in the file; bytes */
  uint64_t size;                /* of the image; bytes */
  uint64_t data;                /* bytes that were not holes */
  char *buf;                    /* CHUNK bytes */
};

/* ENOSPC for all that means it; other errors that are not in the closed list
 * of results become EIO.
 */
static int
file_failed (const struct transfer *t, const char *what)
{
  int err = errno;

  (void) base_fail_errno (err, "%s: %s", t->name, what);
  if (err == ENOSPC || err == EDQUOT || err == EFBIG)
    return -ENOSPC;
  return err == ENOMEM || err == EROFS ? -err : -EIO;
}

static int
cancelled (const struct transfer *t)
{
  return base_fail (ECANCELED, "%s: interrupted", t->name);
}

static int
tell_progress (struct transfer *t, uint64_t done)
{
  return verb_progress (t->call, done, t->size) ? cancelled (t) : 0;
}

/* Wait until the pipe is ready for EVENTS. */
static int
wait_ready (struct transfer *t, short events, uint64_t done)
{
  struct pollfd p = { .fd = t->fd, .events = events };
  int r;

  for (;;) {
    r = tell_progress (t, done);
    if (r < 0)
      return r;
    r = poll (&p, 1, ASK_MS);
    if (r > 0)
      return 0;
    if (r < 0 && errno != EINTR)
      return file_failed (t, "cannot wait");
  }
}

/* ---- import -------------------------------------------------------------- */

/* LEN bytes of the file at OFF of the image.  Fewer: the file was cut. */
static int
read_file (struct transfer *t, size_t len, uint64_t off)
{
  size_t done = 0;
  ssize_t n;

  while (done < len) {
    n = pread (t->fd, t->buf + done, len - done,
               (off_t) (t->start + off + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return file_failed (t, "cannot read");
    if (n == 0)
      return base_fail (EIO, "%s: cannot read: it became shorter meanwhile",
                        t->name);
    done += (size_t) n;
  }
  return 0;
}

static int
store (struct transfer *t, size_t len, uint64_t off)
{
  int r;

  if (base_is_zero (t->buf, len))
    return 0;                   /* the new volume reads zero there */
  t->data += len;
  r = vdev_write (t->volume, t->buf, len, off, 0);
  return r == -ENOSPC ? base_fail_in (r, "%s", t->volume->info.name) : r;
}

static int
import_data (struct transfer *t, uint64_t off, uint64_t end)
{
  size_t n;
  int r = 0;

  while (r == 0 && off < end) {
    n = (size_t) BASE_MIN (end - off, (uint64_t) CHUNK);
    r = read_file (t, n, off);
    if (r == 0)
      r = store (t, n, off);
    off += n;
    if (r == 0)
      r = tell_progress (t, off);
  }
  return r;
}

/* The next stretch of data at or behind *OFF: [*OFF, *END).  False if there
 * is none.  Where the file system cannot tell, everything is data.
 */
static bool
next_data (struct transfer *t, uint64_t *off, uint64_t *end)
{
  off_t data, hole;

  *end = t->size;
  data = lseek (t->fd, (off_t) (t->start + *off), SEEK_DATA);
  if (data == -1)
    return errno != ENXIO;
  if ((uint64_t) data - t->start >= t->size)
    return false;
  *off = (uint64_t) data - t->start;
  hole = lseek (t->fd, data, SEEK_HOLE);
  if (hole != -1)
    *end = BASE_MIN ((uint64_t) hole - t->start, t->size);
  return true;
}

static int
import_file (struct transfer *t)
{
  uint64_t off = 0, end;
  int r = 0;

  while (r == 0 && off < t->size && next_data (t, &off, &end)) {
    r = import_data (t, off, end);
    off = end;
  }
  return r;
}

/* Fill the buffer from the pipe.  Bytes, fewer than CHUNK at its end. */
static ssize_t
read_pipe (struct transfer *t, uint64_t off)
{
  size_t done = 0;
  ssize_t n;
  int r;

  while (done < CHUNK) {
    r = wait_ready (t, POLLIN, off + done);
    if (r < 0)
      return r;
    n = read (t->fd, t->buf + done, CHUNK - done);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n < 0)
      return file_failed (t, "cannot read");
    if (n == 0)
      break;
    done += (size_t) n;
  }
  return (ssize_t) done;
}

static int
import_pipe (struct transfer *t)
{
  uint64_t off = 0;
  ssize_t n;
  int r;

  for (;;) {
    n = read_pipe (t, off);
    if (n <= 0)
      break;
    if (off + (uint64_t) n > VOLUME_MAX)
      return base_fail (EINVAL, "%s: longer than the largest volume, 4P",
                        t->name);
    if (off + (uint64_t) n > vdev_size (t->volume)) {
      r = vdev_resize (t->volume, BASE_MIN (2 * off + GROW_AHEAD, VOLUME_MAX));
      if (r < 0)
        return r;
    }
    r = store (t, (size_t) n, off);
    if (r < 0)
      return r;
    off += (uint64_t) n;
  }
  if (n < 0)
    return (int) n;
  if (off == 0)
    return base_fail (EINVAL, "%s: empty; a volume has at least one byte",
                      t->name);
  t->size = off;
  return vdev_resize (t->volume, off);
}

/* What the descriptor is, and how long. */
static int
source_open (struct transfer *t)
{
  struct stat st;
  off_t here, end;

  if (fstat (t->fd, &st) == -1)
    return file_failed (t, "cannot read");
  if (S_ISDIR (st.st_mode))
    return base_fail (EINVAL, "%s: is a directory", t->name);
  here = lseek (t->fd, 0, SEEK_CUR);
  t->stream = !S_ISREG (st.st_mode) && !S_ISBLK (st.st_mode);
  if (t->stream)
    return 0;
  end = S_ISREG (st.st_mode) ? st.st_size : lseek (t->fd, 0, SEEK_END);
  if (here == -1 || end == -1)
    return file_failed (t, "cannot read");
  if (here >= end)
    return base_fail (EINVAL, "%s: empty; a volume has at least one byte",
                      t->name);
  t->start = (uint64_t) here;
  t->size = (uint64_t) (end - here);
  return 0;
}

int
verb_import (struct pool *p, const json_t *request,
             struct pool_verb_call *call, json_t **reply)
{
  struct transfer t = { .call = call, .fd = call->fd };
  CLEANUP_FREE char *buf = base_memalign (4096, CHUNK);
  struct pool_import *import;
  const char *volume = NULL;
  int r;

  r = verb_string (request, "volume", &volume);
  if (r == 0)
    r = verb_string_or (request, "source", "source", &t.name);
  if (r < 0)
    return r;
  if (t.fd == -1)
    return base_fail (EINVAL, "request: no descriptor came with it");
  if (buf == NULL)
    return base_fail_errno (ENOMEM, "%s", volume);
  t.buf = buf;
  r = source_open (&t);
  if (r == 0)
    r = pool_import_begin (p, volume, t.stream ? GROW_AHEAD : t.size, &import);
  if (r < 0)
    return r;
  t.volume = pool_import_vdev (import);
  r = t.stream ? import_pipe (&t) : import_file (&t);
  if (r < 0) {
    pool_import_drop (import);
    return r;
  }
  r = pool_import_commit (import);
  return r < 0 ? r : verb_reply_volume (p, volume, reply);
}

/* ---- export -------------------------------------------------------------- */

/* How much the pipe takes without waiting, now that it polls ready. */
static size_t
pipe_room (const struct transfer *t)
{
  int pending = 1, size;

  if (ioctl (t->fd, FIONREAD, &pending) == -1 || pending != 0)
    return PIPE_ATOMIC;
  size = fcntl (t->fd, F_GETPIPE_SZ);
  return size > PIPE_ATOMIC ? (size_t) size : PIPE_ATOMIC;
}

static int
write_pipe (struct transfer *t, const char *p, size_t len, uint64_t off)
{
  size_t done = 0, room;
  ssize_t n;
  int r;

  while (done < len) {
    r = wait_ready (t, POLLOUT, off + done);
    if (r < 0)
      return r;
    room = pipe_room (t);       /* once: it changes */
    n = write (t->fd, p + done, BASE_MIN (len - done, room));
    if (n < 0 && errno == EPIPE)
      return base_fail (EIO, "%s: cannot write: nobody reads it any more",
                        t->name);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      return file_failed (t, "cannot write");
    if (n > 0)
      done += (size_t) n;
  }
  return 0;
}

static int
write_file (struct transfer *t, size_t len, uint64_t off)
{
  size_t done = 0;
  ssize_t n;

  while (done < len) {
    n = pwrite (t->fd, t->buf + done, len - done, (off_t) (off + done));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return file_failed (t, "cannot write");
    done += (size_t) n;
  }
  return 0;
}

/* [OFF, OFF + LEN) of the volume holds data. */
static int
export_data (struct transfer *t, uint64_t off, uint64_t len)
{
  const uint64_t end = off + len;
  size_t n;
  int r = 0;

  for (; r == 0 && off < end; off += n) {
    n = (size_t) BASE_MIN (end - off, (uint64_t) CHUNK);
    r = vdev_read (t->volume, t->buf, n, off);
    if (r < 0)
      return r;
    t->data += n;
    if (t->stream)
      r = write_pipe (t, t->buf, n, off);
    else if (t->target != NULL)
      r = vdev_write (t->target, t->buf, n, off, 0);
    else
      r = write_file (t, n, off);
    if (r == 0)
      r = tell_progress (t, off + n);
  }
  return r;
}

/* ... reads as zero.  A regular file has a hole there already. */
static int
export_zeroes (struct transfer *t, uint64_t off, uint64_t len)
{
  const uint64_t end = off + len;
  uint64_t n;
  int r = 0;

  if (t->stream)
    memset (t->buf, 0, CHUNK);
  for (; r == 0 && off < end; off += n) {
    n = BASE_MIN (end - off, t->stream ? (uint64_t) CHUNK : WINDOW);
    if (t->stream)
      r = write_pipe (t, t->buf, (size_t) n, off);
    else if (t->target != NULL)
      r = vdev_zero (t->target, n, off, VDEV_MAY_TRIM);
    if (r == 0)
      r = tell_progress (t, off + n);
  }
  return r;
}

/* Extents are collected first: the walk may hold locks of the volume. */
static int
collect_extent (void *opaque, uint64_t off, uint64_t len, uint32_t type)
{
  struct extent e = { off, len, (type & VDEV_ZEROES) != 0 };

  return extent_vector_append (opaque, e);
}

static int
export_window (struct transfer *t, uint64_t off, uint64_t len)
{
  struct extent_vector extents = { NULL, 0, 0 };
  const struct extent *e;
  size_t i;
  int r;

  r = vdev_extents (t->volume, len, off, 0, collect_extent, &extents);
  for (i = 0; r == 0 && i < extents.len; ++i) {
    e = &extents.ptr[i];
    r = e->zero ? export_zeroes (t, e->off, e->len) :
      export_data (t, e->off, e->len);
  }
  extent_vector_reset (&extents);
  return r;
}

/* A block device becomes a vdev of its own, over a duplicate of the
 * descriptor.
 */
static int
target_device (struct transfer *t)
{
  int fd = fcntl (t->fd, F_DUPFD_CLOEXEC, 0), r;

  if (fd == -1)
    return file_failed (t, "cannot write");
  r = devices_file_from_fd (fd, t->name, VDEV_OPEN_NOLOCK, &t->target);
  if (r < 0) {
    close (fd);
    return r;
  }
  if (vdev_size (t->target) < t->size)
    return base_fail (ENOSPC, "%s: too small: %llu bytes, the volume has %llu",
                      t->name, (unsigned long long) vdev_size (t->target),
                      (unsigned long long) t->size);
  return 0;
}

/* What the descriptor is.  A regular file is written sparse only if it is
 * empty; else (shell: >> file) it is appended to like a pipe.
 */
static int
target_open (struct transfer *t)
{
  struct stat st;
  int flags = fcntl (t->fd, F_GETFL);

  if (flags == -1 || fstat (t->fd, &st) == -1)
    return file_failed (t, "cannot write");
  if (S_ISBLK (st.st_mode))
    return target_device (t);
  t->stream = !S_ISREG (st.st_mode) || st.st_size > 0 ||
    (flags & O_APPEND) != 0;
  return 0;
}

/* The end of the file, where it ends in a hole; then all of it to disk. */
static int
target_finish (struct transfer *t)
{
  if (t->target != NULL)
    return vdev_flush (t->target);
  if (!t->stream && ftruncate (t->fd, (off_t) t->size) == -1)
    return file_failed (t, "cannot write");
  /* A pipe or a terminal cannot be synced, and need not be. */
  if (fsync (t->fd) == -1 && errno != EINVAL && errno != EROFS)
    return file_failed (t, "cannot write");
  return 0;
}

static int
export_volume (struct transfer *t)
{
  uint64_t off, n;
  int r;

  t->size = vdev_size (t->volume);
  r = target_open (t);
  for (off = 0; r == 0 && off < t->size; off += n) {
    n = BASE_MIN (t->size - off, WINDOW);
    r = export_window (t, off, n);
  }
  return r < 0 ? r : target_finish (t);
}

int
verb_export (struct pool *p, const json_t *request,
             struct pool_verb_call *call, json_t **reply)
{
  struct transfer t = { .call = call, .fd = call->fd };
  CLEANUP_FREE char *buf = base_memalign (4096, CHUNK);
  const char *name = NULL;
  int r;

  r = verb_string (request, "name", &name);
  if (r == 0)
    r = verb_string_or (request, "target", "target", &t.name);
  if (r < 0)
    return r;
  if (t.fd == -1)
    return base_fail (EINVAL, "request: no descriptor came with it");
  if (buf == NULL)
    return base_fail_errno (ENOMEM, "%s", name);
  t.buf = buf;
  r = pool_volume_open (p, name, true, "export", &t.volume);
  if (r < 0)
    return r;
  r = export_volume (&t);
  vdev_unref (t.target);
  vdev_unref (t.volume);
  if (r == 0)
    r = verb_reply (reply, "bytes", verb_number (t.size));
  return r < 0 ? r : verb_reply (reply, "data", verb_number (t.data));
}
