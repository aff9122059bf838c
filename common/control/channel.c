/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lines of JSON over a Unix stream socket, for both ends.
 *
 * The buffer holds what was received and not yet consumed, never more than
 * one longest line: a peer that sends more waits in its own send buffer.
 * Every wait is a poll with a limit, and on the server's side the stop
 * descriptor is among what is polled, so that no peer can hold a thread.
 *
 * A descriptor (SCM_RIGHTS) travels with the first byte of its request.  The
 * kernel does not merge such bytes with later ones that carry another, so
 * one slot is enough; a second descriptor for the same request is closed.
 */

#include <config.h>

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control-internal.h"

#define CHUNK 16384

void
channel_init (struct control_channel *ch, int fd, int stop_fd, size_t max)
{
  *ch = (struct control_channel) {
    .fd = fd, .stop_fd = stop_fd, .max = max, .passed = -1,
  };
}

void
channel_close (struct control_channel *ch)
{
  if (ch->fd >= 0)
    close (ch->fd);
  if (ch->passed >= 0)
    close (ch->passed);
  free (ch->buf);
  ch->fd = ch->passed = -1;
  ch->buf = NULL;
  ch->len = ch->cap = 0;
}

/* Keep the first descriptor, close the others. */
static void
take_descriptors (struct control_channel *ch, struct msghdr *msg)
{
  struct cmsghdr *c;
  size_t i, n;
  int fd;

  for (c = CMSG_FIRSTHDR (msg); c != NULL; c = CMSG_NXTHDR (msg, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
      continue;
    n = (c->cmsg_len - CMSG_LEN (0)) / sizeof (int);
    for (i = 0; i < n; ++i) {
      memcpy (&fd, CMSG_DATA (c) + i * sizeof (int), sizeof fd);
      if (ch->passed < 0)
        ch->passed = fd;
      else
        close (fd);
    }
  }
}

static int
make_room (struct control_channel *ch, size_t room)
{
  size_t cap = ch->len + room;
  char *p;

  if (cap <= ch->cap)
    return 0;
  cap = BASE_MIN (BASE_MAX (cap, 2 * ch->cap), ch->max + 1);
  p = base_realloc (ch->buf, cap);
  if (p == NULL)
    return base_fail_errno (ENOMEM, "control");
  ch->buf = p;
  ch->cap = cap;
  return 0;
}

int
channel_fill (struct control_channel *ch)
{
  size_t room = BASE_MIN (ch->max + 1 - ch->len, (size_t) CHUNK);
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (4 * sizeof (int))];
  } control;
  struct iovec iov;
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  ssize_t n;
  size_t ignored;
  int r;

  if (ch->eof)
    return 0;
  if (room == 0) {
    if (channel_line (ch, &ignored) != NULL)
      return 0;
    return base_fail (E2BIG, "request: longer than %zu bytes", ch->max);
  }
  r = make_room (ch, room);
  if (r < 0)
    return r;
  iov.iov_base = ch->buf + ch->len;
  iov.iov_len = room;
  msg.msg_control = control.bytes;
  msg.msg_controllen = sizeof control.bytes;
  do
    n = recvmsg (ch->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      return 0;
    return base_fail_errno (ECONNRESET, "control");
  }
  take_descriptors (ch, &msg);
  if (n == 0)
    ch->eof = true;
  ch->len += (size_t) n;
  return 1;
}

char *
channel_line (struct control_channel *ch, size_t *len)
{
  char *nl;

  if (!ch->have_line) {
    if (ch->len == ch->scanned)
      return NULL;
    nl = memchr (ch->buf + ch->scanned, '\n', ch->len - ch->scanned);
    ch->scanned = nl ? (size_t) (nl - ch->buf) : ch->len;
    if (nl == NULL)
      return NULL;
    *nl = '\0';
    ch->have_line = true;
  }
  *len = ch->scanned;
  return ch->buf;
}

void
channel_consume (struct control_channel *ch)
{
  size_t n = ch->scanned + 1;   /* the newline too */

  assert (ch->have_line);
  memmove (ch->buf, ch->buf + n, ch->len - n);
  ch->len -= n;
  ch->scanned = 0;
  ch->have_line = false;
}

/* Wait for EVENTS at the peer.  1 = now, 0 = MS milliseconds went by, -errno:
 * ESHUTDOWN, EIO.
 */
