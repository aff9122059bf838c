/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Malformed, huge, slow and partial requests get one clear error each, the
 * server's memory stays bounded, and the next client is served.
 */

#include <config.h>

#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control-fixture.h"
#include "test.h"

static struct fixture f;

/* The connection stays usable after each. */
static void
malformed (void)
{
  static const char *const bad[] = {
    "", " ", "x", "{", "[]", "7", "null", "\"verb\"", "{}",
    "{\"verb\":7}", "{\"verb\":null}", "{\"verb\":\"echo\",\"request\":7}",
    "{\"verb\":\"echo\",\"request\":[]}", "{\"verb\":\"echo\"}}",
    "{\"verb\":\"echo\",\"verb\":\"fail\"}", "{'verb':'echo'}",
    "{\"verb\":\"\xff\xfe\"}", "{\"verb\":\"a\\u0000b\"}",
    "{\"verb\":\"echo\",\"request\":{\"n\":1e999}}",
    "{\"verb\":\"echo\",\"request\":{\"n\":99999999999999999999}}",
  };
  static const char nul[] = "{\"verb\":\"ec\0ho\"}\n";
  int fd = raw_connect (f.path, true);
  size_t i;
  json_t *j;
  char *line, *deep;

  for (i = 0; i < BASE_ARRAY_SIZE (bad); ++i) {
    j = raw_ask (fd, bad[i]);
    CHECK_MSG (strcmp (error_name (j), "EINVAL") == 0, "%s: %s", bad[i],
               error_name (j));
    CHECK_MSG (strncmp (error_text (j), "request: not ", 13) == 0, "%s: %s",
               bad[i], error_text (j));
    json_decref (j);
  }
  raw_send (fd, nul, sizeof nul - 1);
  line = raw_line (fd);
  CHECK (strstr (line, "EINVAL") != NULL);
  free (line);

  deep = malloc (200001);
  memset (deep, '[', 200000);
  deep[200000] = '\0';
  j = raw_ask (fd, deep);
  CHECK_EQ_STR (error_name (j), "EINVAL");
  json_decref (j);
  free (deep);

  j = raw_ask (fd, "{\"verb\":\"no such verb \\n at all\"}");
  CHECK_EQ_STR (error_name (j), "ENOSYS");
  json_decref (j);
  j = raw_ask (fd, "{\"verb\":\"echo\"}");
  CHECK (json_object_get (j, "reply") != NULL);
  json_decref (j);
  close (fd);
}

static void
huge (void)
{
  size_t i, before = mallinfo2 ().uordblks;
  int fd = raw_connect (f.path, true);
  char chunk[65536], *line;
  json_t *j;

  memset (chunk, 'x', sizeof chunk);
  for (i = 0; i < 1024; ++i)    /* 64 MiB */
    raw_send (fd, chunk, sizeof chunk);
  line = raw_line (fd);
  CHECK (line != NULL);
  j = json_loads (line, 0, NULL);
  CHECK_EQ_STR (error_name (j), "E2BIG");
  CHECK_EQ_STR (error_text (j), "request: longer than 1048576 bytes");
  CHECK (mallinfo2 ().uordblks < before + 8 * 1024 * 1024);
  json_decref (j);
  free (line);
  CHECK (raw_line (fd) == NULL);
  close (fd);
}

/* Closes the sending side in the middle of a line. */
static void
partial (void)
{
  int fd = raw_connect (f.path, true);
  char *line;

  raw_send (fd, "{\"verb\":\"echo\"}", 15);
  CHECK (shutdown (fd, SHUT_WR) == 0);
  line = raw_line (fd);
  CHECK_EQ_STR (line, "{\"error\":{\"errno\":\"ECONNRESET\",\"text\":"
                "\"request: ends without a newline\"}}");
  free (line);
  CHECK (raw_line (fd) == NULL);
  close (fd);
}

/* One byte now and then does not keep a connection for ever. */
static void
slow (void)
{
  uint64_t start = base_monotonic_ns ();
  int fd = raw_connect (f.path, true), n = 0;
  struct pollfd p = { .fd = fd, .events = POLLIN };
  char *line;

  while (poll (&p, 1, 250) == 0 && n++ < 100)
    raw_send (fd, "{", 1);
  line = raw_line (fd);
  CHECK_EQ_STR (line, "{\"error\":{\"errno\":\"ETIMEDOUT\",\"text\":"
                "\"request: not whole in time\"}}");
  free (line);
  CHECK (raw_line (fd) == NULL);
  CHECK (base_monotonic_ns () - start >= UINT64_C (9500000000));
  close (fd);
}

/* More descriptors than asked for are closed, not kept. */
static void
descriptors (void)
{
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (3 * sizeof (int))];
  } control;
  struct iovec iov = { .iov_base = (char *) "{\"verb\":\"fd\"}\n",
                       .iov_len = 14 };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof control.bytes };
  struct cmsghdr *c;
  int fd = raw_connect (f.path, true), fds[2], three[3], i;
  char buf[8], *line;

  CHECK (pipe (fds) == 0);
  for (i = 0; i < 3; ++i)
    three[i] = fds[1];
  memset (&control, 0, sizeof control);
  c = CMSG_FIRSTHDR (&msg);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN (sizeof three);
  memcpy (CMSG_DATA (c), three, sizeof three);
  CHECK_EQ_INT (sendmsg (fd, &msg, 0), 14);
  line = raw_line (fd);
  CHECK_EQ_STR (line, "{\"reply\":{}}");
  free (line);
  close (fds[1]);
  CHECK_EQ_INT (read (fds[0], buf, sizeof buf), 5);
  CHECK_EQ_INT (read (fds[0], buf, sizeof buf), 0);
  close (fds[0]);
  close (fd);
}

TEST_MAIN
{
  fixture_start (&f, "sock");
  malformed ();
  huge ();
  partial ();
  descriptors ();
  slow ();
  malformed ();
  fixture_stop (&f);
}
