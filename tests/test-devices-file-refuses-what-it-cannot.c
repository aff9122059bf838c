/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is no file, is not there, is too short or full gives the error that
 * vdev.h promises, with a message that names it, and a failed constructor
 * leaves the descriptor with its caller.
 */

#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices.h"
#include "test.h"

static void
refused (const char *path, uint32_t flags, int error)
{
  struct vdev *d = NULL;

  CHECK_EQ_INT (devices_file_open (path, flags, &d), error);
  CHECK (d == NULL && strstr (base_error_text (), path) != NULL);
}

static void
opening (void)
{
  struct vdev *d;
  struct stat st;

  refused ("missing", 0, -ENOENT);
  refused ("missing", VDEV_OPEN_RO | VDEV_OPEN_CREATE, -ENOENT);
  refused ("missing/below", VDEV_OPEN_CREATE, -ENOENT);
  refused (".", 0, -EINVAL);
  refused (".", VDEV_OPEN_RO, -EINVAL);
  CHECK (mkfifo ("fifo", 0600) == 0);
  refused ("fifo", 0, -EINVAL);
  refused ("fifo", VDEV_OPEN_RO, -EINVAL);      /* and does not wait */
  refused ("/dev/null", 0, -EINVAL);
  CHECK (symlink ("loop", "loop") == 0);
  refused ("loop", 0, -EINVAL);

  CHECK_EQ_INT (devices_file_open ("new", VDEV_OPEN_CREATE, &d), 0);
  CHECK_EQ_INT (vdev_size (d), 0);
  CHECK_EQ_INT (vdev_resize (d, 100), 0);
  CHECK_EQ_INT (vdev_write (d, "a", 1, 99, 0), 0);
  vdev_unref (d);
  CHECK (stat ("new", &st) == 0 && (st.st_mode & 07777) == 0600);
  /* What is there stays. */
  CHECK_EQ_INT (devices_file_open ("new", VDEV_OPEN_CREATE, &d), 0);
  CHECK_EQ_INT (vdev_size (d), 100);
  CHECK (!vdev_has (d, VDEV_RO));
  vdev_unref (d);
}

static void
descriptors (void)
{
  char got[4] = "";
  struct vdev *d = NULL;
  int fd;

  fd = open ("new", O_RDONLY | O_CLOEXEC);
  CHECK (fd >= 0);
  CHECK_EQ_INT (devices_file_from_fd (fd, "mine", 0, &d), -EINVAL);
  CHECK (strstr (base_error_text (), "mine") != NULL);
  CHECK (fcntl (fd, F_GETFD) != -1);    /* still ours */
  CHECK_EQ_INT (devices_file_from_fd (fd, "mine", VDEV_OPEN_RO, &d), 0);
  CHECK (vdev_has (d, VDEV_RO));
  vdev_unref (d);
  CHECK (fcntl (fd, F_GETFD) == -1);    /* closed with the device */

  fd = open ("new", O_WRONLY | O_CLOEXEC);
  CHECK_EQ_INT (devices_file_from_fd (fd, "mine", 0, &d), -EINVAL);
  close (fd);

  /* O_APPEND would send every write to the end. */
  fd = open ("new", O_RDWR | O_APPEND);
  CHECK_EQ_INT (devices_file_from_fd (fd, "mine", 0, &d), 0);
  CHECK (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  CHECK_EQ_INT (vdev_write (d, "abc", 3, 10, 0), 0);
  CHECK_EQ_INT (vdev_read (d, got, 3, 10), 0);
  CHECK_EQ_STR (got, "abc");
  vdev_unref (d);
}

static void
cut_short (void)
{
  char buf[200];
  struct vdev *d;

  CHECK_EQ_INT (devices_file_open ("new", 0, &d), 0);
  CHECK (truncate ("new", 50) == 0);
  CHECK_EQ_INT (vdev_read (d, buf, 100, 0), -EIO);
  CHECK (strstr (base_error_text (), "ends at 50") != NULL);
  vdev_unref (d);
}

static void
full (void)
{
  struct rlimit limit;
  struct vdev *d;
  char buf[8192] = { 1 };

  CHECK_EQ_INT (devices_file_open ("full", VDEV_OPEN_CREATE, &d), 0);
  CHECK_EQ_INT (vdev_resize (d, 1 << 20), 0);
  CHECK (signal (SIGXFSZ, SIG_IGN) != SIG_ERR);
  CHECK (getrlimit (RLIMIT_FSIZE, &limit) == 0);
  limit.rlim_cur = 65536;
  CHECK (setrlimit (RLIMIT_FSIZE, &limit) == 0);
  CHECK_EQ_INT (vdev_write (d, buf, sizeof buf, 65536, 0), -ENOSPC);
  /* Half of it has room: all or error. */
  CHECK_EQ_INT (vdev_write (d, buf, sizeof buf, 65536 - 4096, 0), -ENOSPC);
  CHECK_EQ_INT (vdev_write (d, buf, sizeof buf, 65536 - 8192, 0), 0);
  CHECK_EQ_INT (vdev_resize (d, 2 << 20), -ENOSPC);
  CHECK_EQ_INT (vdev_size (d), 1 << 20);
  limit.rlim_cur = limit.rlim_max;
  CHECK (setrlimit (RLIMIT_FSIZE, &limit) == 0);
  vdev_unref (d);
}

static void
direct (void)
{
  struct vdev *d = NULL;
  int r;

  CHECK_EQ_INT (devices_file_open ("odd", VDEV_OPEN_CREATE, &d), 0);
  CHECK_EQ_INT (vdev_resize (d, 1000), 0);
  vdev_unref (d);
  d = NULL;
  /* Refused for its size, or because there is no O_DIRECT here. */
  r = devices_file_open ("odd", VDEV_OPEN_DIRECT, &d);
  CHECK (r == -EINVAL && d == NULL);
  CHECK (strstr (base_error_text (), "O_DIRECT") != NULL);
}

TEST_MAIN
{
  CHECK (chdir (test_tmpdir ()) == 0);
  opening ();
  descriptors ();
  cut_short ();
  full ();
  direct ();
}
