/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A verb ends when its client says {"cancel":true}, when the client goes
 * away, and when the caller of control_request wants to end; a client that
 * has only closed its sending side still gets its answer.
 */

#include <config.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control-fixture.h"
#include "test.h"

static struct fixture f;

static void
wait_for (atomic_int *what, int value)
{
  int i;

  for (i = 0; atomic_load (what) != value; ++i) {
    CHECK_MSG (i < 10000, "waited 10 seconds for %d, it is %d", value,
               atomic_load (what));
    (void) poll (NULL, 0, 1);
  }
  test_passed ();
}

static void
by_message (void)
{
  int fd = raw_connect (f.path, true), progress = 0;
  char *line;

  raw_send (fd, "{\"verb\":\"work\"}\n", 16);
  wait_for (&fixture_working, 1);
  raw_send (fd, "{\"hello\":1,\"cancel\":true}\n", 26);
  for (;;) {
    line = raw_line (fd);
    if (strncmp (line, "{\"progress\"", 11) != 0)
      break;
    progress++;
    free (line);
  }
  CHECK_EQ_STR (line, "{\"error\":{\"errno\":\"ECANCELED\",\"text\":"
                "\"work: cancelled\"}}");
  free (line);
  /* A cancel that comes too late is a malformed request, nothing worse. */
  json_decref (raw_ask (fd, "{\"cancel\":true}"));
  json_t *j = raw_ask (fd, "{\"verb\":\"echo\"}");
  CHECK (json_object_get (j, "reply") != NULL);
  json_decref (j);
  close (fd);
}

static void
by_hanging_up (const char *request)
{
  int fd = raw_connect (f.path, true), ended = atomic_load (&fixture_ended);

  raw_send (fd, request, strlen (request));
  wait_for (&fixture_working, 1);
  close (fd);
  wait_for (&fixture_working, 0);
  CHECK_EQ_INT (atomic_load (&fixture_ended), ended + 1);
}

/* Half closed is not gone. */
static void
half_closed (void)
{
  int fd = raw_connect (f.path, true);
  char *line = NULL;
  int i;

  raw_send (fd, "{\"verb\":\"lines\",\"request\":{\"n\":100}}\n", 37);
  CHECK (shutdown (fd, SHUT_WR) == 0);
  for (i = 0; i <= 100; ++i) {
    free (line);
    line = raw_line (fd);
    CHECK (line != NULL);
  }
  CHECK_EQ_STR (line, "{\"reply\":{\"sent\":100}}");
  free (line);
  close (fd);
}

static bool
after_some_calls (void *opaque)
{
  int *n = opaque;

  return ++*n > 3;
}

static int seen_progress;

static void
on_progress (void *opaque BASE_UNUSED, uint64_t done, uint64_t total)
{
  CHECK (done <= total);
  seen_progress++;
}

static void
by_caller (void)
{
  int n = 0;
  struct control_client_call call = {
    .fd = -1, .cancelled = after_some_calls, .opaque = &n,
    .progress = on_progress,
  };
  struct control_client *c;
  json_t *reply;

  CHECK_EQ_INT (control_connect (f.path, 5000, NULL, NULL, &c), 0);
  CHECK_EQ_INT (control_request (c, "work", NULL, &call, &reply), -ECANCELED);
  CHECK_EQ_STR (base_error_text (), "work: cancelled");
  CHECK (seen_progress >= 1);
  CHECK_EQ_INT (atomic_load (&fixture_working), 0);
  /* The connection is still good. */
  n = -1000;
  CHECK_EQ_INT (control_request (c, "echo", NULL, &call, &reply), 0);
  json_decref (reply);
  control_disconnect (c);
}

TEST_MAIN
{
  fixture_start (&f, "sock");
  by_message ();
  by_hanging_up ("{\"verb\":\"work\"}\n");
  by_hanging_up ("{\"verb\":\"ask\"}\n");
  by_hanging_up ("{\"verb\":\"flood\"}\n");
  half_closed ();
  by_caller ();
  fixture_stop (&f);
}
