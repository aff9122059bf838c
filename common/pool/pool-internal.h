/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-internal: the structures of the engine and who may touch them.
 *
 * The life of a change: a request is admitted and gets its places
 * (space.c, places.c), its data is written there (io.c), then it is
 * published: the volume's map is changed in memory (tree.c).  A commit
 * (commit.c) freezes all maps at one moment, the cut, writes what is dirty
 * in them (diff.c for the maps, systree.c for the pool's own trees), flips
 * the superblock (super.c) and settles: what was written becomes clean.
 *
 * Numbers: a transaction is named by the generation its superblock will
 * have.  At any time one transaction is open (changes join it) and at most
 * one is frozen (its commit is running).
 *
 * Lock order, outermost first.  A thread may skip levels, never go back:
 *
 *   long_requests   shared: a request that goes in pieces; exclusive: verbs
 *                   after which blocks are shared
 *   hole_makers     shared: requests that make holes, and long ones;
 *                   exclusive: long ones when room is scarce
 *   back_lock       one thread backs or punches slabs
 *   table_lock      names, records as verbs see them, handles
 *   commit hold     `running`: one thread runs a commit, or keeps others
 *                   from running one (commit_hold)
 *   publish         shared: a request changes maps; exclusive: the cut
 *   volume->lock    a map's root and its dirty nodes
 *   journal.lock    the open transaction, and who commits it
 *   fill.lock       what is said of how full the pool is
 *   space.lock      counters, free places, limbo, waiters
 *   cache shard     clean nodes
 *   commit.lock     durable generation, `running`, poison
 *   events.lock
 *   scrub.lock      the scrub that runs, how far it is
 *   spare_lock      memory of nodes
 *   gate_lock       how many write data to a file at once
 *
 * Only the first five and the commit hold are held over I/O, and of these a
 * request that writes blocks of data takes none.
 */

#ifndef NBDVOL_POOL_INTERNAL_H
#define NBDVOL_POOL_INTERNAL_H

#include <inttypes.h>
#include <stdatomic.h>

#include "base.h"
#include "vdev.h"
#include "pool.h"
#include "format.h"

BASE_VECTOR (place_vector, uint64_t);
extern void places_cleanup (struct place_vector *v);
#define CLEANUP_PLACES __attribute__ ((__cleanup__ (places_cleanup)))

#include "events.h"
#include "fill.h"
#include "journal.h"
#include "scrub.h"
#include "stats.h"

/* ---- nodes of maps (node.c) ---------------------------------------------- */

/* A clean node is immutable, stands on disk at `place`, and is found through
 * the cache.  A dirty node belongs to one volume and one transaction; while
 * that is open it is changed under volume->lock (exclusive); once frozen it
 * never changes again and goes away when its commit has settled.
 */
struct node {
  atomic_uint refs;
  uint8_t level;                /* 0 = leaf */
  atomic_bool dirty;            /* a frozen leaf becomes clean as it is */
  uint32_t live;                /* slots that are not holes */
  struct pool *pool;
  uint64_t txn;                 /* dirty: transaction it belongs to */
  struct format_entry self;     /* clean: the entry that names it; dirty: set
                                 * by its commit */
  struct node *origin;          /* dirty: copied from; NULL = new */
  struct node *clean;           /* dirty, level > 0: what its commit made of
                                 * it */
  struct node **child;          /* dirty, level > 0: children in memory */
  struct node *hash_next;       /* clean; lock: cache shard.  Spare; lock:
                                 * spare_lock */
  size_t clock_index;           /* clean; lock: cache shard */
  atomic_bool used;             /* clean: for the clock hand */
  struct format_entry e[];      /* fan-out entries */
};

struct node_shard {
  struct base_mutex lock;
  struct node **bucket;         /* lock */
  size_t nbuckets;
  struct node **clock;          /* all nodes of this shard; lock */
  size_t nclock, cap, hand, limit;
};

#define NODE_SHARDS 16

/* Fetch the clean node that E names, at LEVEL, from the cache only (NULL if
 * it is not there).  One reference for the caller.
 */
extern struct node *node_cached (struct pool *p, const struct format_entry *e,
                                 unsigned level);
/* The same, reading it if needed.  The caller is inside reader_enter or
 * holds the commit.  WHO names the volume in messages.
 */
extern int node_load (struct pool *p, const struct format_entry *e,
                      unsigned level, const char *who, struct node **ret);
extern struct node *node_ref (struct node *n);
extern void node_unref (struct node *n);
extern void node_cleanup_unref (struct node **np);
#define CLEANUP_NODE __attribute__ ((__cleanup__ (node_cleanup_unref)))
/* A new dirty node: empty, or a copy of FROM, which becomes its origin. */
extern struct node *node_new (struct pool *p, unsigned level, uint64_t txn);
extern struct node *node_new_clean (struct pool *p, unsigned level);
extern struct node *node_copy (struct pool *p, struct node *from, uint64_t txn);
/* The commit that wrote N, if it was dirty, is durable. */
extern void node_is_clean (struct node *n);
/* Put a clean node that was just written, or read, into the cache; takes the
 * caller's reference and returns one, perhaps to an equal node that was there.
 * NULL: no memory to keep it.
 */
extern struct node *node_insert_clean (struct pool *p, struct node *n);
/* Forget the clean node at PLACE: the place is about to be reused. */
extern void node_forget (struct pool *p, uint64_t place);
extern int node_cache_init (struct pool *p, size_t bytes);
extern void node_cache_free (struct pool *p);

/* ---- volumes ------------------------------------------------------------- */

/* A full name.  Requests in flight may hold an old one. */
struct label { struct label *next; char text[]; };

struct volume {
  struct pool *pool;
  struct volume *next;          /* list; lock: table_lock */
  uint64_t id;
  uint32_t slot;
  /* Names and flags change under table_lock and the cut; the map's fields
   * (root, mapped, nodes, shared) inside are the committed ones, changed when
   * a commit settles, under `lock`.
   */
  struct format_record rec;
  struct volume *parent;        /* snapshot: its volume; lock: table_lock */
  const char *_Atomic label;    /* full name; changes under table_lock */
  struct label *labels;         /* this one and all before; table_lock */

  struct base_rwlock lock;
  struct node *root;            /* dirty; NULL = clean, see root_entry; lock */
  struct format_entry root_entry;       /* lock */
  atomic_uint levels;           /* grows under publish, exclusively */
  atomic_bool reaped;           /* orphan: nothing is left of it */
  atomic_bool stuck;            /* orphan: not reaped in this run any more */
  atomic_bool durable;          /* a commit has recorded it: it can be found */
  atomic_bool left;             /* an import that could not be dropped yet */
  uint64_t mapped, nodes;       /* as in the open transaction; lock */
  uint64_t shared;              /* nodes with birth <= snap_epoch, at most;
                                 * lock */
  atomic_uint snap_epoch;       /* changes at the cut */
  uint64_t dirty_txn;           /* listed in dirty[] of this txn; lock */

  struct stats_shard *stats;    /* from the first handle on; table_lock */
  unsigned handles;             /* lock: table_lock */
  struct handle *first_handle;  /* lock: table_lock */
  atomic_uint inflight;         /* requests inside io.c */
  atomic_bool draining;         /* somebody waits for inflight == 0 */
  atomic_uint refs;
};

BASE_VECTOR (volume_vector, struct volume *);

/* A volume opened as a vdev. */
struct handle {
  struct vdev d;
  struct pool *pool;
  struct volume *v;
  struct handle *next;          /* lock: table_lock */
  char *client;
  atomic_bool shut;             /* kicked: everything is ESHUTDOWN */
};

#include "systree.h"

/* ---- space (space.c, places.c) ------------------------------------------- */

struct extent { uint64_t place, count; };
BASE_VECTOR (extent_vector, struct extent);

/* Growth set aside for a request that goes in pieces. */
struct credit { uint64_t left; };       /* space.lock */

/* What a request holds between admission and publish. */
struct charge {
  uint64_t data;                /* places allocated */
  uint64_t growth;              /* of these, net growth */
  uint64_t nodes;               /* new nodes it may make */
  uint64_t dirty;               /* nodes it may dirty */
  struct credit *credit;        /* taken from first; may be NULL */
  uint64_t drawn;               /* ... that much */
  struct extent_vector places;
  bool held;
};

/* Blocks that were let go in one reader epoch and wait for readers. */
enum limbo_kind {
  LIMBO_DATA,
  LIMBO_WARM,                   /* data that the open transaction brought */
  LIMBO_NODE,
  LIMBO_KINDS
};
struct limbo {
  struct limbo *next;
  uint64_t epoch;
  struct place_vector places[LIMBO_KINDS];
};

#define WARM 32
struct space {
  struct base_mutex lock;
  struct base_cond changed;     /* something was freed or given back */
  /* Everything below: lock. */
  uint64_t *view;               /* bit per block: 1 = may not be allocated */
  uint64_t cursor, run_cursor;  /* next fit; of large requests */
  uint64_t touched;             /* slabs from here on were never used, */
  uint64_t untouched;           /* and so many of their blocks are free */
  struct extent warm[WARM];     /* let go of last; hints, what is taken may
                                 * stand here */
  unsigned warm_top;            /* the newest; older ones below it */
  uint32_t *slab_free;          /* clear bits of view per slab */
  uint32_t *slab_usable;        /* blocks of the slab that are not fixed */
  uint64_t empty_slabs;         /* backed slabs that are wholly free */
  uint64_t free;                /* clear bits of view */
  uint64_t pending;             /* will be free: commit, then readers */
  uint64_t neutral;             /* in flight, will free as many */
  uint64_t owed;                /* nodes that will take a block for good */
  uint64_t shared;              /* copies that unsharing may still make */
  uint64_t dirty, dirty_held;   /* dirty nodes of the open txn; promised */
  uint64_t open_pending;        /* part of pending counted in the open txn */
  uint64_t frozen_estimate;     /* ... in the frozen one, not in pending, */
  uint64_t frozen_actual;       /* and what its commit really dropped */
  uint64_t window;              /* taken for metadata, not used yet */
  bool backed_changed;          /* backing_bits differ from backed_bits */
  uint64_t open_maybe;          /* replaced blocks that may turn out free */
  uint64_t backed_slabs, backed_blocks;
  bool full;                    /* last growth was refused */
  atomic_uint_fast64_t capital; /* free blocks that are worth having; lock to
                                 * change */
  bool low;                     /* the worker should back some slabs ahead */
  uint64_t last_low;            /* when that was so, monotonic ns */
  uint64_t last_used;           /* when half of the capital was in use */
  struct space_waiter *first, *last;    /* first come first served */
  struct limbo *limbo, *limbo_tail;
  uint64_t waits;
  uint64_t aside;               /* set aside by requests, in `owed` too */
  uint64_t ahead;               /* blocks of data admitted since the cut */
  struct scrub_bits *scrubbed;  /* NULL: no scrub runs */
  bool urgent;                  /* a verb's commit, or one that reaps, runs */
  /* By the capacity; change when the pool grows. */
  uint64_t min_capital, max_capital;
  atomic_uint_fast64_t max_blocks;      /* request that goes in one piece */
  atomic_uint_fast64_t max_dirty;       /* dirty nodes of one transaction */
};

#define READER_SHARDS 16
struct reader_shard {
  atomic_uint count[3];
  char pad[64 - 3 * sizeof (atomic_uint)];
};
struct reader { unsigned shard, slot; };

/* ---- commit -------------------------------------------------------------- */

/* A structural change a verb makes at the cut of its own commit. */
struct cut;
struct change {
  /* Called first, with publish held exclusively and nothing frozen yet; may
   * refuse, and then nothing happens.  May be NULL.
   */
  int (*check) (struct pool *p, void *opaque);
  /* Called with publish held exclusively, after the maps were frozen.  Must
   * not fail: everything that can was done before.
   */
  void (*apply) (struct pool *p, struct cut *cut, void *opaque);
  /* Called if the commit failed after that: the pool is poisoned, and what
   * names show is put back.  May be NULL.
   */
  void (*failed) (struct pool *p, void *opaque);
  void *opaque;
  size_t size;                  /* at most this many shares after the diff,
                                 * and CHANGE_MAX + twice as many records */
};
#define CHANGE_MAX 4

/* One volume in a commit. */
struct cut_item {
  struct volume *v;             /* reference */
  struct node *root;            /* frozen dirty root, or NULL */
  bool map;                     /* the map is dirty; root NULL = now empty */
  bool by_journal;              /* exclusive data was let go of already */
  uint32_t snap_epoch;          /* in force for this transaction */
  uint64_t mapped, nodes;       /* as at the cut */
  unsigned levels;
  struct format_entry entry;    /* out: the root */
};
BASE_VECTOR (cut_item_vector, struct cut_item);

/* DST gets the root that SRC has in this commit, and a reference. */
struct cut_share { struct volume *dst, *src; };
BASE_VECTOR (cut_share_vector, struct cut_share);

/* A block to write: node or page.  Written in order of place. */
struct cut_write { uint64_t place; const void *data; void *owned;
  struct node *node; };
BASE_VECTOR (cut_write_vector, struct cut_write);
BASE_VECTOR (node_vector, struct node *);

struct cut {
  uint64_t generation;
  uint32_t epoch;               /* in force for this transaction */
  struct cut_item_vector items;
  struct cut_share_vector before, after;
  struct volume_vector records;  /* records to write, map or not */
  struct cut_write_vector writes;       /* not written yet */
  struct node_vector nodes;     /* written, clean once it is durable */
  struct place_vector freed_nodes, freed_data;
  struct place_vector allocated;        /* by the maps; not marked yet */
  bool by_journal;              /* of the item that is being looked at */
  struct journal_cut journal;
  struct extent_vector window;  /* places taken for nodes ... */
  size_t window_next;           /* ... not used from here on */
  uint32_t next_epoch;          /* in force after the cut */
  uint64_t nodes_written;
};

struct commit {
  struct base_mutex lock;
  struct base_cond done;        /* durable, running or poison changed */
  bool running;                 /* lock */
  uint64_t durable;             /* generation; lock */
  struct reader *pin;           /* holder */
  atomic_int poisoned;          /* 0 or -errno; set under lock */
};

/* ---- the pool ------------------------------------------------------------ */

struct refs_page { uint32_t *count; bool dirty, used, bad; };

struct pool {
  struct vdev *backing;
  struct pool_options options;
  char *name;                   /* for messages */
  uint32_t mix_seed;            /* crc of the uuid */
  unsigned block_shift, fan_shift;
  uint32_t block_size, fan;
  uint64_t slab_blocks;
  atomic_uint_fast64_t blocks;  /* capacity; grows under table_lock + hold */
  uint64_t nonce;
  atomic_bool damaged;          /* a checksum error was seen */

  /* Last one written; commit holder.  Geometry and uuid never change. */
  struct format_super super;
  struct systree space_tree, refs_tree, backed_tree, table_tree;
  uint64_t *durable_bits;       /* the space tree's leaves; commit holder */
  uint64_t *backed_bits;        /* the backed tree's leaves; commit holder */
  uint64_t *backing_bits;       /* backed as of now; space.lock */
  struct format_record *table;  /* the table's leaves; commit holder */
  uint32_t slots;               /* commit holder */
  bool *slot_busy;              /* a volume has this slot; commit holder */
  struct refs_page *refs;       /* commit holder */
  uint64_t allocated;           /* bits in durable_bits; commit holder */
  uint64_t next_id;             /* commit holder */
  char *staging;                /* 1 MiB; commit holder */
  uint64_t nrefs, refs_loaded;
  uint64_t refs_hand;

  struct base_rwlock long_requests;
  struct base_rwlock hole_makers;
  struct base_mutex table_lock;
  struct base_cond drained;     /* a volume's inflight reached 0 */
  struct volume *volumes;       /* all, also orphans; table_lock */
  atomic_uint orphans;          /* how many are being reclaimed */
  atomic_uint imports_left;     /* volumes that are `left` */

  struct base_rwlock publish;
  uint64_t open_gen;            /* publish */
  uint32_t epoch;               /* publish */
  uint32_t frozen_epoch;        /* of the frozen transaction; publish */
  struct base_mutex dirty_lock; /* inside volume->lock */
  struct volume_vector dirty;   /* volumes dirty in open_gen; dirty_lock */
  atomic_bool open_dirty;       /* something joined open_gen */

  struct node_shard cache[NODE_SHARDS];
  struct base_mutex spare_lock; /* inside all others */
  struct node *spare;           /* memory for nodes; spare_lock */
  struct space space;
  struct fill fill;
  struct base_mutex back_lock;
  atomic_bool below_full;       /* the backing has no space left */
  atomic_uint_fast64_t reader_epoch;
  struct reader_shard readers[READER_SHARDS];
  atomic_uint limbo_waiters;

  struct base_mutex gate_lock;  /* inside all others */
  struct base_cond gate_opened;
  unsigned writing;             /* data, to a VDEV_ONE_WRITER; gate_lock */
  atomic_uint committing;       /* transactions and checkpoints under way; 0 is
                                 * reached under gate_lock */

  struct commit commit;
  struct journal journal;
  struct events events;
  struct scrub scrub;
  struct salvage *salvage;      /* repair.h; NULL unless it is repaired */

  struct base_mutex work_lock;  /* pool_work; before table_lock */
  struct base_thread worker;
  bool worker_started;
  struct base_mutex worker_lock;
  struct base_cond worker_wake;
  bool worker_stop, worker_kick;        /* worker_lock */

  struct totals totals;
  atomic_uint_fast64_t n_metadata_bytes, n_checksum_errors;
};

/* ---- small ones ---------------------------------------------------------- */

static inline uint32_t
pool_mix (const struct pool *p, uint64_t place, uint32_t birth)
{
  struct { uint64_t place; uint32_t birth; } __attribute__ ((__packed__)) x
    = { htole64 (place), htole32 (birth) };
  return base_crc32c_more (p->mix_seed, &x, sizeof x);
}

/* Capacity in blocks; only grows. */
static inline uint64_t
pool_blocks (struct pool *p)
{
  return atomic_load_explicit (&p->blocks, memory_order_relaxed);
}

static inline uint64_t
pool_slabs (struct pool *p)
{
  return pool_blocks (p) / p->slab_blocks;      /* a whole number */
}

static inline bool
bit_get (const uint64_t *bits, uint64_t i)
{
  return bits[i / 64] >> (i % 64) & 1;
}

static inline void
bit_set (uint64_t *bits, uint64_t i)
{
  bits[i / 64] |= UINT64_C (1) << (i % 64);
}

static inline void
bit_clear (uint64_t *bits, uint64_t i)
{
  bits[i / 64] &= ~(UINT64_C (1) << (i % 64));
}

/* Logical blocks under one node of LEVEL. */
static inline uint64_t
tree_span (const struct pool *p, unsigned level)
{
  return UINT64_C (1) << (p->fan_shift * (level + 1));
}

static inline int
pool_poisoned (struct pool *p)
{
  return atomic_load (&p->commit.poisoned);
}

/* ---- tree.c: maps in memory ---------------------------------------------- */

/* Where a walk from the root to the leaf of a block ended. */
struct found {
  struct node *leaf;            /* reference, or NULL */
  unsigned hole_level;          /* no leaf: level of the highest missing node */
  struct format_entry miss;     /* -EAGAIN: this node, at miss_level, has to */
  unsigned miss_level;          /* be read first */
};
/* 0 or -EAGAIN.  lock: volume->lock, shared. */
extern int tree_find_locked (struct volume *v, uint64_t block,
                             struct found *found);
/* Read what tree_find_locked missed and keep it in *PIN. */
extern int tree_fetch (struct volume *v, const struct found *found,
                       struct node **pin);

/* Entries of logical blocks [BLOCK, BLOCK + N), as far as one leaf reaches.
 * Stores them in E (NULL: nowhere), which has room for ROOM, or sets *HOLE and
 * stores nothing when a whole subtree is missing.  Returns how many blocks
 * were answered (at most N, and with entries at most ROOM), or -errno.
 * Inside reader_enter.
 */
extern int64_t tree_lookup (struct volume *v, uint64_t block, uint64_t n,
                            struct format_entry *e, uint64_t room, bool *hole);

/* Nodes on the paths to blocks [BLOCK, BLOCK + N): what a request there may
 * dirty, at most.
 */
extern uint64_t tree_path_nodes (const struct pool *p, unsigned levels,
                                 uint64_t block, uint64_t n);

/* Is the block that E names in V surely V's alone? */
static inline bool
tree_exclusive_birth (const struct volume *v, uint32_t birth)
{
  return birth > v->snap_epoch;
}

/* The epoch of node N as V's map sees it; N is clean or frozen. */
extern uint32_t tree_birth (const struct pool *p, const struct node *n);

/* The dirty node of the open transaction at LEVEL above BLOCK, made or
 * copied where needed.  lock: publish shared, volume->lock exclusive.  *RET
 * is borrowed.  -EAGAIN: a clean node on the way left the cache; -ENOMEM.
 * On failure what was made is still there: tree_prune_locked.
 */
extern int tree_dirty_locked (struct volume *v, uint64_t block, unsigned level,
                              struct node **ret);
/* Undo that: remove open nodes above BLOCK that are empty. */
extern void tree_prune_locked (struct volume *v, uint64_t block);
/* Remove the node at LEVEL above BLOCK from the map, and its ancestors as
 * they become empty.  lock: the same.  Its parent is dirty.
 */
extern void tree_detach_locked (struct volume *v, uint64_t block,
                                unsigned level);
/* V joins the open transaction.  -ENOMEM. */
extern int tree_join_locked (struct volume *v);

/* After a commit: put clean nodes where frozen ones were. */
extern void tree_settle (struct volume *v, const struct cut_item *item);
extern void tree_free (struct volume *v);

/* ---- publish.c: changes of maps ------------------------------------------ */

/* New contents of a run of blocks, all published at once. */
struct edit {
  struct volume *v;
  struct handle *h;
  uint64_t block, count;
  /* Types and places; `check` is the plain crc, birth and mix are added. */
  const struct format_entry *e;
  /* Sub-block merges: these blocks must still be mapped as they were. */
  struct { uint64_t block; struct format_entry e; } expect[2];
  unsigned nexpect;
  bool exact;                   /* holds the commit: exclusive by refs too */
  bool changed;                 /* unmap: there was something */
  struct charge *charge;
  uint64_t offset, length;      /* bytes, for the watch */
  uint64_t txn;                 /* out: transaction of the journal */
  struct journal_room room;     /* taken for what is published */
};

/* What an edit would take, seen from the map as it is. */
struct survey {
  uint64_t data;                /* data blocks it brings */
  uint64_t growth;              /* ... where nothing exclusive is replaced */
  uint64_t missing;             /* nodes to make */
  bool changed;                 /* an expectation failed */
};
/* For admission.  Inside reader_enter. */
extern int publish_survey (struct edit *edit, struct survey *survey);
/* 0; -EAGAIN an expectation failed, look at the map again; -ENOSPC the charge
 * no longer covers it, admit again; -errno.  On failure nothing has changed.
 * On success the charge is used up.
 */
extern int publish_edit (struct edit *edit);
/* The places of C belong to a map now. */
extern void publish_settle_charge (struct pool *p, struct charge *c);

/* Blocks [BLOCK, BLOCK + N) become holes: at most UNMAP_LEAVES leaves.  C is
 * charged for the dirty nodes and used up in any case.  *TXN = 0 if there
 * was nothing to do.
 */
extern int publish_unmap (struct volume *v, struct handle *h, uint64_t block,
                          uint64_t n, struct charge *c, uint64_t *txn);
#define UNMAP_LEAVES 64

/* ---- walk.c: whole maps, with the commit held ---------------------------- */

/* Make V's map end before block END; LAST, if not NULL, becomes the entry of
 * block END - 1 (type and place; `check` is the plain crc).  V's map is clean
 * but for this, publish is held exclusively, the commit too.  -EAGAIN: a node
 * has to be read first (walk_prepare).
 */
extern int walk_truncate (struct volume *v, uint64_t end,
                          const struct format_entry *last);
/* Read the nodes on the path to BLOCK. */
extern int walk_prepare (struct volume *v, uint64_t block);
/* Data blocks and nodes of V's clean map at or after block FIRST. */
extern int walk_count (struct volume *v, uint64_t first, uint64_t *mapped,
                       uint64_t *nodes);
/* Blocks only V holds, nodes included. */
extern int walk_exclusive (struct volume *v, uint64_t *blocks);

/* ---- space.c, places.c, backing.c ---------------------------------------- */

extern void space_init (struct pool *p);
extern void space_limits (struct pool *p);
extern void space_free (struct pool *p);
/* Blocks that growth can never have, while SLABS are backed. */
extern uint64_t space_reserve_locked (struct pool *p, uint64_t slabs);
extern uint64_t space_floor_locked (struct pool *p);
extern int64_t space_available_locked (struct pool *p);
/* Admit a request: C->data, growth, nodes and dirty are set.  Waits for
 * commits where that helps.  ENOSPC, EIO (poisoned), ESHUTDOWN (H kicked).
 * NOWAIT: the caller holds the commit; -EAGAIN instead of waiting.
 */
extern int space_admit (struct pool *p, struct charge *c, struct handle *h,
                        bool nowait);
/* One round of waiting after -EAGAIN: for a commit, for others in flight, or
 * for readers.  -ENOSPC if nothing can come.
 */
extern int space_wait (struct pool *p);
/* Poison, or a handle was shut: all that wait for space look. */
extern void space_wake_all (struct pool *p);
/* Set GROWTH aside, or -ENOSPC. */
extern int space_set_aside (struct pool *p, uint64_t growth,
                            struct credit *credit);
extern void space_return_credit (struct pool *p, struct credit *credit);
/* Free blocks are few and slabs could be backed. */
extern bool space_low_locked (struct pool *p, uint64_t capital);
/* Free blocks that are worth keeping backed. */
extern uint64_t space_capital_locked (struct pool *p);
/* Give back what a request holds and did not publish. */
extern void space_release (struct pool *p, struct charge *c);
/* Make room for growth: back slabs, commit, reclaim.  0 if it is worth
 * trying again, 1 if there was room already, -ENOSPC if not.
 */
extern int space_make_room (struct pool *p, uint64_t wanted);

extern int places_init (struct pool *p);
extern int places_resize (struct pool *p, uint64_t old_blocks);
extern void places_free (struct pool *p);
/* A slab enters or leaves what may be allocated.  FRESH: it was not backed
 * before, nothing but fixed blocks is allocated in it.
 */
extern void places_add_slab_locked (struct pool *p, uint64_t slab, bool fresh);
extern void places_remove_slab_locked (struct pool *p, uint64_t slab);
/* N places, next fit from the cursor; there are that many free ones. */
extern int places_take_locked (struct pool *p, uint64_t n,
                               struct extent_vector *out);
extern void places_give_locked (struct pool *p, uint64_t place);
/* Take PLACE, which is free. */
extern void places_claim_locked (struct pool *p, uint64_t place);
/* Let go of PLACE: free once no reader can hold it.  It is counted in
 * `pending` already.
 */
extern void limbo_add_locked (struct pool *p, uint64_t place,
                              enum limbo_kind kind);
extern void limbo_drain_locked (struct pool *p);
extern struct reader reader_enter (struct pool *p);
extern void reader_exit (struct pool *p, struct reader r);

extern int backing_sync (struct pool *p);       /* vdev_flush */
/* Back more slabs until WANTED more blocks are free or none is left.
 * -ENOSPC if not one could be had.
 */
extern int backing_grow (struct pool *p, uint64_t wanted);
extern int backing_ahead (struct pool *p);
/* Back the slabs that the reserve needs. */
extern int backing_reserve (struct pool *p);
/* Punch slabs that are wholly free: 1 = did some, 0 = none. */
extern int backing_punch (struct pool *p);

/* ---- commit.c, diff.c, super.c, reap.c ----------------------------------- */

/* Make generation GEN durable. */
extern int commit_to (struct pool *p, uint64_t gen);
/* The generation that has everything published so far. */
extern uint64_t commit_target (struct pool *p);
/* Keep others from committing; the holder may run commits. */
extern int commit_hold (struct pool *p);
/* The same, and what was published before is in the trees. */
extern int commit_hold_clean (struct pool *p);
extern void commit_release (struct pool *p);
/* Run one commit; the caller holds it.  CHANGE may be NULL. */
extern int commit_run (struct pool *p, struct change *change, bool reap);
/* The same, and nothing that its trees name is reused until *READER, which is
 * entered, exits.
 */
extern int commit_run_pinned (struct pool *p, struct reader *reader);
extern int commit_poison (struct pool *p, int err, const char *what);

/* For diff.c and systree.c: places for nodes, and letting go of blocks. */
extern int cut_take_place (struct pool *p, struct cut *cut, uint64_t *place);
extern int cut_free_moved (struct pool *p, struct cut *cut, uint64_t place);
extern int cut_free_dropped (struct pool *p, struct cut *cut, uint64_t place,
                             bool node);
extern int cut_free_released (struct pool *p, uint64_t place);
extern int cut_mapped (struct cut *cut, uint64_t place);
extern int cut_allocated (struct pool *p, uint64_t place);
/* Queue W; what W owns goes over also on failure.  Now and then the queue is
 * written out, so that it does not hold all pages of a large commit at once.
 */
extern int cut_queue (struct pool *p, struct cut *cut, struct cut_write w);

extern int diff_item (struct pool *p, struct cut *cut, struct cut_item *item);
extern int diff_drop (struct pool *p, struct cut *cut,
                      const struct format_entry *e, unsigned level,
                      uint32_t snap_epoch, const char *who);

extern int super_find (struct vdev *backing, struct format_super *s,
                       unsigned *bad);
/* The same, whatever the markers say. */
extern int super_newest (struct vdev *backing, struct format_super *s,
                         unsigned *bad);
extern int super_geometry (struct vdev *backing, const struct format_super *s);
/* Newest generation that a marker of S's pool names; 0 = none. */
extern int super_newest_marker (struct vdev *backing,
                                const struct format_super *s,
                                uint64_t *generation);
extern int super_write_copies (struct pool *p, const struct format_super *s);
/* S, sealed, as the copy at OFFSET. */
extern int super_write_at (struct pool *p, const struct format_super *s,
                           uint64_t offset);
extern int diff_drop_data (struct pool *p, struct cut *cut,
                           const struct format_entry *e, uint32_t snap_epoch);

extern int super_marker (struct pool *p, uint64_t generation);
extern int super_owner (struct pool *p, bool clear);

extern int reap_step (struct pool *p, struct cut *cut);

/* ---- table.c: volumes in memory ------------------------------------------ */

extern bool volume_is_named (const struct volume *v);
extern struct volume *volume_find_locked (struct pool *p, const char *name);
extern struct volume *volume_taken_locked (struct pool *p, const char *name);
extern struct volume *volume_by_id_locked (struct pool *p, uint64_t id);
extern struct volume *volume_new (struct pool *p);
extern void volume_ref (struct volume *v);
extern void volume_unref (struct volume *v);
extern int volume_label (struct volume *v);
/* NULL = out of memory; freed by free or taken over by volume_set_label. */
extern struct label *volume_make_label (const char *fs, ...)
  BASE_PRINTF (1, 2);
extern void volume_set_label (struct volume *v, struct label *l);
/* A free slot; may grow the table (commit held). */
extern int table_slot (struct pool *p, uint32_t *slot);
extern int table_load (struct pool *p);
/* Put V's record into its slot; commit held. */
extern void table_store (struct pool *p, const struct volume *v);
extern void table_clear (struct pool *p, uint32_t slot);
extern int table_fill (struct systree *t, uint64_t i, void *buf);
extern int table_leaf (struct systree *t, uint64_t i, const void *buf);
/* V joins or leaves the list of volumes. */
extern void volume_link_locked (struct pool *p, struct volume *v);
extern void volume_unlink_locked (struct pool *p, struct volume *v);
/* `shared` of V changes to N, in V and in the pool's sum. */
extern void volume_set_shared (struct volume *v, uint64_t n);

/* ---- io.c ---------------------------------------------------------------- */

extern int io_open (struct pool *p, struct volume *v, bool readonly,
                    const char *client, struct handle **ret);
/* The hidden handle of an import, which may be resized. */
extern int io_open_import (struct pool *p, struct volume *v,
                           struct handle **ret);
/* End V's connections and wait until no request is inside.  table_lock
 * held, the commit not.
 */
extern void io_drain_locked (struct volume *v);

/* ---- pool.c -------------------------------------------------------------- */

extern struct pool *pool_alloc (const struct pool_options *options);
extern void pool_free (struct pool *p);
/* Everything whose size follows from the geometry in p->super. */
extern int pool_set_up (struct pool *p);
/* One more generation that says the pool was closed cleanly. */
extern int pool_close_clean (struct pool *p);
/* What the ring had goes into the trees. */
extern int pool_checkpoint_replayed (struct pool *p);
/* The same state as the next generation, of this run. */
extern int pool_write_next (struct pool *p);
/* There is background work. */
extern void pool_wake (struct pool *p);
/* One import that is `left` becomes an orphan. */
extern int import_drop_left (struct pool *p);
/* Orphans are gone: collect, lower snap_epochs. */
extern int manage_after_reclaim (struct pool *p);

/* check.c of this room */
#include "check.h"

#endif /* NBDVOL_POOL_INTERNAL_H */
