/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool: a copy-on-write volume manager on one backing device.
 *
 * A pool holds thin volumes, immutable snapshots and writable clones in one
 * vdev.  Live blocks are never overwritten: a write goes to a fresh place
 * and is then published in the volume's map.  A flush writes what was
 * published to the journal; a checkpoint, later, the changed parts of all maps,
 * and flips the superblock.  After a crash the pool is exactly as at the end
 * of some transaction, not older than the last acknowledged flush.
 * A request that does not fit is refused whole, with ENOSPC, before anything
 * changes.  docs/pool-format.md tells the format, common/pool/format.h is
 * its C form.
 *
 * Names: a volume is VOLUME, a snapshot is VOLUME@SNAP; both parts are 1 to
 * 200 bytes of A-Z a-z 0-9 . _ + - starting with a letter or digit, without
 * "..".  Functions that take a NAME accept both forms unless they say
 * VOLUME.
 *
 * Threads: every function may be called from any thread at any time between
 * pool_open and pool_close, unless it says otherwise.  Done means durable:
 * a verb returns 0 after its checkpoint.
 *
 * Results: 0 or -errno with base_error_text (): EINVAL malformed name or
 * size, ENOENT no such volume, EEXIST, EBUSY volume has connections or pool
 * is owned by another process, ENOSPC, EROFS snapshot or read-only pool,
 * EBADMSG damaged (checksum or format), EIO (also: poisoned after a failed
 * flush), ENOMEM, EOPNOTSUPP newer version or unknown feature.
 */

#ifndef NBDVOL_POOL_H
#define NBDVOL_POOL_H

#include "vdev.h"

struct pool;

#define POOL_NAME_MAX (200 + 1 + 200)   /* longest NAME, without the NUL */

/* Longest request, bytes, and what clients are told to keep to.  One that is
 * longer than 1/64 of the pool (or 32 MiB) is written in pieces; it is
 * admitted or refused as a whole all the same.
 */
#define POOL_MAXIMUM (UINT32_C (64) << 20)
#define POOL_ADVISED_MAXIMUM (UINT32_C (32) << 20)

/* ---- making and opening -------------------------------------------------- */

struct pool_format_options {
  uint32_t block_size;          /* 4K..64K, power of two; 0 = 4K */
  uint64_t capacity;            /* bytes; 0 = the size of the backing; a
                                 * backing that is smaller is grown */
  uint32_t slab_size;           /* bytes; 0 = 4 MiB, less in tiny pools */
  uint64_t journal_size;        /* bytes; 0 = by capacity */
  bool force;                   /* overwrite a backing that is neither empty
                                 * nor a pool; else EEXIST */
};

/* What pool_probe finds on a backing. */
enum pool_probe_result {
  POOL_PROBE_EMPTY,             /* size 0, or all that is allocated reads
                                 * zero; without extents (a device): its first
                                 * and last MiB read zero */
  POOL_PROBE_POOL,
  POOL_PROBE_FOREIGN,           /* something else */
};
extern int pool_probe (struct vdev *backing, enum pool_probe_result *result);

/* Bytes of capacity with which one volume of SIZE bytes fits in full, with
 * room for metadata and reserves.
 */
extern uint64_t pool_capacity_for (uint64_t size, uint32_t block_size);

/* Makes an empty pool.  BACKING stays with the caller.  EEXIST if it holds
 * a pool or, without force, anything else.
 */
extern int pool_format (struct vdev *backing,
                        const struct pool_format_options *options);

enum pool_event_kind {
  POOL_EVENT_OPENED, POOL_EVENT_FULL, POOL_EVENT_NOT_FULL, POOL_EVENT_CHECKSUM,
  POOL_EVENT_BACKING, POOL_EVENT_POISONED, POOL_EVENT_CLOSED,
  POOL_EVENT_REPAIRED, POOL_EVENT_WARNING,
  POOL_EVENT_FILLING,           /* a threshold of fill is reached */
  POOL_EVENT_NOT_FILLING,       /* and no longer */
};

struct pool_event {
  uint64_t number;              /* 1, 2, ... */
  int64_t time;                 /* seconds, UTC */
  enum pool_event_kind kind;
  char volume[POOL_NAME_MAX + 1];       /* "" = the pool */
  char text[512];               /* WHAT: WHY; WHAT TO DO */
  unsigned percent;             /* threshold of FILLING, NOT_FILLING; else 0 */
};

/* Thresholds of fill, in percent, ascending: 80, 90, 95, 99.  One is reached,
 * with one event and counted once, when pool_info.percent gets there, or when
 * the pool is opened there; and again only after it has been 2 points or more
 * below, which is an event too.  Of several in one step the highest reached,
 * or the lowest left, is the event.
 */
