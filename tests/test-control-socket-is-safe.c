/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the socket stands and who may use it: the default path and the rules
 * of its directory, what may be replaced, and that other users are refused.
 *
 * The rules for ordinary users are tried in a child, which becomes one if
 * the test runs as root; what only root can try is left out otherwise.
 */

#include <config.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control-fixture.h"
#include "test.h"

#define OTHER_UID 54321

static const struct control_verb none[1];
static const uint8_t uuid[16] = { 0xde, 0xad, 0xbe, 0xef };
#define UUID_SOCK "deadbeef-0000-0000-0000-000000000000.sock"

static int
bind_at (const char *path)
{
  struct control_server *s;
  int r = control_server_bind (path, none, 0, NULL, &s);

  if (r == 0)
    control_server_stop (s);
  return r;
}

static void
what_is_in_the_way (void)
{
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  char *path = test_path ("sock"), longest[200];
  struct control_server *s, *s2;
  struct stat st;
  FILE *fp;
  int fd;

  /* A regular file, even an empty one, is not ours to remove. */
  fp = fopen (path, "w");
  CHECK (fp != NULL);
  fclose (fp);
  CHECK_EQ_INT (bind_at (path), -EEXIST);
  CHECK (strstr (base_error_text (), "not a socket") != NULL);
  CHECK_EQ_INT (stat (path, &st), 0);
  CHECK (S_ISREG (st.st_mode));
  unlink (path);

  /* A dead socket is replaced. */
  fd = socket (AF_UNIX, SOCK_STREAM, 0);
  strcpy (addr.sun_path, path);
  CHECK (bind (fd, (struct sockaddr *) &addr, sizeof addr) == 0);
  close (fd);
  CHECK_EQ_INT (access (path, F_OK), 0);
  CHECK_EQ_INT (control_server_bind (path, none, 0, NULL, &s), 0);

  /* A live one is not, and the first server's end leaves a later one's. */
  CHECK_EQ_INT (control_server_bind (path, none, 0, NULL, &s2), -EBUSY);
  unlink (path);
  CHECK_EQ_INT (control_server_bind (path, none, 0, NULL, &s2), 0);
  control_server_stop (s);
  CHECK_EQ_INT (access (path, F_OK), 0);
  control_server_stop (s2);
  CHECK_EQ_INT (access (path, F_OK), -1);

  memset (longest, 'x', sizeof longest);
  longest[0] = '/';
  longest[sizeof longest - 1] = '\0';
  CHECK_EQ_INT (bind_at (longest), -ENAMETOOLONG);
  CHECK_EQ_INT (bind_at (""), -EINVAL);
  CHECK (bind_at ("/nonexistent-directory/x") < 0);
  free (path);
}

/* In the child, as an ordinary user. */
static void
default_for_users (void)
{
  char *dir = test_path ("run"), *path, *want, *link_to;
  struct stat st;

  CHECK (mkdir (dir, 0700) == 0);
  setenv ("XDG_RUNTIME_DIR", dir, 1);
  umask (077);
  CHECK_EQ_INT (control_default_path (uuid, &path), 0);
  want = base_asprintf ("%s/nbdvol/" UUID_SOCK, dir);
  CHECK_EQ_STR (path, want);
  free (want);
  free (path);
  want = base_asprintf ("%s/nbdvol", dir);
  CHECK_EQ_INT (stat (want, &st), 0);
  CHECK_EQ_INT (st.st_mode & 07777, 0700);
  /* Open to others: refused. */
  CHECK (chmod (want, 0755) == 0);
  CHECK_EQ_INT (control_default_path (uuid, &path), -EACCES);
  CHECK (strstr (base_error_text (), "chmod 0700") != NULL);
  /* A symbolic link: refused, also to a directory that would do. */
  link_to = test_path ("private");
  CHECK (mkdir (link_to, 0700) == 0);
  CHECK (rmdir (want) == 0 && symlink (link_to, want) == 0);
  CHECK_EQ_INT (control_default_path (uuid, &path), -EACCES);
  CHECK (unlink (want) == 0);
  free (link_to);
  free (want);
  CHECK (rmdir (dir) == 0);

  /* No such directory, a relative one, none: /tmp. */
  CHECK_EQ_INT (control_default_path (uuid, &path), 0);
  want = base_asprintf ("/tmp/nbdvol-%u/" UUID_SOCK, (unsigned) geteuid ());
  CHECK_EQ_STR (path, want);
  free (path);
  setenv ("XDG_RUNTIME_DIR", ".", 1);
  CHECK_EQ_INT (control_default_path (uuid, &path), 0);
  CHECK_EQ_STR (path, want);
  free (path);
  unsetenv ("XDG_RUNTIME_DIR");
  CHECK_EQ_INT (control_default_path (uuid, &path), 0);
  CHECK_EQ_STR (path, want);
  free (path);
  free (want);
  free (dir);
  if (geteuid () == OTHER_UID) {
    want = base_asprintf ("/tmp/nbdvol-%u", (unsigned) geteuid ());
    CHECK (rmdir (want) == 0);
    free (want);
  }
}

static void
as_other_user (void (*fn) (void))
{
  int status;
  pid_t pid = fork ();

  CHECK (pid >= 0);
  if (pid == 0) {
    if (geteuid () == 0) {
      CHECK (setgid (OTHER_UID) == 0);
      CHECK (setuid (OTHER_UID) == 0);
    }
    fn ();
    _exit (0);
  }
  CHECK (waitpid (pid, &status, 0) == pid);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 0);
}

static struct fixture f;

static void
is_refused (void)
{
  int fd = raw_connect (f.path, false);
  char *line = raw_line (fd);
  struct control_client *c;

  CHECK_EQ_STR (line, "{\"error\":{\"errno\":\"EACCES\",\"text\":"
                "\"control: only root and uid 0 are answered\"}}");
  free (line);
  CHECK (raw_line (fd) == NULL);
  close (fd);
  CHECK_EQ_INT (control_connect (f.path, 5000, NULL, NULL, &c), -EACCES);
}

static void
cannot_connect (void)
{
  struct control_client *c;

  CHECK_EQ_INT (control_connect (f.path, 5000, NULL, NULL, &c), -EACCES);
}

TEST_MAIN
{
  struct control_client *c;
  char *path;

  CHECK (chmod (test_tmpdir (), 0777) == 0);
  what_is_in_the_way ();
  as_other_user (default_for_users);
  if (geteuid () == 0) {
    CHECK_EQ_INT (control_default_path (uuid, &path), 0);
    CHECK_EQ_STR (path, "/run/nbdvol/" UUID_SOCK);
    free (path);
    fixture_start (&f, "s");
    as_other_user (cannot_connect);
    CHECK (chmod (f.path, 0666) == 0);
    as_other_user (is_refused);
    fixture_stop (&f);
  }
  CHECK_EQ_INT (control_connect ("/nonexistent/s", 100, NULL, NULL, &c),
                -ENOENT);
}
