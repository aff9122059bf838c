/* SPDX-License-Identifier: BSD-3-Clause
 *
 * crash-world: one engine on one simulated disk, and the oracle beside it.
 *
 * A world opens a pool on an image, performs operations on it, and compares
 * what it sees with the oracle all the time.  Operations are plain values
 * (struct crash_op), made at random from what exists (crash-op.c) or given;
 * each is performed and judged by crash_do (crash-do.c, crash-verbs.c).  The
 * first thing that is not as it must be is kept as text in `failure`, and
 * from then on nothing more is done.
 *
 * An actor is somebody who has handles open: a client.  One world has
 * several when several simulated threads use it.  Rules that keep the
 * oracle exact then: each thread makes, renames, removes, resizes and rolls
 * back only names of its own; it reads, writes and snapshots everything.
 *
 * The layers below the pool: recorder (the log of all writes and flushes),
 * image device, image.
 */

#ifndef NBDVOL_CRASH_WORLD_H
#define NBDVOL_CRASH_WORLD_H

#include "crash-engine.h"
#include "crash-image.h"
#include "oracle.h"

#define CRASH_HANDLES 24

struct disk;

struct crash_op {
  uint8_t kind;                 /* enum crash_kind */
  uint8_t vol, snap;            /* v<vol>, v<vol>@s<snap> */
  uint8_t to_vol, to_snap;
  bool on_snapshot;             /* names v<vol>@s<snap>, not v<vol> */
  bool pool_wide;               /* flush, work: of the pool, not a handle */
  uint8_t steps;                /* work: how often; import: writes; remove,
                                 * rollback, resize: 1 = first try with a
                                 * handle open */
  unsigned flags;               /* enum pool_verb_flag, or vdev flags */
  uint64_t off, len;            /* bytes; len also: a new size */
  uint64_t stamp;               /* what is written */
};

/* What was done and where in the log. */
struct crash_span {
  struct crash_op op;
  unsigned actor;
  uint64_t start, end;          /* positions; end 0: not yet */
  uint64_t change;              /* its last change, 0 = none */
  int result;
};

struct crash_handle {
  uint64_t key;                 /* 0 = unused */
  struct vdev *d;
};

struct crash_actor {
  struct crash_world *w;
  struct crash_actor *next;
  unsigned number;
  struct crash_handle handle[CRASH_HANDLES];
  /* The operation in flight, for the oracle. */
  const struct crash_op *op;
  uint64_t key;                 /* volume it changes */
  const uint8_t *buf;           /* written bytes, NULL = zeroes */
  uint64_t off, len;
  uint64_t published;           /* bytes so far */
  uint64_t change;              /* last change it made */
  unsigned calls;               /* of the hook */
  bool verb, applied;
  /* A read in flight: what the volume has been meanwhile. */
  uint64_t reading;             /* key, 0 = none */
  struct oracle_data **version;
  size_t nversions, cap_versions;
};

struct crash_world {
  const struct crash_engine *e;
  struct image *image;          /* what the page cache shows; borrowed */
  struct disk *spare;           /* holds the two devices */
  struct vdev *disk;            /* device on the image */
  struct vdev *log;             /* recorder on the disk; what the pool gets */
  struct pool *pool;            /* NULL = not open */
  uint32_t block;
  size_t cache_size;            /* of the pool's option; bytes */
  uint64_t grow_limit;          /* the pool never gets larger; bytes */
  uint64_t largest_volume;      /* of random operations, in blocks */
  uint64_t largest_write;
  bool concurrent;              /* several actors */
  bool journal;                 /* the pool has one */
  bool drop_flush;              /* flushes do not reach the log */
  bool fault_device;            /* a faulty device stands above the log, */
  struct vdev *fault;           /* this one; borrowed from the pool */
  bool with_faults;             /* something may fail now */
  bool repair_first;            /* before it is opened, `check --repair` */
  bool keep_spans;
  bool verbose;                 /* print each operation */
  struct crash_actor *actors;   /* list */

  struct oracle_state *live;
  struct oracle_timeline timeline;
  uint64_t changes;             /* made so far */
  uint64_t acked;               /* changes of answered requests */
  uint64_t next_key;
  bool opening;                 /* cuts keep the state they find */
  bool poisoned;                /* a flush was made to fail: requests and
                                 * verbs may fail, too */
  bool half_done;               /* one failed and left a trace: only right if
                                 * the pool is poisoned */

  bool import_left;             /* a fault kept an import from being dropped:
                                 * its name may stay taken */
  uint64_t steps, refused;      /* operations; ENOSPC */

  struct crash_span *span;
  size_t nspans, cap_spans;

