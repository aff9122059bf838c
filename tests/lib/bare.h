/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device of plain memory without any lock, for tests of who may touch what
 * when.  Each call is done in pieces, and now and then another thread is let
 * run between two of them; so that what is written and read at once is really
 * torn, and TSan sees it as the race that it is.
 *
 * Why not the memory device: its locks order the threads that use it, which
 * hides from TSan what the locks of the pool ought to order.
 */

#ifndef NBDVOL_TEST_BARE_H
#define NBDVOL_TEST_BARE_H

#include "vdev.h"

/* Zeroes; ONE_WRITER as in enum vdev_cap.  WATCH: simulated threads; then who
 * overwrites what another one is reading has failed the test.
 */
extern struct vdev *bare_open (uint64_t size, uint64_t seed, bool one_writer,
                               bool watch);

#endif /* NBDVOL_TEST_BARE_H */
