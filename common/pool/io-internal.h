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

#define SMALL 18                /* blocks without allocation */

/* A write under way (write.c). */
struct write {
  struct handle *h;
  struct volume *v;
  struct pool *p;
  const char *buf;              /* NULL = zeroes */
  uint64_t off, end;            /* bytes */
  uint64_t first, count;        /* blocks */
  struct format_entry *e;       /* count entries */
  struct format_entry small[SMALL];
  /* Merged blocks: the first, the last, or the only one. */
  char *edge[2];
  uint64_t edge_block[2];
  unsigned nedges;
  bool as_growth;               /* charge all data and nodes as growth */
  bool exactly;                 /* always with the commit held */
  struct edit edit;
  struct charge charge;
  struct extent extents[SMALL]; /* room for charge.places */
};

extern int write_begin (struct write *w, struct handle *h, const char *buf,
                        uint64_t off, uint64_t end);
extern void write_finish (struct write *w);
/* Read and merge the blocks that are only partly covered.  Inside
 * reader_enter.
 */
extern int write_merge (struct write *w);
/* Types of the new entries, from the data. */
extern void write_classify (struct write *w);
/* Both, and what the charge has to be. */
extern int write_survey (struct write *w);
extern int write_admit (struct write *w);
/* W is admitted.  -EAGAIN, -ENOSPC: start again. */
extern int write_and_publish (struct write *w);
/* All of it. */
extern int write_run (struct write *w);

/* More than the pool's limit at once. */
extern int io_write_long (struct handle *h, const char *buf, size_t len,
                          uint64_t off, uint64_t *txn);

/* Zeroes to [OFF, FIRST) and [LAST, END), each inside one block: both are
 * admitted before either is published.  long_requests is held.
 */
extern int io_zero_ends (struct handle *h, uint64_t off, uint64_t first,
                         uint64_t last, uint64_t end, uint64_t *txn);

/* While one or more of these stand, few requests write data at once to a
 * backing that does one write after the other.
 */
extern void write_gate_close (struct pool *p);
extern void write_gate_open (struct pool *p);

#endif /* NBDVOL_POOL_IO_INTERNAL_H */
