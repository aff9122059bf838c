/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the control socket stands in the file system.
 *
 * The default directory is one that nobody else can write to, so that no
 * other user can put a socket there and be taken for the server: /run/nbdvol
 * for root (the parent is root's), $XDG_RUNTIME_DIR/nbdvol for others, and
 * where there is no such thing a directory in /tmp that must be ours and
 * closed to others.  The socket itself has mode 0600 from its first moment:
 * on Linux the mode of an unbound socket is what bind makes the file with.
 *
 * A socket left behind by a server that was killed is replaced.  Whether one
 * is alive is asked by connecting to it: the caller holds the lock on what
 * it serves, but a copied pool has the uuid, and so the default path, of its
 * original, which may be served at the same time.
 */

#include <config.h>

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control-internal.h"

#define BACKLOG 32

/* Make DIR with MODE unless it is there, and see that nobody else can put
 * anything into it.  OURS: it must belong to us and be closed to others.
 */
static int
safe_directory (const char *dir, mode_t mode, bool ours)
{
  struct stat st;

  if (mkdir (dir, mode) == 0) {
    /* The umask may have taken bits away. */
    if (chmod (dir, mode) == -1)
      return base_fail_errno (errno, "control socket: %s", dir);
  }
  else if (errno != EEXIST)
    return base_fail_errno (errno, "control socket: %s", dir);
  if (lstat (dir, &st) == -1)
    return base_fail_errno (errno, "control socket: %s", dir);
  if (!S_ISDIR (st.st_mode))
    return base_fail (EACCES, "control socket: %s: not a directory; "
                      "remove it or use control=PATH", dir);
  if (ours && st.st_uid != geteuid ())
    return base_fail (EACCES, "control socket: %s: belongs to uid %u; "
                      "use control=PATH", dir, (unsigned) st.st_uid);
  if ((st.st_mode & (ours ? 077 : 022)) != 0)
    return base_fail (EACCES, "control socket: %s: mode %04o lets others in; "
                      "use chmod %04o or control=PATH", dir,
                      (unsigned) st.st_mode & 07777, (unsigned) mode);
  return 0;
}

/* To be freed; NULL = no memory. */
static char *
default_directory (void)
{
  const char *xdg = getenv ("XDG_RUNTIME_DIR");
  struct stat st;

  if (geteuid () == 0)
    return base_strdup ("/run/nbdvol");
  if (xdg != NULL && xdg[0] == '/' && stat (xdg, &st) == 0 &&
      S_ISDIR (st.st_mode))
    return base_asprintf ("%s/nbdvol", xdg);
  return base_asprintf ("/tmp/nbdvol-%u", (unsigned) geteuid ());
}

int
control_usual_path (const uint8_t uuid[16], char **path)
{
  CLEANUP_FREE char *dir = default_directory ();
  char text[BASE_UUID_TEXT];

  base_uuid_format (uuid, text);
  *path = dir ? base_asprintf ("%s/%s.sock", dir, text) : NULL;
  return *path ? 0 : base_fail_errno (ENOMEM, "control socket");
}

int
control_default_path (const uint8_t uuid[16], char **path)
{
  CLEANUP_FREE char *dir = default_directory ();
  const bool root = geteuid () == 0;
  int r;

  if (dir == NULL)
    return base_fail_errno (ENOMEM, "control socket");
  r = safe_directory (dir, root ? 0755 : 0700, !root);
  return r < 0 ? r : control_usual_path (uuid, path);
}

int
path_address (const char *path, struct sockaddr_un *addr)
{
  size_t n = strlen (path);

  if (n == 0)
    return base_fail (EINVAL, "control socket: the path is empty");
  if (n >= sizeof addr->sun_path)
    return base_fail (ENAMETOOLONG, "control socket: %s: the path is longer "
                      "than %zu bytes", path, sizeof addr->sun_path - 1);
  memset (addr, 0, sizeof *addr);
  addr->sun_family = AF_UNIX;
  memcpy (addr->sun_path, path, n);
  return 0;
}

static char *
absolute (const char *path)
{
  CLEANUP_FREE char *cwd = NULL;

  if (path[0] == '/' || path[0] == '\0')
    return base_strdup (path);
  cwd = getcwd (NULL, 0);
  return cwd ? base_asprintf ("%s/%s", cwd, path) : NULL;
}

/* Somebody answers at ADDR?  A full backlog is somebody too. */
static bool
is_served (const struct sockaddr_un *addr)
{
  CLEANUP_FD int fd = socket (AF_UNIX,
                              SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd == -1)
    return true;
  return connect (fd, (const struct sockaddr *) addr, sizeof *addr) == 0 ||
    (errno != ECONNREFUSED && errno != ENOENT);
}

/* Take a dead socket out of the way. */
static int
clear_way (const struct sockaddr_un *addr)
{
  const char *path = addr->sun_path;
  struct stat st;

  if (lstat (path, &st) == -1)
    return errno == ENOENT ? 0 :
      base_fail_errno (errno, "control socket: %s", path);
  if (!S_ISSOCK (st.st_mode))
    return base_fail (EEXIST, "control socket: %s: in the way, and not a "
                      "socket; remove it or use control=PATH", path);
  if (is_served (addr))
    return base_fail (EBUSY, "control socket: %s: another server listens "
                      "there; use control=PATH or control=off", path);
  if (unlink (path) == -1 && errno != ENOENT)
    return base_fail_errno (errno, "control socket: %s", path);
  return 0;
}

static int
bind_and_listen (struct control_server *s, const struct sockaddr_un *addr)
{
  const char *path = addr->sun_path;
  struct stat st;

  s->listen_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                         0);
  if (s->listen_fd == -1 || fchmod (s->listen_fd, 0600) == -1 ||
      bind (s->listen_fd, (const struct sockaddr *) addr,
            sizeof *addr) == -1)
    return base_fail_errno (errno, "control socket: %s", path);
  if (stat (path, &st) == -1)
    return base_fail_errno (errno, "control socket: %s", path);
  s->dev = st.st_dev;
  s->ino = st.st_ino;
  if ((st.st_mode & 0077) != 0 && chmod (path, 0600) == -1)
    return base_fail_errno (errno, "control socket: %s", path);
  if (listen (s->listen_fd, BACKLOG) == -1)
    return base_fail_errno (errno, "control socket: %s", path);
  return 0;
}

int
path_listen (const char *path, struct control_server *s)
{
  struct sockaddr_un addr;
  int r;

  s->path = absolute (path);
  if (s->path == NULL)
    return base_fail_errno (ENOMEM, "control socket");
  r = path_address (s->path, &addr);
  if (r == 0)
    r = clear_way (&addr);
  if (r == 0)
    r = bind_and_listen (s, &addr);
  return r;
}

/* Only if it is still the one that we made: a later server may have replaced
 * it.
 */
void
path_unlink (struct control_server *s)
{
  struct stat st;

  if (s->path != NULL && s->ino != 0 && lstat (s->path, &st) == 0 &&
      st.st_dev == s->dev && st.st_ino == s->ino)
    (void) unlink (s->path);
  s->ino = 0;
}
