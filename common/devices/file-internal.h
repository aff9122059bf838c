/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the file device: file.c (open, lock, size), file-io.c (bytes)
 * and file-space.c (holes).
 */

#ifndef NBDVOL_FILE_INTERNAL_H
#define NBDVOL_FILE_INTERNAL_H

#include "devices.h"

/* Fixed when the device is opened, but for d and what is atomic. */
struct file_device {
  struct vdev d;
  int fd;
  bool is_block;
  bool direct;                  /* O_DIRECT */
  uint32_t memory_align;        /* of buffers; 1 without O_DIRECT */
  uint32_t block_size;          /* logical, of a block device; else 1 */
  _Atomic bool no_zero_range;   /* fallocate (2) has refused it */
};

static inline struct file_device *
file_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct file_device, d);
}

/* Map the errno ERR of a failed system call WHAT to the vocabulary of vdev
 * and return it negative with a message.
 */
extern int file_error (const char *name, int err, const char *what);

/* file-io.c */
extern int file_pread (struct file_device *f, void *buf, size_t len,
                       uint64_t off);
extern int file_pwrite (struct file_device *f, const void *buf, size_t len,
                        uint64_t off);
extern int file_read (struct vdev *d, void *buf, size_t len, uint64_t off);
extern int file_write (struct vdev *d, const void *buf, size_t len,
                       uint64_t off, uint32_t flags);
extern int file_flush (struct vdev *d);
extern int file_cache (struct vdev *d, uint64_t len, uint64_t off);

/* file-space.c */
extern void file_probe_space (struct file_device *f, uint64_t size,
                              bool writable, uint32_t *caps);
extern int file_trim (struct vdev *d, uint64_t len, uint64_t off,
                      uint32_t flags);
extern int file_zero (struct vdev *d, uint64_t len, uint64_t off,
                      uint32_t flags);
extern int file_extents (struct vdev *d, uint64_t len, uint64_t off,
                         uint32_t flags, vdev_extent_fn fn, void *opaque);

#endif /* NBDVOL_FILE_INTERNAL_H */
