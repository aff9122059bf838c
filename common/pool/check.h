/* SPDX-License-Identifier: BSD-3-Clause
 *
 * check: proves one committed state of a pool from its backing alone.
 *
 * Private to the pool room; pool_check calls it.  It shares nothing with the
 * engine but format.h: no cache, no lock, no structure in memory.  It works
 * on any backing whose superblock the caller has chosen, also while the pool
 * is in use, if the caller sees to it that no block of that generation is
 * reused meanwhile.
 *
 * Memory: one bit per block of those parts of the pool where something is, a
 * cache of 4 MiB (at least 64 blocks), 24 bytes for each shared block of
 * which not all references have been met yet, and the records' names.
 */

#ifndef NBDVOL_POOL_CHECK_H
#define NBDVOL_POOL_CHECK_H

#include "format.h"
#include "pool.h"

/* Verify the invariants of docs/pool-format.md on the state that SUPER (as
 * on disk, little endian; magic and crc right) describes.  BACKING stays
 * with the caller and is only read.  RESULT is set in any case.  0: it ran to
 * the end, also if it found problems; a block that cannot be read (EIO,
 * EBADMSG, ERANGE) is a problem.  -ECANCELED from progress, -ENOMEM, or what
 * the backing returned otherwise.
 */
extern int check_image (struct vdev *backing, const struct format_super *super,
                        const struct pool_check_options *options,
                        struct pool_check_result *result);

#endif /* NBDVOL_POOL_CHECK_H */
