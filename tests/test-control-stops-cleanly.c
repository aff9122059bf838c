/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Stopping a server takes its socket away and ends in bounded time, whatever
 * its clients do: idle, in the middle of a request, waiting for a verb that
 * would run for ever, or not reading what they are sent.  A client that
 * waits is told.
 */

#include <config.h>

#include <poll.h>
#include <unistd.h>

#include "control-fixture.h"
#include "test.h"

static void
with_clients (void)
{
  struct fixture f;
  int fd[4], i;
  uint64_t start;
  char *path, *line;

  fixture_start (&f, "one");
  for (i = 0; i < 4; ++i)
    fd[i] = raw_connect (f.path, true);
  raw_send (fd[1], "{\"verb\":", 8);
  raw_send (fd[2], "{\"verb\":\"work\"}\n", 16);
  raw_send (fd[3], "{\"verb\":\"flood\"}\n", 17);
  for (i = 0; atomic_load (&fixture_working) < 2; ++i) {
    CHECK (i < 10000);
    (void) poll (NULL, 0, 1);
  }
  (void) poll (NULL, 0, 50);    /* let the flood fill the socket */

  path = strdup (f.path);
  start = base_monotonic_ns ();
  fixture_stop (&f);
  CHECK (base_monotonic_ns () - start < UINT64_C (2000000000));
  CHECK_EQ_INT (atomic_load (&fixture_working), 0);
  CHECK_EQ_INT (access (path, F_OK), -1);

  line = raw_line (fd[0]);
  CHECK (line != NULL && strstr (line, "ESHUTDOWN") != NULL);
  free (line);
  line = raw_line (fd[2]);
  while (line != NULL && strstr (line, "progress") != NULL) {
    free (line);
    line = raw_line (fd[2]);
  }
  CHECK (line != NULL && strstr (line, "ECANCELED") != NULL);
  free (line);
  for (i = 0; i < 4; ++i)
    close (fd[i]);
  free (path);
}

static void
never_started (void)
{
  static const struct control_verb none[1];
  struct control_server *s;
  char *path = test_path ("two");

  CHECK_EQ_INT (control_server_bind (path, none, 0, NULL, &s), 0);
  CHECK_EQ_STR (control_server_path (s), path);
  CHECK_EQ_INT (access (path, F_OK), 0);
  control_server_stop (s);
  CHECK_EQ_INT (access (path, F_OK), -1);
  control_server_stop (NULL);
  free (path);
}

/* Connections beyond the limit are told so, and make room again. */
static void
too_many (void)
{
  int fd[CONTROL_SESSIONS_MAX], extra, i;
  struct fixture f;
  char *line;

  fixture_start (&f, "three");
  for (i = 0; i < CONTROL_SESSIONS_MAX; ++i)
    fd[i] = raw_connect (f.path, true);
  extra = raw_connect (f.path, false);
  line = raw_line (extra);
  CHECK_EQ_STR (line, "{\"error\":{\"errno\":\"EBUSY\",\"text\":"
                "\"control: too many connections (32)\"}}");
  free (line);
  CHECK (raw_line (extra) == NULL);
  close (extra);
  close (fd[0]);
  for (i = 0; i < 5000; ++i) {
    extra = raw_connect (f.path, false);
    line = raw_line (extra);
    CHECK (line != NULL);
    if (strstr (line, "nbdvol-control") != NULL)
      break;
    free (line);
    close (extra);
    (void) poll (NULL, 0, 1);
  }
  CHECK (i < 5000);
  free (line);
  close (extra);
  for (i = 1; i < CONTROL_SESSIONS_MAX; ++i)
    close (fd[i]);
  fixture_stop (&f);
}

TEST_MAIN
{
  with_clients ();
  never_started ();
  too_many ();
}