#define POOL_FILL_THRESHOLDS 4
extern const unsigned pool_fill_thresholds[POOL_FILL_THRESHOLDS];

/* Test hooks; both NULL in production.  Called at the point where an
 * operation takes effect, with the pool's locks held: they must not call
 * back.
 */
struct pool_watch {
  /* Bytes of VOLUME_ID changed by the calling thread's current request. */
  void (*published) (void *opaque, uint64_t volume_id, uint64_t offset,
                     uint64_t length);
  /* What TRANSACTION and those before it hold is everything published so far,
   * and nothing later.
   */
  void (*cut) (void *opaque, uint64_t transaction);
  void *opaque;
};

struct pool_options {
  bool readonly;                /* nothing is written, shared lock below */
  bool discard_never;           /* default: free slabs are punched */
  size_t cache_size;            /* bytes of map nodes kept; 0 = 64 MiB */
  uint64_t commit_interval_ms;  /* background commit of unflushed data;
                                 * 0 = 5000 */
  const char *name;             /* for messages; copied; NULL = "pool" */
  const char *control_socket;   /* for the owner record; copied; NULL = none */
  /* Called for each event, from any thread; must not call back. */
  void (*event) (void *opaque, const struct pool_event *event);
  void *event_opaque;
  struct pool_watch watch;
};

/* Opens a pool.  Owns BACKING on success.  Makes no thread.  Recovers: the
 * superblock that was opened is made durable again in all copies before this
 * returns, unless readonly.  OPTIONS may be NULL.
 */
extern int pool_open (struct vdev *backing, const struct pool_options *options,
                      struct pool **ret);

/* Starts the background thread (reclaim, timed commits, discard).  Without
 * it the caller may do the same by pool_work.
 */
extern int pool_start (struct pool *p);

/* One bounded step of background work.  1 = there is more, 0 = none, or
 * -errno.
 */
extern int pool_work (struct pool *p);

/* Sets the path that the owner record names (the server learns its control
 * socket's path only from the uuid).
 */
extern int pool_set_control_socket (struct pool *p, const char *path);

/* Commits, marks the pool clean, closes.  All volume handles must be gone.
 * Frees P in any case; returns the result of the last commit.
 */
extern int pool_close (struct pool *p);

/* Frees P and closes the backing without writing anything: what a crash
 * does.  For tests and for error paths.
 */
extern void pool_abandon (struct pool *p);

/* ---- volumes as devices -------------------------------------------------- */

/* A handle on a volume or snapshot (read-only).  READONLY makes writes
 * EROFS.  CLIENT (copied, may be NULL) names the connection in messages.
 * The device has align 1, FUA, trim that zeroes, fast zero, extents,
 * multi-conn.  The handle keeps its size; a resize shows in the next one.
 */
extern int pool_volume_open (struct pool *p, const char *name, bool readonly,
                             const char *client, struct vdev **ret);

/* ---- verbs --------------------------------------------------------------- */

/* 0 if TEXT is a well-formed NAME (WANT_SNAPSHOT: 0 VOLUME only, 1
 * VOLUME@SNAP only, 2 both), else -EINVAL with a message.
 */
extern int pool_check_name (const char *text, int want_snapshot);

enum pool_verb_flag {
  POOL_EXIST_OK = 1 << 0,       /* create, snapshot, clone: existing is fine */
  POOL_FORCE    = 1 << 1,       /* end connections first */
  POOL_SHRINK   = 1 << 2,       /* resize: allowed to get smaller; data past
                                 * the new end is lost */
  POOL_RECURSIVE = 1 << 3,      /* remove: snapshots too */
  POOL_MISSING_OK = 1 << 4,     /* remove: missing is fine */
};

/* SIZE 1 byte to 4 PiB. */
extern int pool_create (struct pool *p, const char *volume, uint64_t size,
                        unsigned flags);
/* Several snapshots are one atomic group: all in one commit, none between
 * writes that another sees.
 */
extern int pool_snapshot (struct pool *p, const char *const *names,
                          size_t nnames, unsigned flags);
extern int pool_clone (struct pool *p, const char *name, const char *volume,
                       unsigned flags);
/* VOLUME becomes what SNAPSHOT (VOLUME@SNAP) holds, its size too.  Newer
 * snapshots stay.  EBUSY with connections, unless POOL_FORCE.
 */
extern int pool_rollback (struct pool *p, const char *snapshot,
                          unsigned flags);
