/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file that is open for writing cannot be opened a second time, and the
 * message names it; readers share.  The lock survives fork, the exit of
 * either process, and the closing of other descriptors of the same file.
 */

#include <config.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices.h"
#include "test.h"

static char *path;

static struct vdev *
open_file (uint32_t flags)
{
  struct vdev *d;

  CHECK_EQ_INT (devices_file_open (path, flags, &d), 0);
  return d;
}

static void
refused (uint32_t flags)
{
  struct vdev *d = NULL;

  CHECK_EQ_INT (devices_file_open (path, flags, &d), -EBUSY);
  CHECK (d == NULL && strstr (base_error_text (), path) != NULL);
}

/* In another process. */
static void
refused_elsewhere (void)
{
  struct vdev *d;
  int status;
  pid_t pid = fork ();

  CHECK (pid >= 0);
  if (pid == 0)
    _exit (devices_file_open (path, 0, &d) == -EBUSY ? 0 : 1);
  CHECK (waitpid (pid, &status, 0) == pid);
  CHECK_EQ_INT (status, 0);
}

static void
one_process (void)
{
  struct vdev *d = open_file (VDEV_OPEN_CREATE), *d2;
  int fd;

  refused (0);
  refused (VDEV_OPEN_RO);
  refused (VDEV_OPEN_CREATE);
  refused_elsewhere ();
  d2 = open_file (VDEV_OPEN_NOLOCK);
  vdev_unref (d2);
  /* A POSIX lock would be gone now. */
  fd = open (path, O_RDWR | O_CLOEXEC);
  CHECK (fd >= 0 && close (fd) == 0);
  refused (0);
  refused_elsewhere ();
  vdev_unref (d);

  d = open_file (VDEV_OPEN_RO);
  d2 = open_file (VDEV_OPEN_RO);
  refused (0);
  vdev_unref (d);
  refused (0);
  vdev_unref (d2);
  vdev_unref (open_file (0));
}

/* The child has the device too and lives until PIPE is closed. */
static pid_t
fork_holder (int pipe_fds[2])
{
  char c;
  pid_t pid;

  CHECK (pipe (pipe_fds) == 0);
  pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0) {
    close (pipe_fds[1]);
    _exit (read (pipe_fds[0], &c, 1) == 0 ? 0 : 1);
  }
  close (pipe_fds[0]);
  return pid;
}

static void
across_fork (void)
{
  /* In memory, so that valgrind finds in the child what the child holds. */
  static struct vdev *volatile d;
  int fds[2], status;
  pid_t pid;

  d = open_file (0);
  /* The server goes into the background: the parent leaves. */
  pid = fork_holder (fds);
  vdev_unref (d);
  refused (0);
  refused_elsewhere ();
  close (fds[1]);
  CHECK (waitpid (pid, &status, 0) == pid && status == 0);
  d = open_file (0);

  /* A child of the server leaves. */
  pid = fork_holder (fds);
  close (fds[1]);
  CHECK (waitpid (pid, &status, 0) == pid && status == 0);
  refused (0);
  refused_elsewhere ();
  vdev_unref (d);
  vdev_unref (open_file (0));
}

TEST_MAIN
{
  path = test_path ("file");
  one_process ();
  across_fork ();
  free (path);
}
