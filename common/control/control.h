/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control: the control socket, by which a running server is administered.
 *
 * A face (a plugin) registers a table of verbs; `nbdvol` and anybody else
 * who may talk JSON to a Unix socket calls them.  This room knows no pool:
 * what a verb does, and what stands in its request and its reply, is the
 * face's.  It does the socket, the lines, the descriptors that travel with
 * them, progress, cancelling, and who may connect.
 *
 * The protocol, version 1.  A Unix stream socket; one JSON object a line, in
 * UTF-8, ended by a newline.  Members that are not known are ignored;
 * members are added and never change meaning.
 *
 *   server, at once     {"nbdvol-control":1,"pid":N, ...the face's own}
 *   client              {"verb":"VERB","request":{...}}
 *                       ("request" may be missing; a descriptor may come
 *                       with it by SCM_RIGHTS)
 *   server, 0 or more   {"progress":{"done":N,"total":N}}
 *                       {"line":{...}}          (of a streaming verb)
 *   server, last        {"reply":{...}}  or
 *                       {"error":{"errno":"ENOENT","text":"..."}}
 *   client, meanwhile   {"cancel":true}         (the verb then ends, soon,
 *                       with ECANCELED, or with a reply if it was done)
 *
 * Then the next request may follow.  Closing the connection cancels as well.
 * A malformed request is answered with one error.  Where the server cannot
 * find the end of the request (longer than CONTROL_REQUEST_MAX, not whole
 * after CONTROL_REQUEST_MS), it closes the connection after the error.
 *
 * Only root and the server's own user are answered.
 *
 * Threads: a server has one thread that accepts, and one for each
 * connection, at most CONTROL_SESSIONS_MAX.  Handlers are called from these,
 * several at a time.  A client object is used by one thread at a time.
 *
 * Results: 0 or -errno with base_error_text ().
 */

#ifndef NBDVOL_CONTROL_H
#define NBDVOL_CONTROL_H

#include <jansson.h>

#include "base.h"

#define CONTROL_VERSION 1
#define CONTROL_REQUEST_MAX (1024 * 1024)       /* bytes of one request */
#define CONTROL_REPLY_MAX (256 * 1024 * 1024)   /* bytes a client takes */
#define CONTROL_REQUEST_MS 10000        /* from its first byte to its last */
#define CONTROL_IDLE_MS 60000           /* between two requests */
#define CONTROL_SESSIONS_MAX 32

/* ---- server ------------------------------------------------------------ */

struct control_server;
struct control_call;            /* one verb being carried out */

/* Carries out VERB.  REQUEST is an object (empty if the client sent none)
 * and stays with the caller.  On success *REPLY is a new reference to an
 * object, or NULL for an empty one.  On failure the result is -errno and
 * base_error_text () goes to the client.
 */
typedef int (*control_handler) (void *opaque, const char *verb,
                                const json_t *request,
                                struct control_call *call, json_t **reply);

struct control_verb {
  const char *name;             /* NULL: all verbs not named before it */
  control_handler handler;
  void *opaque;
};

/* For a handler while it runs, from its own thread.  The first two have the
 * types of struct pool_verb_call's callbacks; CALL is a struct control_call.
 *
 * control_progress tells the client how far the verb is (seldom enough to be
 * cheap: it drops what comes too fast) and returns non-zero when the verb is
 * to end: the client cancelled or is gone, or the server stops.  TOTAL 0
 * tells nothing and only asks.
 */
extern int control_progress (void *call, uint64_t done, uint64_t total);
/* Sends {"line":OBJECT}, OBJECT stays with the caller.  Non-zero as above. */
extern int control_line (void *call, json_t *object);
/* The descriptor that came with the request, or -1.  Closed after the call. */
extern int control_call_fd (const struct control_call *call);

/* The default path of the socket of the object with this UUID, to be freed:
 * /run/nbdvol/UUID.sock for root, else $XDG_RUNTIME_DIR/nbdvol/UUID.sock,
 * else /tmp/nbdvol-UID/UUID.sock.  Makes the directory.  EACCES if it is not
 * safe to use.
 */
extern int control_default_path (const uint8_t uuid[16], char **path);
/* The same path and no more, for a client that looks whether there is such a
 * server of its own user.
 */
extern int control_usual_path (const uint8_t uuid[16], char **path);

/* Makes the socket, mode 0600, and listens, but answers nobody yet: called
 * before the process forks, so that errors are seen.  A relative PATH is
 * made absolute.  A socket in the way on which nobody listens is replaced;
 * one that is in use: EBUSY; anything else in the way: EEXIST.  The caller
 * holds the lock of whatever the socket serves, so that two servers do not
 * do this at the same time.
 *
 * VERBS is kept, not copied.  GREETING (an object, may be NULL) is copied;
 * its members go into the first line.  The plugin pool gives "pool" (the
 * name in messages), "uuid", and "file" (the backing as vdev text, absolute
 * where it is a path), by which the command sees that it reached the pool it
 * was asked for and not the original of a copy.
 */
extern int control_server_bind (const char *path,
                                const struct control_verb *verbs,
                                size_t nverbs, const json_t *greeting,
                                struct control_server **ret);
/* Absolute; lives as long as the server. */
extern const char *control_server_path (const struct control_server *s);
/* Starts the thread.  Called once, in the process that serves. */
extern int control_server_start (struct control_server *s);
/* Takes the socket away, cancels verbs under way, waits for the threads,
 * frees S (may be NULL).  Bounded by the longest time in which a handler
 * does not call control_progress.  Also for a server never started.
 */
extern void control_server_stop (struct control_server *s);

/* ---- client ------------------------------------------------------------ */

struct control_client;

struct control_client_call {
  int fd;                       /* goes with the request; -1 none; stays with
                                 * the caller */
  /* Any may be NULL.  line: non-zero cancels. */
  void (*progress) (void *opaque, uint64_t done, uint64_t total);
  int (*line) (void *opaque, json_t *object);
  /* Asked at least every 100 ms; true cancels. */
  bool (*cancelled) (void *opaque);
  void *opaque;
};

/* Connects and waits up to MS milliseconds for the greeting.  ENOENT and
 * ECONNREFUSED: nobody listens; EACCES: not allowed; ETIMEDOUT; EPROTO: not
 * a control socket, or of a version that is not known.  CANCELLED (may be
 * NULL) as above: ECANCELED.
 */
extern int control_connect (const char *path, uint64_t ms,
                            bool (*cancelled) (void *opaque), void *opaque,
                            struct control_client **ret);
/* The first line of the server; borrowed. */
extern const json_t *control_greeting (const struct control_client *c);
/* Calls VERB and waits for its end.  REQUEST may be NULL.  On success *REPLY
 * is a new reference.  -errno and text as the server gave them.  If the
 * connection is lost first: ECONNRESET; nobody can then say whether the verb
 * was done.
 */
extern int control_request (struct control_client *c, const char *verb,
                            const json_t *request,
                            const struct control_client_call *call,
                            json_t **reply);
/* May be NULL. */
extern void control_disconnect (struct control_client *c);

/* ---- names of errors ------------------------------------------------------
 *
 * "ENOENT" for 2; NULL for what is not in the table.  control_errno: EIO for
 * a name that is not.
 */
extern const char *control_errno_name (int err);
extern int control_errno (const char *name);

#endif /* NBDVOL_CONTROL_H */
