/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A control server with verbs made for tests, and a client that sends raw
 * bytes, so that what control's own client never sends can be sent too.
 *
 * Verbs: echo (the reply is the request), fail (ENOENT with a message that
 * is not UTF-8), fd (writes "hello" to the descriptor), lines (N lines),
 * work (tells control_progress until it is to end, ECANCELED), ask (the same
 * without telling), flood (lines of 4 KiB without end).
 */

#ifndef NBDVOL_CONTROL_FIXTURE_H
#define NBDVOL_CONTROL_FIXTURE_H

#include <stdatomic.h>

#include "control.h"

struct fixture {
  char *path;
  struct control_server *server;
};

/* How many calls of "work" and "flood" are under way, and how many ended. */
extern atomic_int fixture_working, fixture_ended;

extern void fixture_start (struct fixture *f, const char *name);
extern void fixture_stop (struct fixture *f);

/* A connected socket; reads its greeting too unless GREETING is false. */
extern int raw_connect (const char *path, bool greeting);
extern void raw_send (int fd, const void *buf, size_t len);
/* The next line, without newline, to be freed; NULL at end of file.  Fails
 * the test after 20 seconds.
 */
extern char *raw_line (int fd);
/* Send TEXT and a newline; return the answer parsed. */
extern json_t *raw_ask (int fd, const char *text);
/* The errno name in {"error":...}, or "" if J is something else. */
extern const char *error_name (const json_t *j);
extern const char *error_text (const json_t *j);

#endif