extern int pool_resize (struct pool *p, const char *volume, uint64_t size,
                        unsigned flags);
/* VOLUME -> VOLUME (its snapshots follow) or VOLUME@SNAP -> the same
 * VOLUME@SNAP2.
 */
extern int pool_rename (struct pool *p, const char *name,
                        const char *new_name);
/* The name is free when this returns; space comes back by pool_work. */
extern int pool_remove (struct pool *p, const char *name, unsigned flags);
/* Takes in a backing that has grown, or grows it.  CAPACITY 0 = the size of
 * the backing.  Never smaller (EINVAL).
 */
extern int pool_grow (struct pool *p, uint64_t capacity);
/* Everything that was done is durable. */
extern int pool_flush (struct pool *p);
/* The same, and it stands in the trees: nothing would be replayed.  Costs two
 * flushes of the backing and a write for each node that changed.
 */
extern int pool_checkpoint (struct pool *p);
/* pool_work until nothing is left to reclaim. */
extern int pool_reclaim (struct pool *p);

/* An import under way: a volume that nobody sees.  The handle is written
 * to, then either published under its name (one commit) or dropped.  A crash
 * drops it.
 */
struct pool_import;
extern int pool_import_begin (struct pool *p, const char *volume,
                              uint64_t size, struct pool_import **ret);
extern struct vdev *pool_import_vdev (struct pool_import *i);  /* borrowed */
extern int pool_import_commit (struct pool_import *i);         /* frees I */
extern void pool_import_drop (struct pool_import *i);          /* frees I */

/* ---- facts --------------------------------------------------------------- */

struct pool_volume_info {
  char name[POOL_NAME_MAX + 1];
  bool snapshot;
  bool readonly;                /* by itself, however the pool is open */
  uint64_t id;
  uint64_t size;                /* bytes */
  uint64_t used;                /* bytes of data mapped */
  uint64_t exclusive;           /* bytes that only it holds; UINT64_MAX unless
                                 * asked for */
  char origin[POOL_NAME_MAX + 1];       /* clone: made from; "" none */
  int64_t created;
  unsigned connections;         /* open handles */
};

/* Calls FN for all volumes and snapshots, sorted by name, a volume before
 * its snapshots.  The list is taken at one moment.  EXCLUSIVE: also compute
 * that column (reads maps; slow on large pools).  FN returning non-zero
 * stops; that value is returned.
 */
extern int pool_list (struct pool *p, bool exclusive,
                      int (*fn) (void *opaque,
                                 const struct pool_volume_info *info),
                      void *opaque);
/* One of them.  ENOENT. */
extern int pool_volume_info (struct pool *p, const char *name, bool exclusive,
                             struct pool_volume_info *info);

enum pool_scrub_state {
  POOL_SCRUB_NONE,              /* none since the pool was opened */
  POOL_SCRUB_RUNNING, POOL_SCRUB_DONE, POOL_SCRUB_STOPPED, POOL_SCRUB_FAILED,
};

/* A scrub that runs, or the last one. */
struct pool_scrub_info {
  enum pool_scrub_state state;
  int64_t started, ended;       /* seconds, UTC; 0 = not yet */
  uint64_t rate;                /* bytes a second, at most */
  uint64_t done, total;         /* bytes: verified, and to be verified as far
                                 * as is known */
  uint64_t found, repaired;     /* damaged blocks, and how many of them are
                                 * well again */
};

/* What requests to one volume or snapshot did since the pool was opened.  They
 * go with the volume: a rename and a rollback keep them, a clone begins at 0,
 * and so does a new volume of an old name.  Imports count as writes.  Requests
 * that were refused because the connection had been ended are not counted;
 * one that is longer than POOL_MAXIMUM counts as several.
 *
 * Latency is from the request's arrival in the engine to its answer, failed
 * ones included, by the monotonic clock.  latency[X][0] counts requests that
 * took less than 1 us; [i] those of at least 2^(i-1) and less than 2^i us; the
 * last one those of 2^24 us (16.8 s) and more.
 */
#define POOL_LATENCY_BUCKETS 26
enum pool_latency {
  POOL_LATENCY_READ, POOL_LATENCY_WRITE, POOL_LATENCY_FLUSH,
};
#define POOL_LATENCIES 3

struct pool_counters {
  uint64_t reads, writes, flushes;      /* the sums of their buckets */
  uint64_t trims, zeroes;
  uint64_t bytes_read, bytes_written;   /* of those that succeeded */
  uint64_t errors;              /* requests of any kind that failed */
  uint64_t latency[POOL_LATENCIES][POOL_LATENCY_BUCKETS];
};
/* ENOENT. */
extern int pool_volume_counters (struct pool *p, const char *name,
                                 struct pool_counters *counters);
