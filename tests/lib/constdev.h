/* SPDX-License-Identifier: BSD-3-Clause
 *
 * constdev: a device that keeps metadata and regenerates data.
 *
 * To see what a pool costs when 40 GiB of data are spread over 1 TiB, the
 * data itself need not exist.  This decorator knows one block, the constant;
 * a write of it sets a bit, a read of such a place makes it again.
 * Everything else (map nodes, bitmaps, superblocks) goes to the child, a
 * sparse file.  The bits stand in a file that is mapped, so that they are
 * still there after kill -9 of the process.
 *
 * Its own work for a block of data is a comparison of 4 KiB and one bit, so
 * that what is measured is the engine's.
 */

#ifndef NBDVOL_CONSTDEV_H
#define NBDVOL_CONSTDEV_H

#include "vdev.h"

#define CONSTDEV_BLOCK 4096

/* What was asked of the device since it was opened; FLUSHES, WRITES and
 * TRIMS are calls, the others bytes.
 */
struct constdev_counts {
  uint64_t writes, flushes, trims;
  uint64_t written;             /* all that was written ... */
  uint64_t constant;            /* ... and of this, constant blocks */
  uint64_t read;
};

/* Owns CHILD on success.  BITS is the path of the file that holds the bits;
 * made if it is missing, and always as long as CHILD needs.  CHILD may be
 * resized through the device only up to SPAN bytes.
 */
extern int constdev_open (struct vdev *child, const char *bits, uint64_t span,
                          struct vdev **ret);

/* The constant block into BUF. */
extern void constdev_fill (void *buf);
extern void constdev_counts (struct vdev *d, struct constdev_counts *counts);

#endif /* NBDVOL_CONSTDEV_H */
