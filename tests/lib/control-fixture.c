/* SPDX-License-Identifier: BSD-3-Clause
 *
 * control-fixture.h explains.
 */

#include <config.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control-fixture.h"
#include "test.h"

atomic_int fixture_working, fixture_ended;

static int
verb_echo (void *opaque BASE_UNUSED, const char *verb BASE_UNUSED,
           const json_t *request, struct control_call *call BASE_UNUSED,
           json_t **reply)
{
  *reply = json_deep_copy (request);
  return 0;
}

static int
verb_fail (void *opaque BASE_UNUSED, const char *verb BASE_UNUSED,
           const json_t *request BASE_UNUSED,
           struct control_call *call BASE_UNUSED,
           json_t **reply BASE_UNUSED)
{
  return base_fail (ENOENT, "thing\xff: no such thing");
}

static int
verb_fd (void *opaque BASE_UNUSED, const char *verb BASE_UNUSED,
         const json_t *request BASE_UNUSED, struct control_call *call,
         json_t **reply)
{
  int fd = control_call_fd (call);

  if (fd == -1)
    return base_fail (EINVAL, "no descriptor");
  CHECK (write (fd, "hello", 5) == 5);
  *reply = json_object ();
  return 0;
}

static int
verb_lines (void *opaque BASE_UNUSED, const char *verb BASE_UNUSED,
            const json_t *request, struct control_call *call, json_t **reply)
{
  json_int_t i, n = json_integer_value (json_object_get (request, "n"));
  json_t *j;
  int r = 0;

  for (i = 0; r == 0 && i < n; ++i) {
    j = json_pack ("{s:I}", "i", i);
    r = control_line (call, j);
    json_decref (j);
  }
  *reply = json_pack ("{s:I}", "sent", i);
  return 0;
}

/* "ask" never sends anything meanwhile. */
static int
verb_work (void *opaque BASE_UNUSED, const char *verb,
           const json_t *request BASE_UNUSED, struct control_call *call,
           json_t **reply BASE_UNUSED)
{
  const uint64_t total = strcmp (verb, "ask") == 0 ? 0 : 1000000;
  uint64_t n = 0;

  atomic_fetch_add (&fixture_working, 1);
  while (control_progress (call, n, total) == 0) {
    (void) poll (NULL, 0, 1);
    n++;
  }
  atomic_fetch_add (&fixture_ended, 1);
  atomic_fetch_sub (&fixture_working, 1);
  return base_fail (ECANCELED, "work: cancelled");
}

static int
verb_flood (void *opaque BASE_UNUSED, const char *verb BASE_UNUSED,
            const json_t *request BASE_UNUSED, struct control_call *call,
            json_t **reply BASE_UNUSED)
{
  char text[4096];
  json_t *j;
  int r;

  atomic_fetch_add (&fixture_working, 1);
  memset (text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  j = json_pack ("{s:s}", "text", text);
  do
    r = control_line (call, j);
  while (r == 0);
  json_decref (j);
  atomic_fetch_add (&fixture_ended, 1);
  atomic_fetch_sub (&fixture_working, 1);
  return base_fail (ECANCELED, "flood: cancelled");
}

static const struct control_verb verbs[] = {
  { "echo", verb_echo, NULL }, { "fail", verb_fail, NULL },
  { "fd", verb_fd, NULL }, { "lines", verb_lines, NULL },
  { "work", verb_work, NULL }, { "ask", verb_work, NULL },
  { "flood", verb_flood, NULL },
};

void
fixture_start (struct fixture *f, const char *name)
{
  json_t *greeting = json_pack ("{s:s}", "pool", "a.pool");

  f->path = test_path (name);
  CHECK_MSG (control_server_bind (f->path, verbs, BASE_ARRAY_SIZE (verbs),
                                  greeting, &f->server) == 0,
             "%s", base_error_text ());
  json_decref (greeting);
  CHECK (control_server_start (f->server) == 0);
}

void
fixture_stop (struct fixture *f)
{
  control_server_stop (f->server);
  free (f->path);
}

int
raw_connect (const char *path, bool greeting)
{
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  CHECK (fd >= 0);
  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", path);
  CHECK (connect (fd, (struct sockaddr *) &addr, sizeof addr) == 0);
  if (greeting)
    free (raw_line (fd));
  return fd;
}

void
raw_send (int fd, const void *buf, size_t len)
{
  const char *p = buf;
  ssize_t n;

  while (len > 0) {
    n = send (fd, p, len, MSG_NOSIGNAL);
    if (n <= 0)
      return;                   /* the server closed; the answer tells */
    p += n;
    len -= (size_t) n;
  }
}

char *
raw_line (int fd)
{
  struct pollfd p = { .fd = fd, .events = POLLIN };
  size_t len = 0, cap = 1 << 20;
  char *buf = malloc (cap);
  ssize_t n;

  CHECK (buf != NULL);
  for (;;) {
    CHECK_MSG (poll (&p, 1, 20000) == 1, "no answer in 20 seconds");
    n = recv (fd, buf + len, 1, 0);
    if (n <= 0) {
      free (buf);
      return NULL;
    }
    if (buf[len] == '\n')
      break;
    len++;
    CHECK (len < cap);
  }
  buf[len] = '\0';
  return buf;
}

json_t *
raw_ask (int fd, const char *text)
{
  json_t *j;
  char *line;

  raw_send (fd, text, strlen (text));
  raw_send (fd, "\n", 1);
  line = raw_line (fd);
  CHECK_MSG (line != NULL, "closed after: %.60s", text);
  j = json_loads (line, 0, NULL);
  CHECK_MSG (j != NULL, "not JSON: %s", line);
  free (line);
  return j;
}

const char *
error_name (const json_t *j)
{
  const char *s;

  s = json_string_value (json_object_get (json_object_get (j, "error"),
                                          "errno"));
  return s ? s : "";
}

const char *
error_text (const json_t *j)
{
  const char *s;

  s = json_string_value (json_object_get (json_object_get (j, "error"),
                                          "text"));
  return s ? s : "";
}
