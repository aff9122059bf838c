/* SPDX-License-Identifier: BSD-3-Clause
 *
 * journal: one flush of the device makes changes of maps durable.
 *
 * Every publish leaves its records in the open transaction.  Who wants them
 * durable closes it, writes its blocks to the ring and flushes the device
 * once: that covers the data too, which was written before it was published.
 * The trees follow later, with a checkpoint (commit.c).
 *
 * Numbers: transactions are counted by `seq`, checkpoints by generation.  A
 * checkpoint holds the transactions up to its cut.
 *
 * Locks: journal.lock comes after volume->lock and before space.lock.
 * Fields that say "leader" belong to the thread that has set `running`, or to
 * the one that has set `held` and has seen `running` false since.
 */

#ifndef NBDVOL_POOL_JOURNAL_H
#define NBDVOL_POOL_JOURNAL_H

#include <stdatomic.h>

#include "base.h"
#include "format.h"

struct pool;
struct edit;

/* COUNT blocks of a volume from BLOCK on: at PLACE and behind it, or holes if
 * PLACE is 0.  In memory COUNT is 1 unless they are holes.
 */
struct journal_record {
  uint64_t volume, block, count, place;
  uint32_t crc;                 /* of the data of the one block */
};
BASE_VECTOR (journal_record_vector, struct journal_record);

/* What a publish has room for in the open transaction. */
struct journal_room { size_t records, freed; };

/* Places that transaction SEQ no longer names, and nothing before it may name
 * once the one after it is durable.
 */
struct journal_freed { uint64_t seq; struct place_vector places; };
BASE_VECTOR (journal_freed_vector, struct journal_freed);

/* A transaction that was closed. */
struct journal_txn {
  uint64_t seq;
  struct journal_record_vector records;
};

/* The end of the ring at the cut of a checkpoint. */
struct journal_cut {
  struct journal_txn txn;       /* its last transaction, if it had records */
  uint64_t seq;                 /* the last transaction */
  uint64_t head;
  uint32_t chain;
};

struct journal {
  struct base_mutex lock;
  struct base_cond done;        /* running, held or durable changed */
  uint64_t open;                /* lock */
  struct journal_record_vector records; /* of the open one; lock */
  struct place_vector freed;    /* by the open one; lock */
  atomic_uint_fast64_t blocks;  /* of data in the open one; lock to change */
  size_t dead;                  /* its records that no longer count; lock */
  bool long_said;               /* the worker knows it is long; lock */
  uint64_t *fresh;              /* bit per place: the open one brought it;
                                 * lock */
  struct journal_room reserved; /* by publishes under way; lock */
  struct journal_freed_vector waiting;  /* of those before it; lock */
  uint64_t durable;             /* lock */
  uint64_t proven;              /* `stable` of a durable block; lock */
  bool running;                 /* a transaction is being written; lock */
  bool held;                    /* none may be, but by a checkpoint; lock */
  uint64_t frozen;              /* cut of the checkpoint under way; no cut:
                                 * UINT64_MAX; lock */
  uint64_t start, length;       /* the ring, in blocks; length 0: none */
  uint64_t head, tail;          /* blocks ever written, and of these no longer
                                 * needed; leader, and lock to change */
  uint32_t chain;               /* leader */
  char *staging;                /* leader */
  uint64_t checkpointed;        /* monotonic ns; lock */
};

/* ---- publishing ---------------------------------------------------------- */

/* Make room for what a publish will append, or -ENOMEM; ROOM grows. */
extern int journal_reserve (struct pool *p, struct journal_room *room,
                            size_t records, size_t freed);
/* A publish: the change that EDIT says joins the open transaction, as
 * records, and so do the NFREED places at FREED that it let go of; those that
 * this transaction itself brought come first afterwards: *NOW of them, which
 * the caller lets go of at once.  EDIT->txn is set; EDIT->room is given back.
 */
extern void journal_publish (struct pool *p, struct edit *edit,
                             uint64_t *freed, size_t nfreed, size_t *now);
/* The same for blocks [BLOCK, BLOCK + N) that became holes. */
extern void journal_publish_unmap (struct pool *p, struct edit *edit,
                                   uint64_t block, uint64_t n,
                                   uint64_t *freed, size_t nfreed,
                                   size_t *now);
