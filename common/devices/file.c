/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file device: opening, locking, size.
 *
 * A regular file or a block device behind one descriptor.  Two programs that
 * write one pool would destroy it, so the descriptor carries an open file
 * description lock (fcntl (2), F_OFD_SETLK), exclusive when writable, shared
 * when read-only.  Unlike POSIX locks it belongs to the open file, not the
 * process: it survives the fork of a server that goes into the background,
 * and closing another descriptor of the same file does not drop it.  A block
 * device is opened with O_EXCL as well, which keeps away mounts and the
 * device mapper, who do not know file locks.
 *
 * Nothing here uses the page cache's idea of the file offset, so one
 * descriptor serves all threads.
 */

#include <config.h>

#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devices.h"
#include "file-internal.h"

int
file_error (const char *name, int err, const char *what)
{
  int r = EIO;

  switch (err) {
  case ENOSPC: case EDQUOT: case EFBIG:
    r = ENOSPC;
    break;
  case ENOMEM: case EROFS: case ETIMEDOUT: case EOPNOTSUPP:
    r = err;
    break;
  }
  base_fail_errno (err, "%s: %s", name, what);
  return -r;
}

/* The same for opening, which may say more. */
static int
open_error (const char *name, int err, const char *what)
{
  int r = EIO;

  switch (err) {
  case ENOENT: case ENOTDIR:
    r = ENOENT;
    break;
  case EACCES: case EPERM:
    r = EACCES;
    break;
  case EMFILE: case ENFILE:
    r = ENOMEM;
    break;
  case EISDIR: case ENAMETOOLONG: case ELOOP: case EINVAL: case ENXIO:
    r = EINVAL;
    break;
  case EBUSY: case ETXTBSY:
    r = EBUSY;
    break;
  case EEXIST:
    r = EEXIST;
    break;
  default:
    return file_error (name, err, what);
  }
  base_fail_errno (err, "%s: %s", name, what);
  return -r;
}

/* A number in the queue directory of a block device; 0 if there is none. */
static uint64_t
queue_number (dev_t dev, const char *name)
{
  static const char *const dirs[] = { "queue", "../queue" };
  unsigned long long n = 0;
  char path[128];
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (dirs); ++i) {
    CLEANUP_FILE FILE *fp = NULL;

    snprintf (path, sizeof path, "/sys/dev/block/%u:%u/%s/%s",
              major (dev), minor (dev), dirs[i], name);
    fp = fopen (path, "re");
    if (fp)
      return fscanf (fp, "%llu", &n) == 1 ? n : 0;
  }
  return 0;
}

