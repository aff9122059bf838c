/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One connection of a control server: greeting, then request after request.
 *
 * The session's thread does everything: it reads a line, finds the verb,
 * calls the handler, and answers.  While a handler runs, nobody else reads
 * the socket, so the handler asks, by control_progress, whether the client
 * has cancelled or gone; that look is a poll and costs about a microsecond.
 * A client that has only closed its sending side (a pipe into socat) is
 * still there and gets its answer.
 */

#include <config.h>

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control-internal.h"

#define PROGRESS_MS 100         /* not more often */

struct control_call {
  struct control_session *session;
  int fd;                       /* came with the request; -1 none; owned */
  uint64_t last_progress;       /* ms */
  bool ended;                   /* cancelled, gone or stopping */
};

/* Has the client sent {"cancel":true}?  Takes in at most one line; a next
 * request that came early stays in the buffer.
 */
static bool
client_cancelled (struct control_channel *ch)
{
  json_t *j;
  size_t len;
  char *line;
  bool cancel;

  if (channel_fill (ch) < 0)
    return true;
  line = channel_line (ch, &len);
  if (line == NULL || len > 256)
    return false;
  j = json_loadb (line, len, 0, NULL);
  cancel = json_is_true (json_object_get (j, "cancel"));
  json_decref (j);
  if (cancel)
    channel_consume (ch);
  return cancel;
}

static bool
server_stopping (const struct control_server *s)
{
  struct pollfd p = { .fd = s->stop_fd, .events = POLLIN };

  return poll (&p, 1, 0) > 0;
}

static bool
call_ended (struct control_call *call)
{
  struct control_channel *ch = &call->session->channel;

  if (!call->ended)
    call->ended = server_stopping (call->session->server) ||
      client_cancelled (ch) || channel_peer_gone (ch);
  return call->ended;
}

int
control_progress (void *opaque, uint64_t done, uint64_t total)
{
  struct control_call *call = opaque;
  uint64_t now = base_monotonic_ns () / 1000000;
  json_t *j;
  int r;

  if (call_ended (call))
    return 1;
  if (total == 0 ||
      (done < total && now < call->last_progress + PROGRESS_MS))
    return 0;
  call->last_progress = now;
  j = json_pack ("{s:{s:I,s:I}}", "progress", "done", (json_int_t) done,
                 "total", (json_int_t) total);
  if (j == NULL)
    return 0;
  r = channel_send (&call->session->channel, j, -1, CHANNEL_SEND_MS, true);
  json_decref (j);
  if (r < 0)
    call->ended = true;
  return call->ended;
}

int
control_line (void *opaque, json_t *object)
{
  struct control_call *call = opaque;
  json_t *j;
  int r;

  if (call_ended (call))
    return 1;
  j = json_pack ("{s:O}", "line", object);
  if (j == NULL)
    return 1;
  r = channel_send (&call->session->channel, j, -1, CHANNEL_SEND_MS, false);
  json_decref (j);
  if (r < 0)
    call->ended = true;
  return call->ended;
}

int
control_call_fd (const struct control_call *call)
{
  return call->fd;
}

static const struct control_verb *
find_verb (const struct control_server *s, const char *name)
{
  size_t i;

  for (i = 0; i < s->nverbs; ++i)
    if (s->verbs[i].name == NULL || strcmp (s->verbs[i].name, name) == 0)
      return &s->verbs[i];
  return NULL;
}

/* LINE as an object with a verb.  New reference in *RET. */
static int
parse_request (const char *line, size_t len, json_t **ret)
{
  json_error_t error;
  json_t *j = json_loadb (line, len, JSON_REJECT_DUPLICATES, &error);
  const json_t *request;

  if (j == NULL)
    return base_fail (EINVAL, "request: not JSON: column %d: %s",
                      error.column, error.text);
  request = json_object_get (j, "request");
  if (!json_is_object (j) || !json_is_string (json_object_get (j, "verb")) ||
      (request != NULL && !json_is_object (request))) {
    json_decref (j);
    return base_fail (EINVAL, "request: not of the form "
                      "{\"verb\":\"VERB\",\"request\":{...}}");
  }
  *ret = j;
  return 0;
}

/* Find and run the verb of the object MESSAGE. */
static int
run_verb (struct control_session *session, const json_t *message, int fd,
          json_t **reply)
{
  const char *name = json_string_value (json_object_get (message, "verb"));
  json_t *request = json_object_get (message, "request");
  const struct control_verb *verb = find_verb (session->server, name);
  struct control_call call = { .session = session, .fd = fd };
  json_t *empty = NULL;
  int r;

  if (verb == NULL)
    return base_fail (ENOSYS, "%.64s: no such verb", name);
  if (request == NULL) {
    request = empty = json_object ();
    if (empty == NULL)
      return base_fail_errno (ENOMEM, "control");
  }
  base_error_clear ();
  r = verb->handler (verb->opaque, name, request, &call, reply);
  json_decref (empty);
  return r;
}

/* Carry out the request in LINE and answer.  -errno: give up the connection.
 */
static int
serve_line (struct control_session *session, const char *line, size_t len)
{
  struct control_channel *ch = &session->channel;
  json_t *message = NULL, *reply = NULL, *answer;
  CLEANUP_FD int fd = ch->passed;
  int r;

  ch->passed = -1;
  r = parse_request (line, len, &message);
  channel_consume (ch);
  if (r == 0)
    r = run_verb (session, message, fd, &reply);
  json_decref (message);
  if (r < 0)
    answer = channel_error (r);
  else
    answer = json_pack ("{s:o}", "reply", reply ? reply : json_object ());
  if (answer == NULL)
    return base_fail_errno (ENOMEM, "control");
  r = channel_send (ch, answer, -1, CHANNEL_SEND_MS, false);
  json_decref (answer);
  return r;
}

/* Tell the client why the connection ends, if it can still be told. */
static void
send_farewell (struct control_channel *ch, int r)
{
  json_t *j = channel_error (r);

  if (j != NULL)
    (void) channel_send (ch, j, -1, 1000, true);
  json_decref (j);
}

void *
session_main (void *opaque)
{
  struct control_session *session = opaque;
  struct control_server *s = session->server;
  struct control_channel *ch = &session->channel;
  size_t len;
  char *line;
  int r;

  r = channel_send (ch, s->greeting, -1, CHANNEL_SEND_MS, false);
  while (r == 0) {
    r = channel_wait_line (ch, CONTROL_IDLE_MS, CONTROL_REQUEST_MS);
    if (r <= 0)
      break;
    line = channel_line (ch, &len);
    r = serve_line (session, line, len);
  }
  /* A client that is merely idle, or gone, is told nothing. */
  if (r == -E2BIG || r == -ESHUTDOWN || (r < 0 && ch->len > 0))
    send_farewell (ch, r);

  base_mutex_lock (&s->lock);
  session->finished = true;
  base_mutex_unlock (&s->lock);
  return NULL;
}
