/* SPDX-License-Identifier: BSD-3-Clause
 *
 * face: what the files of the pool plugin share.
 *
 *   pool.c      the callbacks nbdkit looks for
 *   config.c    the parameters
 *   open.c      making and opening the pool, starting and stopping it
 *   undo.c      taking away what a start that fails has made
 *   exports.c   which volume an export name means
 *   fill.c      the command that is run when the pool gets full
 *   log.c       the pool's events as lines of the server's log
 *   verbs.c     the control socket
 *
 * All of them translate between nbdkit and common/pool/pool.h; whatever
 * could be decided here is decided there.  Functions that return int return
 * 0, or -1 after nbdkit_error has said why in one line.
 */

#ifndef NBDVOL_POOL_FACE_H
#define NBDVOL_POOL_FACE_H

#include <inttypes.h>

#include "pool.h"

/* nbdkit asks for this before its header. */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

/* The parameters.  Written while nbdkit is configuring, then constant. */
struct face_config {
  char *given;                  /* file= as the user wrote it */
  char *file;                   /* ... with an absolute path */
  char *volume;                 /* NULL = all of them */
  uint64_t volume_id;           /* of that volume; 0 = none */
  uint64_t create;              /* bytes; 0 = make nothing */
  uint64_t pool_size;           /* bytes; 0 = by create */
  uint32_t block_size;          /* bytes; 0 = the format's default */
  bool readonly;
  bool discard_never;
  uint64_t cache_size;          /* bytes; 0 = the engine's default */
  char *control;                /* NULL = the usual place */
  bool control_off;
  char *fill_command;           /* an absolute path; NULL = none */
  bool peer_unknown;            /* served on a pipe: it has no peer */
  unsigned seen;                /* bit per key, to refuse a second one */
};

extern struct face_config face_config;

/* The open pool; NULL before get_ready and after cleanup. */
extern struct pool *face_pool;

/* pool.c: close what nbdkit left open; no callback runs any more. */
extern void face_close_handles (void);

/* config.c */
extern const char face_config_help[];
extern int face_config_key (const char *key, const char *value);
extern int face_config_complete (void);
extern void face_config_free (void);

/* open.c */
extern int face_open (void);    /* before the fork: no threads */
extern int face_start (void);   /* after it */
extern void face_stop (void);
/* The absolute path of a pool that is a plain file, else NULL. */
extern const char *face_plain_path (void);

/* undo.c: from face_undo_begin to face_undo_end, whatever ends the process
 * takes away what these note, and so does face_undo, which also closes the
 * pool.  Only for one that the process itself has made, by name: make_file
 * (-ENOENT: not made, open it) and volume (NAME is kept); contents: of a
 * backing that is a file of size 0 until now.
 */
extern int face_undo_begin (void);
extern int face_undo_make_file (const char *path, struct vdev **backing);
extern void face_undo_contents (struct vdev *backing);
extern void face_undo_volume (const char *name);
extern void face_undo (void);
extern void face_undo_end (void);

/* exports.c: an export name is text from a stranger.  face_resolve returns
 * the name of the volume or snapshot that EXPORT means, to be freed, or NULL
 * after nbdkit_error has said why.
 */
extern char *face_resolve (const char *export);
extern char *face_default_name (bool complain);
extern int face_list_exports (struct nbdkit_exports *exports);
extern char *face_description (const char *name);

/* log.c: face_log_event is a pool's event callback.  Until face_log_start
 * only trouble is written, by the calling thread.
 */
extern void face_log_init (void);
extern void face_log_event (void *opaque, const struct pool_event *event);
extern int face_log_start (void);
extern void face_log_stop (void);

/* fill.c: face_fill_check says whether COMMAND can be run; face_fill_event is
 * told of every event; until face_fill_start nothing is run.  face_fill_stop
 * waits for a command that runs, but not long.
 */
extern void face_fill_init (void);
extern int face_fill_check (const char *command);
extern void face_fill_event (const struct pool_event *event);
extern int face_fill_start (void);
extern void face_fill_stop (void);

/* verbs.c: face_control_bind makes the socket, before the fork; after it
 * face_control_change_user makes it the server's user's, and then
 * face_control_start answers on it.  face_control_path is NULL where there
 * is none.
 */
extern int face_control_bind (void);
extern int face_control_change_user (void);
extern int face_control_start (void);
extern void face_control_stop (void);
extern const char *face_control_path (void);

/* under-test.c, only in the build for tests: more devices for the opener. */
extern int face_under_test_register (void);

#endif /* NBDVOL_POOL_FACE_H */
