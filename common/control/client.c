/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The calling side, used by the command.
 *
 * All waits are cut into pieces of 100 ms, and between them the caller is
 * asked whether it wants to end (a signal came).  A cancelled request still
 * waits for the server's last word for a while, so that the caller knows
 * whether it was done or not.
 */

#include <config.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control-internal.h"

#define ASK_MS 100
#define LAST_WORD_MS 5000       /* after a cancel */

struct control_client {
  struct control_channel channel;
  json_t *greeting;
};

static int
check_server (int fd, const char *path)
{
  struct ucred cred;
  socklen_t len = sizeof cred;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
    return base_fail_errno (errno, "%s", path);
  if (cred.uid != 0 && cred.uid != geteuid () && geteuid () != 0)
    return base_fail (EACCES, "%s: the socket is served by uid %u, neither "
                      "root nor you", path, (unsigned) cred.uid);
  return 0;
}

static bool
asked_to_end (bool (*cancelled) (void *), void *opaque)
{
  return cancelled != NULL && cancelled (opaque);
}

/* Wait for a whole line.  0, or -errno (ECANCELED, ETIMEDOUT, ECONNRESET). */
static int
wait_line (struct control_client *c, uint64_t ms,
           bool (*cancelled) (void *), void *opaque)
{
  uint64_t end = base_monotonic_ns () / 1000000 + ms, now;
  int r;

  for (;;) {
    if (asked_to_end (cancelled, opaque))
      return base_fail (ECANCELED, "interrupted");
    r = channel_wait_line (&c->channel, ASK_MS, 0);
    if (r > 0)
      return 0;
    if (r == 0)
      return base_fail (ECONNRESET, "control: the server closed the "
                        "connection");
    if (r != -ETIMEDOUT)
      return r;
    now = base_monotonic_ns () / 1000000;
    if (now >= end)
      return base_fail (ETIMEDOUT, "no answer in time");
  }
}

/* Parse the line that is there.  New reference, or NULL with a message. */
static json_t *
take_line (struct control_client *c)
{
  size_t len;
  const char *line = channel_line (&c->channel, &len);
  json_t *j = json_loadb (line, len, 0, NULL);

  channel_consume (&c->channel);
  if (!json_is_object (j)) {
    json_decref (j);
    base_fail (EPROTO, "control: the server's answer is not a JSON object");
    return NULL;
  }
  return j;
}

/* -errno and message from {"error":{...}}. */
static int
fail_as_told (const json_t *error)
{
  const char *name = json_string_value (json_object_get (error, "errno"));
  const char *text = json_string_value (json_object_get (error, "text"));

  return base_fail (control_errno (name ? name : "EIO"), "%s",
                    text ? text : "control: the server gave no reason");
}

static int
read_greeting (struct control_client *c, const char *path)
{
  const json_t *error;

  c->greeting = take_line (c);
  if (c->greeting == NULL)
    return base_fail_in (-EPROTO, "%s", path);
  error = json_object_get (c->greeting, "error");
  if (error != NULL)
    return base_fail_in (fail_as_told (error), "%s", path);
  if (json_integer_value (json_object_get (c->greeting, "nbdvol-control"))
      != CONTROL_VERSION)
    return base_fail (EPROTO, "%s: not a control socket of version %d", path,
                      CONTROL_VERSION);
  return 0;
}

static int
connect_to (const char *path, int *ret)
{
  CLEANUP_FD int fd = -1;
  struct sockaddr_un addr;
  int r;

  r = path_address (path, &addr);
  if (r < 0)
    return r;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd == -1)
    return base_fail_errno (errno, "%s", path);
  if (connect (fd, (const struct sockaddr *) &addr, sizeof addr) == -1)
    return base_fail_errno (errno, "%s", path);
  r = check_server (fd, path);
  if (r < 0)
    return r;
  *ret = fd;
  fd = -1;
  return 0;
}

