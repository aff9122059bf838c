/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A request is answered with its reply or its error; descriptors, lines and
 * pipelined requests arrive; members that are not known are ignored.
 */

#include <config.h>

#include <sys/stat.h>
#include <unistd.h>

#include "control-fixture.h"
#include "test.h"

static struct fixture f;
static json_int_t nlines;

static int
on_line (void *opaque BASE_UNUSED, json_t *object)
{
  CHECK_EQ_INT (json_integer_value (json_object_get (object, "i")), nlines);
  nlines++;
  return 0;
}

static void
by_client (void)
{
  struct control_client_call call = { .fd = -1, .line = on_line };
  struct control_client *c;
  json_t *request = json_pack ("{s:s,s:[i,i]}", "a", "b", "c", 1, 2);
  json_t *reply = NULL;
  int fds[2], r;
  char buf[8];

  CHECK_EQ_INT (control_connect (f.path, 5000, NULL, NULL, &c), 0);
  CHECK_EQ_STR (json_string_value (json_object_get (control_greeting (c),
                                                    "pool")), "a.pool");
  CHECK_EQ_INT (json_integer_value (json_object_get (control_greeting (c),
                                                     "pid")), getpid ());
  CHECK_EQ_INT (control_request (c, "echo", request, &call, &reply), 0);
  CHECK (json_equal (request, reply));
  json_decref (reply);
  json_decref (request);

  CHECK_EQ_INT (control_request (c, "echo", NULL, &call, &reply), 0);
  CHECK_EQ_INT (json_object_size (reply), 0);
  json_decref (reply);

  r = control_request (c, "fail", NULL, &call, &reply);
  CHECK_EQ_INT (r, -ENOENT);
  CHECK_EQ_STR (base_error_text (), "thing?: no such thing");
  CHECK_EQ_INT (control_request (c, "dance", NULL, &call, &reply), -ENOSYS);
  CHECK_EQ_STR (base_error_text (), "dance: no such verb");

  request = json_pack ("{s:i}", "n", 1000);
  CHECK_EQ_INT (control_request (c, "lines", request, &call, &reply), 0);
  CHECK_EQ_INT (nlines, 1000);
  json_decref (reply);
  json_decref (request);

  CHECK_EQ_INT (control_request (c, "fd", NULL, &call, &reply), -EINVAL);
  CHECK (pipe (fds) == 0);
  call.fd = fds[1];
  CHECK_EQ_INT (control_request (c, "fd", NULL, &call, &reply), 0);
  json_decref (reply);
  close (fds[1]);
  /* End of file behind it: the server has closed its copy. */
  CHECK_EQ_INT (read (fds[0], buf, 5), 5);
  CHECK_EQ_MEM (buf, "hello", 5);
  CHECK_EQ_INT (read (fds[0], buf, 1), 0);
  close (fds[0]);
  control_disconnect (c);
}

static void
by_hand (void)
{
  static const char two[] = "{\"verb\":\"echo\",\"request\":{\"n\":1}}\n"
    "{\"verb\":\"echo\",\"request\":{\"n\":2}}\n";
  int fd = raw_connect (f.path, false);
  char *line = raw_line (fd);
  json_t *j = json_loads (line, 0, NULL);
  struct stat st;
  size_t i;

  CHECK_EQ_INT (json_integer_value (json_object_get (j, "nbdvol-control")), 1);
  json_decref (j);
  free (line);
  j = raw_ask (fd, "{\"verb\":\"echo\",\"colour\":\"red\",\"deep\":[{}],"
               "\"request\":{\"x\":7}}");
  CHECK_EQ_INT (json_integer_value (json_object_get (json_object_get (j,
    "reply"), "x")), 7);
  json_decref (j);

  /* Byte by byte, and two at once. */
  for (i = 0; i < sizeof two - 1; ++i)
    raw_send (fd, &two[i], 1);
  raw_send (fd, two, sizeof two - 1);
  for (i = 0; i < 4; ++i) {
    line = raw_line (fd);
    CHECK_EQ_STR (line, i % 2 ? "{\"reply\":{\"n\":2}}" :
                  "{\"reply\":{\"n\":1}}");
    free (line);
  }
  close (fd);

  CHECK_EQ_INT (stat (f.path, &st), 0);
  CHECK_EQ_INT (st.st_mode & 07777, 0600);
}

TEST_MAIN
{
  fixture_start (&f, "sock");
  by_client ();
  by_hand ();
  fixture_stop (&f);
}
