/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The listening side: who may connect, one thread for each connection, and
 * an end that waits for them all.
 *
 * Making the socket and serving it are two steps, because a daemon forks
 * between them: what can go wrong with the path is seen on the terminal, and
 * a client that connects in between waits for its greeting.
 *
 * The end is an eventfd that every wait polls beside its socket.  The
 * acceptor joins sessions that are done whenever it wakes; stop joins the
 * rest.  No thread is ever detached, so nothing runs on after stop.
 */

#include <config.h>

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control-internal.h"

/* Send one error line and close FD. */
static void
turn_away (int fd, int r)
{
  struct control_channel ch;
  json_t *j = channel_error (r);

  channel_init (&ch, fd, -1, 1);
  if (j != NULL)
    (void) channel_send (&ch, j, -1, 0, true);
  json_decref (j);
  channel_close (&ch);
}

static int
check_peer (int fd)
{
  struct ucred cred;
  socklen_t len = sizeof cred;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
    return base_fail_errno (errno, "control: peer's credentials");
  if (cred.uid != 0 && cred.uid != geteuid ())
    return base_fail (EACCES, "control: only root and uid %u are answered",
                      (unsigned) geteuid ());
  return 0;
}

/* Join and free the sessions that are done, or all. */
static void
reap (struct control_server *s, bool all)
{
  struct control_session **link, *session, *done = NULL;

  base_mutex_lock (&s->lock);
  link = &s->sessions;
  while (*link != NULL) {
    session = *link;
    if (all || session->finished) {
      *link = session->next;
      session->next = done;
      done = session;
      s->nsessions--;
    }
    else
      link = &session->next;
  }
  base_mutex_unlock (&s->lock);

  while (done != NULL) {
    session = done;
    done = session->next;
    base_thread_join (&session->thread);
    channel_close (&session->channel);
    free (session);
  }
}

static int
start_session (struct control_server *s, int fd)
{
  struct control_session *session;
  int r;

  if (s->nsessions >= CONTROL_SESSIONS_MAX)     /* only we raise it */
    return base_fail (EBUSY, "control: too many connections (%d)",
                      CONTROL_SESSIONS_MAX);
  session = base_calloc (1, sizeof *session);
  if (session == NULL)
    return base_fail_errno (ENOMEM, "control");
  session->server = s;
  channel_init (&session->channel, fd, s->stop_fd, CONTROL_REQUEST_MAX);
  r = base_thread_create (&session->thread, session_main, session);
  if (r < 0) {
    free (session);
    return r;
  }
  base_mutex_lock (&s->lock);
  session->next = s->sessions;
  s->sessions = session;
  s->nsessions++;
  base_mutex_unlock (&s->lock);
  return 0;
}

static void *
acceptor_main (void *opaque)
{
  struct control_server *s = opaque;
  struct pollfd p[2] = {
    { .fd = s->listen_fd, .events = POLLIN },
    { .fd = s->stop_fd, .events = POLLIN },
  };
  int fd, r;

  for (;;) {
    (void) poll (p, 2, 1000);   /* to reap now and then */
    if (p[1].revents != 0)
      return NULL;
    reap (s, false);
    if (p[0].revents == 0)
      continue;
    fd = accept4 (s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd == -1) {
      /* Out of descriptors or memory: let some time pass, not a busy loop. */
      if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        (void) poll (&p[1], 1, 100);
      continue;
    }
    r = check_peer (fd);
    if (r == 0)
      r = start_session (s, fd);
    if (r < 0)
      turn_away (fd, r);
  }
}

const char *
control_server_path (const struct control_server *s)
{
  return s->path;
}

/* {"nbdvol-control":1,"pid":...} and the face's members.  The pid is put in
 * at start: binding is before the fork.
 */
static int
make_greeting (struct control_server *s, const json_t *members)
{
  s->greeting = json_pack ("{s:i,s:i}", "nbdvol-control", CONTROL_VERSION,
                           "pid", 0);
  if (s->greeting == NULL ||
      (members != NULL &&
       json_object_update_missing (s->greeting, (json_t *) members) == -1))
    return base_fail_errno (ENOMEM, "control");
  return 0;
}

int
control_server_bind (const char *path, const struct control_verb *verbs,
                     size_t nverbs, const json_t *greeting,
                     struct control_server **ret)
{
  struct control_server *s = base_calloc (1, sizeof *s);
  int r;

  if (s == NULL)
    return base_fail_errno (ENOMEM, "control");
  s->listen_fd = s->stop_fd = -1;
  s->verbs = verbs;
  s->nverbs = nverbs;
  base_mutex_init (&s->lock);
  r = make_greeting (s, greeting);
  if (r == 0) {
    s->stop_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->stop_fd == -1)
      r = base_fail_errno (errno, "control: eventfd");
  }
  if (r == 0)
    r = path_listen (path, s);
  if (r < 0) {
    control_server_stop (s);
    return r;
  }
  *ret = s;
  return 0;
}

int
control_server_start (struct control_server *s)
{
  json_t *pid = json_integer (getpid ());
  int r;

  if (json_object_set_new (s->greeting, "pid", pid) == -1)
    return base_fail_errno (ENOMEM, "control");
  r = base_thread_create (&s->acceptor, acceptor_main, s);
  if (r == 0)
    s->started = true;
  return r;
}

void
control_server_stop (struct control_server *s)
{
  uint64_t one = 1;

  if (s == NULL)
    return;
  path_unlink (s);
  if (s->stop_fd != -1)
    (void) !write (s->stop_fd, &one, sizeof one);
  if (s->started) {
    base_thread_join (&s->acceptor);
    reap (s, true);
  }
  if (s->listen_fd != -1)
    close (s->listen_fd);
  if (s->stop_fd != -1)
    close (s->stop_fd);
  base_mutex_destroy (&s->lock);
  json_decref (s->greeting);
  free (s->path);
  free (s);
}
