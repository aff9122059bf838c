/* SPDX-License-Identifier: BSD-3-Clause
 *
 * linear: is there an order of these requests that explains what was read?
 *
 * A history is what several threads asked of one block and when: each
 * request has the time of its call and that of its return, taken from one
 * counter.  It is linearizable (Herlihy and Wing, "Linearizability: a
 * correctness condition for concurrent objects", 1990) if each request can be
 * given a moment between its call and its return so that, done one after the
 * other at these moments, every read returns what the writes before it left.
 * That is a property of each object by itself, so blocks are judged one by
 * one.
 *
 * A block is an array of cells.  A write sets some of them, a read tells some
 * of them, all at one moment: so a torn block and a lost merge show.  A trim
 * is a write of zero.
 *
 * Why not the algorithm of Gibbons and Korach ("Testing shared memories",
 * 1997), which sorts one interval for each value: it wants every value to be
 * written once, and a block of one cell.  Zero is written often here, and
 * writes of parts are what needs a test.  This one keeps the set of all
 * states that the block may be in (Lowe, "Testing for linearizability", 2017:
 * just-in-time linearization); that is exact for any values, its cost is
 * linear in the length of the history and exponential only in the number of
 * writes that are under way at once.
 *
 * Several blocks: a snapshot reads all blocks of its volume, and a group of
 * snapshots those of several volumes, at one moment.  Each block by itself is
 * judged with the snapshot as a read; linear_cut then looks for one moment
 * that fits all.
 */

#ifndef NBDVOL_LINEAR_H
#define NBDVOL_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LINEAR_CELLS 4
#define LINEAR_ALL ((1U << LINEAR_CELLS) - 1)
#define LINEAR_OPEN 32          /* requests to one block at once, at most */

enum linear_kind {
  LINEAR_WRITE,
  LINEAR_READ,
  LINEAR_HOLE,                  /* somebody was told that all is zero */
  LINEAR_DATA,                  /* somebody was told that not all is zero */
};

struct linear_op {
  enum linear_kind kind;
  unsigned cells;               /* bits: those that are written or read */
  uint64_t call, ret;           /* different for each op; from 1 up */
  uint32_t value[LINEAR_CELLS]; /* 0 = zero */
  unsigned who;                 /* for people */
};

/* A vector of them, without a lock: each thread has its own. */
struct linear_history {
  struct linear_op *op;
  size_t n, room;
};
extern void linear_add (struct linear_history *h, const struct linear_op *op);
extern void linear_append (struct linear_history *to,
                           const struct linear_history *from);
extern void linear_reset (struct linear_history *h);

enum linear_verdict {
  LINEAR_OK,
  LINEAR_BAD,
  LINEAR_TOO_LARGE,             /* more states than can be kept */
};

/* The block is all zero at first.  Sorts H by calls.  If bad, *AT is the
 * request by whose return no order is left; WHICH may be NULL.
 */
extern enum linear_verdict linear_check (struct linear_history *h,
                                         size_t *at);

/* Requests that were under way at some time while H->op[AT] was, and the
 * writes before them.
 */
extern void linear_print (FILE *fp, const struct linear_history *h,
                          size_t at);

/* What a snapshot says of one block.  A value that is not zero is written
 * once in a history.
 */
struct linear_seen {
  const struct linear_history *h;
  uint32_t value[LINEAR_CELLS];
};

/* Is there one moment between CALL and RET at which all N blocks may have
 * held what was seen?  If not, *AT is a block that leaves none together with
 * those before it.
 */
extern bool linear_cut (const struct linear_seen *seen, size_t n,
                        uint64_t call, uint64_t ret, size_t *at);

#endif /* NBDVOL_LINEAR_H */