static int
wait_for (struct control_channel *ch, short events, uint64_t ms)
{
  struct pollfd p[2] = {
    { .fd = ch->fd, .events = events },
    { .fd = ch->stop_fd, .events = POLLIN },    /* ignored if -1 */
  };
  int r;

  r = poll (p, 2, (int) BASE_MIN (ms, UINT64_C (3600000)));
  if (r < 0)
    return errno == EINTR ? 0 : base_fail_errno (EIO, "control: poll");
  if (p[1].revents != 0)
    return base_fail (ESHUTDOWN, "control: the server is stopping");
  return p[0].revents != 0;
}

static int
at_end (struct control_channel *ch)
{
  if (ch->len == 0)
    return 0;
  return base_fail (ECONNRESET, "request: ends without a newline");
}

int
channel_wait_line (struct control_channel *ch, uint64_t ms,
                   uint64_t partial_ms)
{
  uint64_t now = base_monotonic_ns () / 1000000, end = now + ms;
  bool partial = false;
  size_t len;
  int r;

  for (;;) {
    if (channel_line (ch, &len) != NULL)
      return 1;
    if (ch->eof)
      return at_end (ch);
    now = base_monotonic_ns () / 1000000;
    if (ch->len > 0 && !partial && partial_ms > 0) {
      partial = true;
      end = now + partial_ms;
    }
    if (now >= end)
      return base_fail (ETIMEDOUT, "%s",
                        ch->len > 0 ? "request: not whole in time" :
                        "control: no answer in time");
    r = wait_for (ch, POLLIN, end - now);
    if (r > 0)
      r = channel_fill (ch);
    if (r < 0)
      return r;
  }
}

bool
channel_peer_gone (struct control_channel *ch)
{
  struct pollfd p = { .fd = ch->fd };

  return poll (&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

/* One sendmsg.  Bytes sent, 0 = the socket is full, -errno. */
static ssize_t
send_some (struct control_channel *ch, const char *p, size_t n, int pass)
{
  struct iovec iov = { .iov_base = (char *) p, .iov_len = n };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control;
  struct cmsghdr *c;
  ssize_t r;

  if (pass >= 0) {
    memset (&control, 0, sizeof control);
    msg.msg_control = control.bytes;
    msg.msg_controllen = sizeof control.bytes;
    c = CMSG_FIRSTHDR (&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN (sizeof (int));
    memcpy (CMSG_DATA (c), &pass, sizeof pass);
  }
  r = sendmsg (ch->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (r >= 0)
    return r;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
    return 0;
  return base_fail_errno (ECONNRESET, "control: cannot send");
}

int
channel_send (struct control_channel *ch, const json_t *object, int pass,
              uint64_t ms, bool optional)
{
  CLEANUP_FREE char *text = json_dumps (object, JSON_COMPACT);
  size_t done = 0, n;
  uint64_t end;
  ssize_t sent;
  int r;

  if (text == NULL)
    return base_fail_errno (ENOMEM, "control");
  n = strlen (text);
  text[n++] = '\n';             /* sent by length, so no NUL is needed */
  end = base_monotonic_ns () + ms * 1000000;
  while (done < n) {
    sent = send_some (ch, text + done, n - done, done == 0 ? pass : -1);
    if (sent < 0)
      return (int) sent;
    if (sent > 0) {
      done += (size_t) sent;
      end = base_monotonic_ns () + ms * 1000000;
      continue;
    }
    if (optional && done == 0)
      return 0;
    if (base_monotonic_ns () >= end)
      return base_fail (ETIMEDOUT, "control: the peer takes no data");
    r = wait_for (ch, POLLOUT, 100);
    if (r < 0)
      return r;
  }
  return 0;
}

json_t *
channel_string (const char *text)
{
  CLEANUP_FREE char *copy = NULL;
  json_t *j = json_string (text);
  char *p;

  if (j != NULL)
    return j;
  copy = base_strdup (text);
  if (copy == NULL)
    return NULL;
  for (p = copy; *p != '\0'; ++p)
    if ((unsigned char) *p >= 0x80)
      *p = '?';
  return json_string (copy);
}

json_t *
channel_error (int r)
{
  const char *name = control_errno_name (-r), *text = base_error_text ();

  if (text[0] == '\0')
    text = base_strerror (-r);
  return json_pack ("{s:{s:s,s:o}}", "error", "errno", name ? name : "EIO",
                    "text", channel_string (text));
}
