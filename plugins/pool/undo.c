/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A start that fails changes nothing: what create= has made goes again.
 *
 * nbdkit can fail long after get_ready has made the pool: a port in use, an
 * unknown user, a pidfile that cannot be written.  It then calls exit, and
 * no callback: so the end of the process is watched for by a destructor.
 * Between face_undo_begin and face_undo_end it takes away
 *
 *   the control socket that was bound
 *   a volume that was made in a pool that existed
 *   the contents of a file that existed and was empty
 *   a file that this process has made: by O_EXCL, so that it can be no other
 *
 * The parent of a fork exits too, while the server lives on in its child
 * (a daemon), so it forgets.
 */

#include <config.h>

#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices.h"
#include "face.h"

static struct {
  bool begun;
  char *path;                   /* of the file that we made; NULL = none */
  dev_t dev;
  ino_t ino;
  struct vdev *emptied;         /* a file that was empty, referenced */
  const char *volume;           /* of a pool that existed */
} undo;

static void
forget_in_parent (void)
{
  undo.begun = false;
}

int
face_undo_begin (void)
{
  int err = pthread_atfork (NULL, forget_in_parent, NULL);

  if (err != 0) {
    nbdkit_error ("pool: pthread_atfork: %s", strerror (err));
    return -1;
  }
  undo.begun = true;
  return 0;
}

void
face_undo_end (void)
{
  undo.begun = false;
  vdev_unref (undo.emptied);
  undo.emptied = NULL;
  free (undo.path);
  undo.path = NULL;
}

/* The name of a new file is durable only when its directory is. */
static int
sync_directory (const char *path)
{
  CLEANUP_FREE char *copy = base_strdup (path);
  CLEANUP_FD int fd = -1;

  if (copy == NULL)
    return -1;
  fd = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd == -1 ? -1 : fsync (fd);
}

/* The lock of the device keeps others out until all is undone.  If somebody
 * took the file before it was locked, it is theirs.
 */
static int
open_new_file (int fd, const char *path, struct vdev **backing)
{
  struct stat st;
  int r;

  undo.path = base_strdup (path);
  if (undo.path == NULL || fstat (fd, &st) == -1 ||
      sync_directory (path) == -1)
    r = base_fail_errno (errno, "%s", path);
  else {
    undo.dev = st.st_dev;
    undo.ino = st.st_ino;
    r = devices_file_from_fd (fd, path, 0, backing);
  }
  if (r == 0)
    return 0;
  close (fd);
  if (r != -EBUSY)
    unlink (path);
  free (undo.path);
  undo.path = NULL;
  return r;
}

/* Where nothing can be made, or somebody was faster, whoever opens PATH
 * next will say so.
 */
int
face_undo_make_file (const char *path, struct vdev **backing)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);

  if (fd == -1)
    return -ENOENT;
  return open_new_file (fd, path, backing);
}

void
face_undo_contents (struct vdev *backing)
{
  if (vdev_size (backing) == 0 && !vdev_has (backing, VDEV_RO))
    undo.emptied = vdev_ref (backing);
}

void
face_undo_volume (const char *name)
{
  undo.volume = name;
}

/* Only if PATH still is what we made. */
static void
remove_file (void)
{
  struct stat st;

  if (undo.path && stat (undo.path, &st) == 0 && st.st_dev == undo.dev &&
      st.st_ino == undo.ino)
    unlink (undo.path);
}

void
face_undo (void)
{
  if (!undo.begun)
    return;
  undo.begun = false;
  face_control_stop ();
  if (undo.emptied) {
    if (face_pool)
      pool_abandon (face_pool);
    face_pool = NULL;
    (void) vdev_resize (undo.emptied, 0);
    remove_file ();
  }
  else if (face_pool && undo.volume)
    (void) pool_remove (face_pool, undo.volume, 0);
  face_stop ();
  face_undo_end ();
}

static void __attribute__ ((destructor))
undo_at_exit (void)
{
  face_undo ();
}