/* Nothing came of it. */
extern void journal_unreserve (struct pool *p, struct journal_room *room);

/* ---- committing ---------------------------------------------------------- */

/* Make transaction SEQ durable: EIO if the pool is poisoned. */
extern int journal_to (struct pool *p, uint64_t seq);
/* What a flush that comes now must wait for. */
extern uint64_t journal_target (struct pool *p);
/* The open transaction is so large that the worker commits it. */
extern bool journal_wants_commit (struct pool *p);
/* ... so large that who joined it waits for that. */
extern bool journal_is_long (struct pool *p);
/* For who waits for space: commit what lets places go, also an empty
 * transaction.  1 = some may be free now, 0 = nothing to be had here.
 */
extern int journal_push (struct pool *p);
/* A checkpoint is due. */
extern bool journal_wants_checkpoint (struct pool *p);

/* ---- checkpoints --------------------------------------------------------- */

/* Before the cut: no transaction is begun any more.  -ENOMEM. */
extern int journal_hold (struct pool *p);
extern void journal_unhold (struct pool *p);
/* At the cut, held: close the open transaction. */
extern void journal_freeze (struct pool *p, struct journal_cut *cut);
/* After the cut.  WRITE: what it closed goes to the ring, if there is room,
 * and transactions after it may follow at once; else they wait.
 */
extern int journal_after_cut (struct pool *p, struct journal_cut *cut,
                              bool write);
/* The superblock that holds CUT is durable. */
extern void journal_settle (struct pool *p, struct journal_cut *cut);
/* Poison: all waiters look. */
extern void journal_wake_all (struct pool *p);
extern void journal_cut_reset (struct journal_cut *cut);

/* ---- the pool ------------------------------------------------------------ */

extern int journal_alloc (struct pool *p);
/* From the superblock that was opened. */
extern int journal_set_up (struct pool *p);
/* The pool grows to BLOCKS from OLD; lock. */
extern int journal_resize_locked (struct pool *p, uint64_t old,
                                  uint64_t blocks);
extern void journal_free (struct pool *p);
/* The ring of a new pool, or of one that no release before had a ring in:
 * allocate it below.  The caller flushes.  If there is no space for it the
 * pool does without.
 */
extern int journal_back_ring (struct pool *p);
/* Places that durable transactions have let go of and that wait for the next
 * one.
 */
extern uint64_t journal_let_go (struct pool *p);
/* Let go of what recovery holds back. */
extern void journal_release (struct pool *p);
/* Tail, chain and flags of the superblock S that is about to be written, as
 * of CUT; NULL: as it is.
 */
extern void journal_fill_super (const struct pool *p, struct format_super *s,
                                const struct journal_cut *cut);

/* ---- journal-block.c ----------------------------------------------------- */

/* Blocks of the ring that N records take at most. */
extern uint64_t journal_blocks_bound (const struct pool *p, size_t n);
/* Writes TXN at head, which moves, as does the chain.  Leader. */
extern int journal_write (struct pool *p, const struct journal_txn *txn,
                          uint64_t stable);
/* The check of block BUF, with 0 in its place. */
extern uint32_t journal_crc (const struct pool *p, const void *buf);
/* Is BUF a block of this pool's journal? */
extern bool journal_block_valid (const struct pool *p, const void *buf);
/* The records in block BUF, one at a time; *OFFSET is 0 at first.  1 = here is
 * one (its crcs at *CRC, not aligned), 0 = no more, -EBADMSG malformed.
 */
extern int journal_next_record (const struct pool *p, const char *buf,
                                size_t *offset, struct journal_record *rec,
                                const char **crc);

/* ---- replay.c ------------------------------------------------------------ */

/* Before the trees are read: what the blocks of the ring know of what was
 * durable.  -EBADMSG if one names a newer superblock than was found.
 */
extern int replay_look_around (struct pool *p);
/* Apply what the ring has to the maps in memory, transactions up to LIMIT
 * (UINT64_MAX: all), and write it once more where it stands unless the pool is
 * read-only; the caller flushes.  *END = the last transaction there.
 * -ESTALE: the data of the last one did not arrive; P is spoilt, try again
 * with a LIMIT below *END.
 */
extern int replay (struct pool *p, uint64_t limit, uint64_t *end);

#endif /* NBDVOL_POOL_JOURNAL_H */
