/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control-internal: what server.c, session.c, client.c and channel.c share.
 */

#ifndef NBDVOL_CONTROL_INTERNAL_H
#define NBDVOL_CONTROL_INTERNAL_H

#include <sys/un.h>

#include "control.h"

/* ---- channel.c: lines over a socket ---------------------------------------
 *
 * One thread uses a channel at a time.  The socket is non-blocking.
 */
struct control_channel {
  int fd;                       /* owned */
  int stop_fd;                  /* readable: give up; -1 none; borrowed */
  size_t max;                   /* longest line, bytes, without the newline */
  char *buf;                    /* received, not yet consumed */
  size_t len, cap;
  size_t scanned;               /* no newline in the first so many bytes */
  bool have_line;               /* ... and behind them the line's end */
  int passed;                   /* a descriptor received; -1 none; owned */
  bool eof;
};

extern void channel_init (struct control_channel *ch, int fd, int stop_fd,
                          size_t max);
extern void channel_close (struct control_channel *ch);

/* Take in what is there, without waiting.  1 = something or end of file,
 * 0 = nothing, -errno: E2BIG line too long, ECONNRESET.
 */
extern int channel_fill (struct control_channel *ch);
/* The first whole line in the buffer (its newline replaced by a NUL), or
 * NULL.  Valid until channel_consume, which drops it.
 */
extern char *channel_line (struct control_channel *ch, size_t *len);
extern void channel_consume (struct control_channel *ch);
/* Wait until there is a whole line.  1 = there is, 0 = end of file (with no
 * bytes left over), -errno: ETIMEDOUT after MS milliseconds, ESHUTDOWN
 * (stop_fd), ECONNRESET (also end of file in the middle of a line), E2BIG.
 * PARTIAL_MS, if not 0, limits the time from the first byte of the line.
 */
extern int channel_wait_line (struct control_channel *ch, uint64_t ms,
                              uint64_t partial_ms);
/* True if the peer has closed the connection for good. */
extern bool channel_peer_gone (struct control_channel *ch);
/* Send OBJECT as one line, with descriptor PASS unless -1.  ETIMEDOUT if the
 * peer takes nothing for MS milliseconds.  OPTIONAL: drop the line, 0, if
 * nothing of it can be sent at once.
 */
extern int channel_send (struct control_channel *ch, const json_t *object,
                         int pass, uint64_t ms, bool optional);

#define CHANNEL_SEND_MS 30000

/* TEXT as a JSON string; bytes that are not UTF-8 become '?'. */
extern json_t *channel_string (const char *text);
/* {"error":{...}} for R = -errno and base_error_text (); NULL = ENOMEM. */
extern json_t *channel_error (int r);

/* ---- session.c: one connection of a server ----------------------------- */

struct control_session {
  struct control_session *next; /* lock: server's */
  struct control_server *server;
  struct base_thread thread;
  bool finished;                /* lock: server's */
  struct control_channel channel;       /* the session's thread */
};

extern void *session_main (void *session);

/* What server.c and session.c know of the server. */
struct control_server {
  char *path;                   /* absolute */
  int listen_fd;
  int stop_fd;                  /* eventfd; readable: stop */
  uint64_t dev, ino;            /* of the socket file that we made */
  const struct control_verb *verbs;
  size_t nverbs;
  json_t *greeting;             /* constant after bind */
  bool started;
  struct base_thread acceptor;
  struct base_mutex lock;
  struct control_session *sessions;     /* lock: lock */
  unsigned nsessions;                   /* lock: lock */
};

/* ---- path.c ------------------------------------------------------------ */

/* ENAMETOOLONG, EINVAL. */
extern int path_address (const char *path, struct sockaddr_un *addr);
/* Sets path, listen_fd, dev and ino of S. */
extern int path_listen (const char *path, struct control_server *s);
extern void path_unlink (struct control_server *s);

#endif /* NBDVOL_CONTROL_INTERNAL_H */