  bool failed;
  char failure[1024];
};

/* ---- names and random operations (crash-op.c) -------------------------- */

extern void crash_volume_name (char *name, unsigned vol);
extern void crash_snapshot_name (char *name, unsigned vol, unsigned snap);
/* One line for people. */
extern void crash_op_text (const struct crash_op *op, char *text, size_t size);

/* How often each kind comes. */
struct crash_mix { uint16_t weight[CRASH_KINDS]; };
extern const struct crash_mix crash_mix_plain;  /* mostly writes */
extern const struct crash_mix crash_mix_full;   /* fills the pool */
extern const struct crash_mix crash_mix_verbs;
extern const struct crash_mix crash_mix_data;   /* no verbs at all */
extern const struct crash_mix crash_mix_writes; /* nothing that commits */

/* An operation of KIND that makes sense now; false if there is none. */
extern bool crash_op_make (struct crash_actor *a, enum crash_kind kind,
                           struct base_rng *rng, struct crash_op *op);
extern void crash_op_random (struct crash_actor *a,
                             const struct crash_mix *mix,
                             struct base_rng *rng, struct crash_op *op);
/* The bytes that STAMP writes. */
extern void crash_fill (uint8_t *buf, size_t len, uint64_t off,
                        uint64_t stamp);

/* ---- life (crash-world.c) ---------------------------------------------- */

/* Everything below returns false if the world has failed.
 *
 * A world on IMAGE, which stays with the caller and is changed.  RECORD:
 * keep a log.
 */
extern void crash_world_init (struct crash_world *w,
                              const struct crash_engine *e,
                              struct image *image, bool record);
extern void crash_world_fini (struct crash_world *w);
extern bool crash_fail (struct crash_world *w, const char *fs, ...)
  BASE_PRINTF (2, 3);

/* Make a pool and open it. */
extern bool crash_world_format (struct crash_world *w,
                                const struct pool_format_options *o);
/* Open what is there; it must equal one of the cuts [first, end) of FROM.  If
 * repair_first, repair has to end well before, and to lose nothing.
 */
extern bool crash_world_open (struct crash_world *w,
                              const struct oracle_timeline *from,
                              size_t first, size_t end);
/* Put a span around what crash_world_open did, as if OP had done it. */
extern void crash_world_span (struct crash_world *w, enum crash_kind kind);
/* The process dies; the page cache stays; it starts again. */
extern bool crash_world_restart (struct crash_world *w, struct crash_actor *a);
/* Clean close, and open again. */
extern bool crash_world_reopen (struct crash_world *w, struct crash_actor *a);
/* Close, for good. */
extern bool crash_world_close (struct crash_world *w);

/* All volumes against the live oracle; single-threaded. */
extern bool crash_world_compare (struct crash_world *w);
/* pool_check must be clean.  DATA: also every block's checksum. */
extern bool crash_world_check (struct crash_world *w, bool data);
/* From now on the kernel's random numbers and the clock are what SEED says
 * (crash-random.c): the same history gives the same bytes.
 */
extern void crash_determine (uint64_t seed);
/* Position in the log. */
extern uint64_t crash_world_position (struct crash_world *w);

extern void crash_actor_init (struct crash_actor *a, struct crash_world *w,
                              unsigned number);
extern void crash_actor_fini (struct crash_actor *a);
/* The handle on the volume KEY, opened if needed; NULL = failed. */
extern struct vdev *crash_actor_handle (struct crash_actor *a, uint64_t key);
/* Close the handle on KEY, if any; 0 = all. */
extern void crash_actor_close (struct crash_actor *a, uint64_t key);

/* ---- doing (crash-do.c, crash-verbs.c) --------------------------------- */

/* Perform OP and judge it. */
extern bool crash_do (struct crash_actor *a, const struct crash_op *op);

/* Between these two the calling thread's changes belong to A's operation. */
extern void crash_begin (struct crash_actor *a, const struct crash_op *op,
                         uint64_t key, const uint8_t *buf, uint64_t off,
                         uint64_t len);
extern void crash_end (struct crash_actor *a);
/* May an answer be R, because of a fault that was planted? */
extern bool crash_fault_answer (struct crash_actor *a, int r, bool trace);
/* Keep what the volume that A reads holds now. */
extern void crash_actor_version (struct crash_actor *a);
/* A verb takes effect; called by the hook. */
extern void crash_apply_verb (struct crash_actor *a);
extern bool crash_do_verb (struct crash_actor *a, const struct crash_op *op);
/* The last change of A is durable from now on. */
extern void crash_promise (struct crash_world *w, uint64_t change);

#endif /* NBDVOL_CRASH_WORLD_H */