/* Microseconds in less than which PER_MILLE / 1000 of the requests in BUCKETS
 * were answered, rounded up to the end of a bucket.  0 = there were none,
 * UINT64_MAX = it ends in the last bucket.
 */
extern uint64_t pool_latency_bound
  (const uint64_t buckets[POOL_LATENCY_BUCKETS], unsigned per_mille);

enum pool_state { POOL_OK, POOL_FULL, POOL_DAMAGED, POOL_POISONED };

struct pool_info {
  char name[256];
  uint8_t uuid[16];
  enum pool_state state;
  bool readonly;
  uint32_t version;
  uint32_t block_size;
  uint64_t capacity;            /* bytes, as made or grown */
  uint64_t used;                /* bytes of all allocated blocks */
  uint64_t available;           /* bytes of new data that a volume without
                                 * snapshots could still write */
  uint64_t usable;              /* what available is when nothing was written:
                                 * the capacity less what is fixed, the pool's
                                 * own trees and the reserve */
  unsigned percent;             /* of usable that is not available, rounded
                                 * down; without what a long request under way
                                 * has set aside */
  unsigned threshold;           /* the highest one reached; 0 none */
  uint64_t crossed[POOL_FILL_THRESHOLDS];       /* times, since opening */
  uint64_t reserved;            /* bytes held back for metadata and reuse */
  uint64_t backed;              /* bytes really allocated below */
  uint64_t reclaiming;          /* bytes that removed volumes mapped which are
                                 * not reclaimed to the end yet; what others
                                 * share does not come back */
  uint64_t generation;          /* of the trees */
  uint64_t transaction;         /* of the journal: the last durable one */
  uint32_t epoch;
  int64_t created;
  unsigned volumes, snapshots;
  uint64_t maximum;             /* longest request to ask of clients, bytes */
  char owner[512];              /* host, pid, socket; "" none */
  char last_error[512];         /* "" none */
  int64_t last_error_time;
  /* Counters since opening.  Requests: of all volumes, also of those that
   * were removed.
   */
  uint64_t reads, writes, trims, zeroes, flushes, bytes_read, bytes_written,
    errors;
  uint64_t commits;             /* transactions of the journal made durable,
                                 * by itself or by a checkpoint */
  uint64_t checkpoints, syncs;  /* syncs: flushes of the backing */
  uint64_t metadata_bytes, space_waits, checksum_errors;
  struct pool_scrub_info scrub;
};
extern void pool_get_info (struct pool *p, struct pool_info *info);

/* Up to the last 100 events with a number above AFTER, oldest first.
 * Returns how many were stored in EVENTS (room for MAX).
 */
extern size_t pool_events (struct pool *p, uint64_t after,
                           struct pool_event *events, size_t max);
/* Waits up to MS milliseconds for an event with a number above AFTER. */
extern bool pool_events_wait (struct pool *p, uint64_t after, uint64_t ms);

/* Reads the owner record of a backing that somebody else may have open.
 * ENOENT if there is none.
 */
struct pool_owner {
  char host[128], socket[256];
  int64_t pid, started;
};
extern int pool_read_owner (struct vdev *backing, struct pool_owner *owner);

/* ---- check --------------------------------------------------------------- */

struct pool_check_problem {
  bool leak;                    /* harmless: allocated but not reachable */
  char text[512];               /* object: what is wrong */
};
struct pool_check_options {
  bool data;                    /* also verify every data block's check */
  /* Called for each problem. */
  void (*problem) (void *opaque, const struct pool_check_problem *problem);
  /* Called now and then: DONE of TOTAL allocated blocks seen.  Non-zero
   * stops the check with ECANCELED.
   */
  int (*progress) (void *opaque, uint64_t done, uint64_t total);
  void *opaque;
};
struct pool_check_result {
  uint64_t errors, leaks;       /* problems found; leaked blocks */
  uint64_t blocks, nodes, data; /* blocks reachable, of which ... */
  unsigned volumes, snapshots;
};
/* The invariants of docs/pool-format.md on the last durable commit, read
 * from the backing; works on a pool that is in use (reuse of freed blocks
 * is held back while it runs).  0 = it ran to the end; see RESULT.
 */
extern int pool_check (struct pool *p, const struct pool_check_options *options,
                       struct pool_check_result *result);

/* ---- scrub --------------------------------------------------------------- */