int
control_connect (const char *path, uint64_t ms, bool (*cancelled) (void *),
                 void *opaque, struct control_client **ret)
{
  struct control_client *c;
  int fd = -1, r;

  r = connect_to (path, &fd);
  if (r < 0)
    return r;
  c = base_calloc (1, sizeof *c);
  if (c == NULL) {
    close (fd);
    return base_fail_errno (ENOMEM, "control");
  }
  channel_init (&c->channel, fd, -1, CONTROL_REPLY_MAX);
  r = wait_line (c, ms, cancelled, opaque);
  if (r < 0 && r != -ECANCELED)
    r = base_fail_in (r, "%s", path);
  if (r == 0)
    r = read_greeting (c, path);
  if (r < 0) {
    control_disconnect (c);
    return r;
  }
  *ret = c;
  return 0;
}

const json_t *
control_greeting (const struct control_client *c)
{
  return c->greeting;
}

void
control_disconnect (struct control_client *c)
{
  if (c == NULL)
    return;
  channel_close (&c->channel);
  json_decref (c->greeting);
  free (c);
}

static int
send_cancel (struct control_client *c)
{
  json_t *j = json_pack ("{s:b}", "cancel", 1);
  int r;

  if (j == NULL)
    return base_fail_errno (ENOMEM, "control");
  r = channel_send (&c->channel, j, -1, 1000, false);
  json_decref (j);
  return r;
}

/* Take one message of the server.  1 = it was the last, 0 = more to come,
 * -errno as the server says.  *CANCEL is set if the caller wants to end.
 */
static int
take_message (json_t *j, const struct control_client_call *call,
              bool *cancel, json_t **reply)
{
  json_t *v;

  v = json_object_get (j, "error");
  if (v != NULL)
    return fail_as_told (v);
  v = json_object_get (j, "reply");
  if (v != NULL) {
    *reply = json_incref (v);
    return 1;
  }
  v = json_object_get (j, "progress");
  if (v != NULL && call->progress != NULL)
    call->progress (call->opaque,
                    (uint64_t) json_integer_value (json_object_get (v, "done")),
                    (uint64_t) json_integer_value (json_object_get (v,
                                                                    "total")));
  v = json_object_get (j, "line");
  if (v != NULL && call->line != NULL && !*cancel &&
      call->line (call->opaque, v) != 0)
    *cancel = true;
  return 0;
}

static int
converse (struct control_client *c, const struct control_client_call *call,
          json_t **reply)
{
  bool cancel = false, told = false;
  json_t *j;
  int r;

  for (;;) {
    if (cancel && !told) {
      told = true;
      r = send_cancel (c);
      if (r < 0)
        return r;
    }
    r = told ? wait_line (c, LAST_WORD_MS, NULL, NULL) :
      wait_line (c, UINT64_MAX / 2, call->cancelled, call->opaque);
    if (r == -ECANCELED) {
      cancel = true;
      continue;
    }
    if (r == -ETIMEDOUT)
      return base_fail (ECANCELED, "interrupted; the server has not "
                        "confirmed it");
    if (r < 0)
      return base_fail (ECONNRESET, "the server's connection was lost before "
                        "its answer; whether it was done is not known");
    j = take_line (c);
    if (j == NULL)
      return -EPROTO;
    r = take_message (j, call, &cancel, reply);
    json_decref (j);
    if (r != 0)
      return r < 0 ? r : 0;
  }
}

int
control_request (struct control_client *c, const char *verb,
                 const json_t *request,
                 const struct control_client_call *call, json_t **reply)
{
  json_t *j;
  int r;

  if (request != NULL)
    j = json_pack ("{s:s,s:O}", "verb", verb, "request", (json_t *) request);
  else
    j = json_pack ("{s:s}", "verb", verb);
  if (j == NULL)
    return base_fail (EINVAL, "%s: the request cannot be sent as JSON", verb);
  r = channel_send (&c->channel, j, call->fd, CHANNEL_SEND_MS, false);
  json_decref (j);
  if (r < 0)
    return base_fail (ECONNRESET, "the server's connection is lost");
  return converse (c, call, reply);
}
