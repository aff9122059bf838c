/* SPDX-License-Identifier: BSD-3-Clause
 *
 * constdev: a device that keeps metadata and regenerates data.
 *
 * To see what a pool costs when 40 GiB of data are spread over 1 TiB, the
 * data itself need not exist.  This device knows one block, the constant; a
 * write of it sets a bit, a read of such a place makes it again.  All else
 * (map nodes, bitmaps, superblocks) is kept in a store, another device, and
 * flushed there: one block after the other in the order in which places were
 * first written, in space that was allocated ahead.  So the store of a pool
 * of 1 TiB is a dense file of some GiB, as if data did not lie between; a
 * sparse file with a million islands would show what the file system makes
 * of islands, and not what the pool costs.
 *
 * Its own work for a block of data is a comparison of 4 KiB and one word, so
 * that what is measured is the engine's.
 */

#ifndef NBDVOL_CONSTDEV_H
#define NBDVOL_CONSTDEV_H

#include "vdev.h"

#define CONSTDEV_BLOCK 4096

/* What was asked of the device since it was opened; WRITES, FLUSHES and
 * TRIMS are calls, the others bytes.
 */
struct constdev_counts {
  uint64_t writes, flushes, trims;
  uint64_t written;             /* all that was written ... */
  uint64_t constant;            /* ... and of this, constant blocks */
  uint64_t read;
};

/* Owns STORE on success.  MAP is the path of the file that says what each
 * block is; it is made if it is missing (the device is then empty, size 0)
 * and is mapped, so that what it says is still there after kill -9 of the
 * process.  The device may be resized up to SPAN bytes, which is the same at
 * each opening.
 */
extern int constdev_open (struct vdev *store, const char *map, uint64_t span,
                          struct vdev **ret);

/* The constant block into BUF. */
extern void constdev_fill (void *buf);
extern void constdev_counts (struct vdev *d, struct constdev_counts *counts);

#endif /* NBDVOL_CONSTDEV_H */
