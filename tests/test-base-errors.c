/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A failing function leaves one line per thread, which callers may put words
 * in front of, and which never overflows.
 */

#include <config.h>

#include <unistd.h>

#include "base.h"
#include "test.h"

static void *
other_thread (void *opaque BASE_UNUSED)
{
  CHECK_EQ_STR (base_error_text (), "");
  base_fail (EIO, "mine");
  CHECK_EQ_STR (base_error_text (), "mine");
  return NULL;
}

static void
scopes (void)
{
  int fds[2];

  CHECK (pipe (fds) == 0);
  {
    CLEANUP_FD int fd = fds[1];
    CLEANUP_FD int none = -1;
    CLEANUP_FREE char *p = base_strdup ("x");
    CLEANUP_FREE char *null = NULL;
    CLEANUP_FILE FILE *fp = fdopen (fds[0], "r");

    CHECK (fd >= 0 && none == -1 && p != NULL && null == NULL && fp != NULL);
    errno = ENOTTY;
  }
  CHECK_EQ_INT (errno, ENOTTY);
  CHECK (close (fds[0]) == -1 && errno == EBADF);
  CHECK (close (fds[1]) == -1 && errno == EBADF);
}

TEST_MAIN
{
  struct base_thread t;
  char longer[3000];

  CHECK_EQ_STR (base_error_text (), "");
  CHECK_EQ_INT (base_fail (EINVAL, "bad %s %d", "thing", 3), -EINVAL);
  CHECK_EQ_STR (base_error_text (), "bad thing 3");
  CHECK_EQ_INT (base_fail_in (-EIO, "replica[%d]", 1), -EIO);
  CHECK_EQ_STR (base_error_text (), "replica[1]: bad thing 3");
  CHECK_EQ_INT (base_fail_errno (ENOENT, "open %s", "x"), -ENOENT);
  CHECK_EQ_STR (base_error_text (), "open x: No such file or directory");
  base_fail (EIO, "again: %s", base_error_text ());
  CHECK_EQ_STR (base_error_text (),
                "again: open x: No such file or directory");
  base_fail (EIO, "two\nlines\tof text");
  CHECK_EQ_STR (base_error_text (), "two lines of text");

  CHECK_EQ_INT (base_thread_create (&t, other_thread, NULL), 0);
  base_thread_join (&t);
  CHECK_EQ_STR (base_error_text (), "two lines of text");

  memset (longer, 'a', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  base_fail (EIO, "%s", longer);
  CHECK_EQ_INT (strlen (base_error_text ()), 1023);
  base_fail_in (-EIO, "%s", "front");
  CHECK_EQ_INT (strlen (base_error_text ()), 1023);
  CHECK (strncmp (base_error_text (), "front: aaa", 10) == 0);
  base_fail_errno (EIO, "%s", longer);
  CHECK_EQ_INT (strlen (base_error_text ()), 1023);

  base_error_clear ();
  CHECK_EQ_STR (base_error_text (), "");
  CHECK (base_error_transient (-ETIMEDOUT) && base_error_transient (-EAGAIN) &&
         base_error_transient (-ENOMEM));
  CHECK (!base_error_transient (-EIO) && !base_error_transient (0) &&
         !base_error_transient (-ENOSPC));
  scopes ();
}
