/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-internal: what io.c, write.c and unmap.c share.
 */

#ifndef NBDVOL_POOL_IO_INTERNAL_H
#define NBDVOL_POOL_IO_INTERNAL_H

#include "pool-internal.h"

/* Around every request: counted, refused once the handle is shut. */
extern int io_enter (struct handle *h);
extern void io_exit (struct handle *h);

/* One whole block as E names it; E is brought up to date if the block moved
 * meanwhile.  Inside reader_enter.
 */
extern int io_read_block (struct volume *v, uint64_t block,
                          struct format_entry *e, void *buf);

extern int io_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
                     uint32_t flags);
extern int io_trim (struct vdev *d, uint64_t len, uint64_t off,
                    uint32_t flags);
extern int io_zero (struct vdev *d, uint64_t len, uint64_t off,
                    uint32_t flags);

/* Of the hidden handle of an import. */
extern int import_resize (struct vdev *d, uint64_t size);

/* BUF (NULL = zeroes) to [OFF, OFF + LEN); *TXN = what it joined, 0 if it
 * changed nothing.
 */
extern int io_write_range (struct handle *h, const char *buf, size_t len,
                           uint64_t off, uint64_t *txn);

/* Zeroes to [OFF, FIRST) and [LAST, END), each inside one block: both are
 * admitted before either is published.
 */
extern int io_zero_ends (struct handle *h, uint64_t off, uint64_t first,
                         uint64_t last, uint64_t end, uint64_t *txn);

#endif /* NBDVOL_POOL_IO_INTERNAL_H */