/* One range that is not what it has to be. */
struct pool_scrub_damage {
  const char *volume;           /* "" = the pool's own */
  const char *what;             /* data, map node, space tree, ... */
  const char *why;              /* checksum error, cannot be read, ... */
  uint64_t offset, length;      /* bytes of the volume that it costs; 0, 0 if
                                 * VOLUME is "" */
  uint64_t block;               /* of the pool; of several the first */
  bool repaired;                /* it costs nothing any more */
};

/* Bytes a second unless one says otherwise.  A quarter or less of what one
 * plain disk reads, so that clients of it go on at three quarters of theirs;
 * a night is enough for 1 TiB.
 */
#define POOL_SCRUB_RATE (UINT64_C (32) << 20)

struct pool_scrub_options {
  uint64_t rate;                /* bytes a second; 0 = POOL_SCRUB_RATE */
  /* Called for each range that is damaged, for each volume that has it. */
  void (*damage) (void *opaque, const struct pool_scrub_damage *damage);
  /* Called often, at least every 100 ms between two reads, with bytes.
   * Non-zero stops the scrub with ECANCELED.
   */
  int (*progress) (void *opaque, uint64_t done, uint64_t total);
  void *opaque;
};

/* Reads everything the pool holds and verifies it, in small steps beside
 * whatever else goes on; mends what memory has a good copy of, unless the
 * pool is read-only.  0 = it ran to the end; see RESULT, which is filled in
 * in any case.  EBUSY: one runs already.  ECANCELED: stopped.  It has to have
 * ended before pool_close.
 */
extern int pool_scrub (struct pool *p, const struct pool_scrub_options *options,
                       struct pool_scrub_info *result);
/* End the one that runs, and wait until it has.  1 = done, 0 = none ran. */
extern int pool_scrub_stop (struct pool *p);

/* ---- repair -------------------------------------------------------------- */

struct pool_lost {
  char name[POOL_NAME_MAX + 1]; /* a volume or snapshot; or a record of which
                                 * not even the name can be read */
  bool whole;                   /* its record is lost, and so all of it */
  uint64_t offset, length;      /* bytes that cannot be read; unless WHOLE */
};
struct pool_repair_options {
  const char *name;             /* for messages; NULL = "pool" */
  /* Called for each thing that was repaired, when it is durable. */
  void (*repaired) (void *opaque, const char *text);
  void (*lost) (void *opaque, const struct pool_lost *lost);
  /* Called for each problem that remains. */
  void (*problem) (void *opaque, const struct pool_check_problem *problem);
  int (*progress) (void *opaque, uint64_t done, uint64_t total);
  void *opaque;
};
struct pool_repair_result {
  struct pool_check_result before, after;
  uint64_t repaired, lost;      /* calls of the functions above */
  uint64_t lost_bytes;
};
/* Makes what can be known right: counters, the space tree, reference counts,
 * copies of the superblock; gives leaked blocks back; parts blocks that are
 * named twice.  What is lost stays an error when it is read.  BACKING is
 * nobody else's meanwhile, and stays with the caller.  A failure leaves the
 * pool as it was, or as after a part of the repair that is whole in itself.
 * 0 = it ran to the end; see RESULT.
 */
extern int pool_repair (struct vdev *backing,
                        const struct pool_repair_options *options,
                        struct pool_repair_result *result);

/* ---- verbs as JSON ---------------------------------------------------------
 *
 * The command and the control socket both come in here, so that a verb does
 * the same on a pool that is served and on one that is not.  REQUEST and
 * *REPLY are jansson objects; their members are listed in verbs.c, verb by
 * verb.  On failure *REPLY is not set and the result is -errno with
 * base_error_text () in the form "OBJECT: what: why[; what to do]".
 */
struct json_t;

struct pool_verb_call {
  int fd;                       /* import: source, export: target; else -1;
                                 * stays with the caller */
  /* Called now and then by long verbs, may be NULL.  Non-zero cancels with
   * -ECANCELED, nothing half made.
   */
  int (*progress) (void *opaque, uint64_t done, uint64_t total);
  /* Called for each line of a streaming verb (events); non-zero ends it. */
  int (*line) (void *opaque, struct json_t *object);
  void *opaque;
};

/* -ENOSYS for an unknown verb. */
extern int pool_verb (struct pool *p, const char *verb,
                      const struct json_t *request,
                      struct pool_verb_call *call, struct json_t **reply);

/* `check --repair` of a pool that nobody has open: pool_repair, with a reply
 * that verbs-repair.c lists.  NAME is for messages.
 */
extern int pool_verb_repair (struct vdev *backing, const char *name,
                             struct pool_verb_call *call,
                             struct json_t **reply);

#endif /* NBDVOL_POOL_H */