static int
take_lock (int fd, const char *name, bool exclusive)
{
  struct flock lock = {
    .l_type = exclusive ? F_WRLCK : F_RDLCK,
    .l_whence = SEEK_SET,
  };

  if (fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return 0;
  if (errno == EAGAIN || errno == EACCES)
    return base_fail (EBUSY, "%s: in use by another process (it is locked)",
                      name);
  return open_error (name, errno, "lock");
}

/* With O_DIRECT: how offsets, lengths and buffers must be aligned. */
static void
direct_alignment (struct file_device *f, const struct stat *st,
                  struct vdev_info *info)
{
  uint64_t offset = f->block_size, memory = 0;

#ifdef STATX_DIOALIGN
  struct statx stx;

  if (!f->is_block &&
      statx (f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
      (stx.stx_mask & STATX_DIOALIGN)) {
    offset = stx.stx_dio_offset_align;
    memory = stx.stx_dio_mem_align;
  }
#endif
  /* An older kernel: what lies below the file system, if it says, else what
   * no disk exceeds.
   */
  if (offset <= 1)
    offset = queue_number (st->st_dev, "logical_block_size");
  if (!base_is_power_of_2 (offset) || offset > 65536)
    offset = 4096;
  if (!base_is_power_of_2 (memory) || memory > 65536)
    memory = offset;
  info->align = (uint32_t) BASE_MAX (offset, 512);
  f->memory_align = (uint32_t) memory;
}

static int
device_size (struct file_device *f, const char *name, const struct stat *st,
             uint64_t *size)
{
  *size = (uint64_t) st->st_size;
  if (f->is_block && ioctl (f->fd, BLKGETSIZE64, size) == -1)
    return file_error (name, errno, "BLKGETSIZE64");
  return 0;
}

/* Allocated bytes; and a block device may have grown. */
static int
file_stat (struct vdev *d, struct vdev_stat *ret)
{
  struct file_device *f = file_of (d);
  struct stat st;
  uint64_t size;
  int r;

  if (fstat (f->fd, &st) == -1)
    return file_error (d->info.name, errno, "fstat");
  if (!f->is_block) {
    ret->allocated = (uint64_t) st.st_blocks * 512;
    return 0;
  }
  r = device_size (f, d->info.name, &st, &size);
  if (r < 0)
    return r;
  vdev_set_size (d, size);
  ret->allocated = size;
  return 0;
}

static int
file_resize (struct vdev *d, uint64_t size)
{
  struct file_device *f = file_of (d);
  int r;

  do
    r = ftruncate (f->fd, (off_t) size);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    return file_error (d->info.name, errno, "ftruncate");
  vdev_set_size (d, size);
  return 0;
}

static void
file_describe (struct vdev *d, FILE *fp)
{
  CLEANUP_FREE char *escaped = NULL;

  if (!file_of (d)->direct) {
    fprintf (fp, "file:%s", d->info.name);
    return;
  }
  escaped = vdev_escape (d->info.name);
  fprintf (fp, "file(%s,direct=true)", escaped ? escaped : "?");
}

static void
file_close (struct vdev *d)
{
  struct file_device *f = file_of (d);

  close (f->fd);
  vdev_fini (d);
  free (f);
}

static const struct vdev_ops file_ops = {
  .kind = "file",
  .read = file_read,
  .write = file_write,
  .flush = file_flush,
  .trim = file_trim,
  .zero = file_zero,
  .extents = file_extents,
  .cache = file_cache,
  .resize = file_resize,
  .stat = file_stat,
  .describe = file_describe,
  .close = file_close,
};

/* Fill in the facts of F, whose fd is set, and the size. */
static int
learn_facts (struct file_device *f, uint32_t flags, struct vdev_info *info,
             uint64_t *size)
{
  const bool writable = !(flags & VDEV_OPEN_RO);
  struct stat st;
  int n, r;

  if (fstat (f->fd, &st) == -1)
    return open_error (info->name, errno, "fstat");
  if (!S_ISREG (st.st_mode) && !S_ISBLK (st.st_mode))
    return base_fail (EINVAL, "%s: neither a file nor a block device",
                      info->name);
  f->is_block = S_ISBLK (st.st_mode);
  f->block_size = f->memory_align = info->align = 1;
  if (f->is_block) {
    if (ioctl (f->fd, BLKSSZGET, &n) == -1)
      return open_error (info->name, errno, "BLKSSZGET");
    f->block_size = (uint32_t) n;
  }
  if (flags & VDEV_OPEN_DIRECT)
    direct_alignment (f, &st, info);
  r = device_size (f, info->name, &st, size);
  if (r < 0)
    return r;
  if (*size % info->align != 0)
    return base_fail (EINVAL, "%s: O_DIRECT needs a size that is a multiple "
                      "of %u", info->name, info->align);

  info->caps = VDEV_MULTI_CONN;
  if (!writable)
    info->caps |= VDEV_RO;
  else
    info->caps |= VDEV_FLUSH | (f->is_block ? 0 : VDEV_RESIZE);
  /* Linux writes to a file's page cache under the lock of its inode. */
  if (writable && !f->is_block && !(flags & VDEV_OPEN_DIRECT))
    info->caps |= VDEV_ONE_WRITER;
  info->preferred = BASE_MAX (info->align, 4096);
  info->trim_align = BASE_MAX (info->align, 4096);
  if (f->is_block && queue_number (st.st_rdev, "rotational") == 1)
    info->caps |= VDEV_ROTATIONAL;
  if (f->is_block && writable &&
      queue_number (st.st_rdev, "discard_max_bytes") > 0)
    info->caps |= VDEV_TRIM;
  file_probe_space (f, *size, writable, &info->caps);
  return 0;
}

/* O_DIRECT and O_CLOEXEC as FLAGS say, on a descriptor that may come from
 * elsewhere.
 */
static int
set_descriptor_flags (int fd, const char *name, uint32_t flags)
{
  int fl = fcntl (fd, F_GETFL);

  if (fl == -1 || fcntl (fd, F_SETFD, FD_CLOEXEC) == -1)
    return open_error (name, errno, "fcntl");
  if ((fl & O_ACCMODE) == O_WRONLY ||
      ((fl & O_ACCMODE) == O_RDONLY && !(flags & VDEV_OPEN_RO)))
    return base_fail (EINVAL, "%s: the descriptor is not open for reading "
                      "and writing", name);
  fl &= ~(O_NONBLOCK | O_DIRECT | O_APPEND);
  if (flags & VDEV_OPEN_DIRECT)
    fl |= O_DIRECT;
  if (fcntl (fd, F_SETFL, fl) == -1)
    return open_error (name, errno, flags & VDEV_OPEN_DIRECT ? "O_DIRECT"
                       : "fcntl");
  return 0;
}

int
devices_file_from_fd (int fd, const char *name, uint32_t flags,
                      struct vdev **ret)
{
  CLEANUP_FREE struct file_device *f = base_calloc (1, sizeof *f);
  CLEANUP_FREE char *name_copy = base_strdup (name);
  struct vdev_info info = { .name = name_copy };
  uint64_t size;
  int r;

  if (f == NULL || name_copy == NULL)
    return base_fail (ENOMEM, "%s: out of memory", name);
  f->fd = fd;
  f->direct = flags & VDEV_OPEN_DIRECT;
  r = set_descriptor_flags (fd, name, flags);
  if (r == 0 && !(flags & VDEV_OPEN_NOLOCK))
    r = take_lock (fd, name, !(flags & VDEV_OPEN_RO));
  if (r == 0)
    r = learn_facts (f, flags, &info, &size);
  if (r == 0)
    r = vdev_init (&f->d, &file_ops, &info, size);
  if (r < 0)
    return r;
  *ret = &f->d;
  name_copy = NULL;
  f = NULL;
  return 0;
}

/* The name of a new file is durable only when its directory is. */
static int
sync_directory (const char *path)
{
  CLEANUP_FREE char *copy = base_strdup (path);
  CLEANUP_FD int fd = -1;

  if (copy == NULL)
    return base_fail (ENOMEM, "%s: out of memory", path);
  fd = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd == -1 || fsync (fd) == -1)
    return open_error (path, errno, "fsync of the directory");
  return 0;
}

/* The descriptor, or -errno.  O_NONBLOCK: a FIFO must not hang us; it is
 * taken off again and means nothing to files and disks.
 */
static int
open_path (const char *path, uint32_t flags, bool *created)
{
  int fl = O_CLOEXEC | O_NOCTTY | O_NONBLOCK, fd;
  struct stat st;

  fl |= flags & VDEV_OPEN_RO ? O_RDONLY : O_RDWR;
  if ((flags & (VDEV_OPEN_RO | VDEV_OPEN_NOLOCK)) == 0 &&
      stat (path, &st) == 0 && S_ISBLK (st.st_mode))
    fl |= O_EXCL;
  *created = false;
  fd = open (path, fl);
  if (fd == -1 && errno == ENOENT && (flags & VDEV_OPEN_CREATE) &&
      !(flags & VDEV_OPEN_RO)) {
    fd = open (path, fl | O_CREAT | O_EXCL, 0600);
    *created = fd >= 0;
    if (fd == -1 && errno == EEXIST)    /* somebody was faster */
      fd = open (path, fl);
  }
  if (fd == -1 && errno == EBUSY)
    return base_fail (EBUSY, "%s: in use (mounted, or part of another device)",
                      path);
  if (fd == -1)
    return open_error (path, errno, "open");
  return fd;
}

int
devices_file_open (const char *path, uint32_t flags, struct vdev **ret)
{
  bool created;
  int fd, r;

  fd = open_path (path, flags, &created);
  if (fd < 0)
    return fd;
  r = created ? sync_directory (path) : 0;
  if (r == 0)
    r = devices_file_from_fd (fd, path, flags, ret);
  if (r < 0)
    close (fd);
  return r;
}
