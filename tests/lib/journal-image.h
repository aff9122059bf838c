/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pool in memory whose journal a test can look at and damage between two
 * openings.  There is no background thread.  A failure ends the test.
 */

#ifndef NBDVOL_JOURNAL_IMAGE_H
#define NBDVOL_JOURNAL_IMAGE_H

#include "format.h"
#include "pool.h"

#define JI_BLOCK UINT64_C (4096)

struct journal_image {
  struct vdev *mem;
  struct pool *pool;            /* NULL = not open */
  struct vdev *volume;          /* "v" */
  uint64_t replayed;            /* by the last opening */
};

/* A pool of BLOCKS blocks, JOURNAL of them for the journal (0 = default), and
 * a volume "v" of VOLUME blocks; it is open.
 */
extern void ji_init (struct journal_image *ji, uint64_t blocks,
                     uint64_t journal, uint64_t volume);
extern void ji_fini (struct journal_image *ji);
/* What the process knew is lost; the device keeps all that was written. */
extern void ji_kill (struct journal_image *ji);
/* 0, or what pool_open says; then the pool is not open. */
extern int ji_open (struct journal_image *ji);

/* N blocks of BYTE from BLOCK on. */
extern void ji_write (struct journal_image *ji, uint64_t block, uint64_t n,
                      int byte);
extern void ji_trim (struct journal_image *ji, uint64_t block, uint64_t n);
extern void ji_flush (struct journal_image *ji);
/* All of block BLOCK is BYTE. */
extern bool ji_is (struct journal_image *ji, uint64_t block, int byte);

/* ---- while it is not open ---- */

/* The place of block PART of transaction SEQ in the ring, of the run whose
 * superblock is the newest.
 */
extern uint64_t ji_find (struct journal_image *ji, uint64_t seq,
                         uint32_t part, struct format_journal *h);
extern void ji_super (struct journal_image *ji, struct format_super *s);
/* The block at PLACE becomes zeroes. */
extern void ji_zero (struct journal_image *ji, uint64_t place);
/* Every block of the pool that is all BYTE becomes zeroes; returns how many. */
extern unsigned ji_lose (struct journal_image *ji, int byte);

#endif /* NBDVOL_JOURNAL_IMAGE_H */
