/* SPDX-License-Identifier: BSD-3-Clause
 *
 * crash-image: the bytes of a disk, cheap to copy, hash and change.
 *
 * An image is a table of pages; a missing page is zero.  An overlay borrows
 * the pages of its base and owns those it writes, so that hundreds of
 * thousands of crash states can be made from one history.  The base must not
 * change while it has overlays.
 *
 * Not for real threads: under the simulation one thread runs at a time.
 */

#ifndef NBDVOL_CRASH_IMAGE_H
#define NBDVOL_CRASH_IMAGE_H

#include "vdev.h"

#define IMAGE_PAGE 4096
#define IMAGE_SECTOR 512

struct image_page {
  uint64_t hash;                /* 0 = not known */
  struct image_page *next;      /* when free */
  uint8_t bytes[IMAGE_PAGE];
};

struct image {
  uint64_t size;                /* bytes */
  size_t npages;
  struct image_page **page;     /* NULL = zeroes */
  bool *own;
};

extern struct image *image_new (uint64_t size);
extern struct image *image_overlay (const struct image *base);
extern void image_free (struct image *i);

extern void image_read (const struct image *i, void *buf, size_t len,
                        uint64_t off);
/* What lies beyond the size is dropped. */
extern void image_write (struct image *i, const void *buf, size_t len,
                         uint64_t off);
extern void image_zero (struct image *i, uint64_t len, uint64_t off);
extern void image_resize (struct image *i, uint64_t size);
/* Of size and contents; zero pages and missing pages are the same. */
extern uint64_t image_hash (struct image *i);

/* A device on the image, which stays with the caller.  Every operation is a
 * point of the simulation, before and after it takes effect.
 */
extern struct vdev *image_vdev (struct image *i);
/* From now on the device D of image_vdev is on I, and as new. */
extern void image_vdev_switch (struct vdev *d, struct image *i);
/* The flush number NTH from now (1 = the next) fails with EIO; 0 = none. */
extern void image_vdev_fail_flush (struct vdev *d, unsigned nth);

/* A device that passes everything to CHILD (taken over) but flushes, which it
 * says are done: what a forgotten flush is to the log below.
 */
extern struct vdev *image_no_flush (struct vdev *child);

#endif /* NBDVOL_CRASH_IMAGE_H */
