/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who has a pool that is locked, and how to reach it.
 *
 * A server that writes leaves a record on the backing: process, host, control
 * socket.  The record itself proves nothing (it is left behind by a crash,
 * and a copied pool carries its original's), so the server at the other end
 * must have the record's pid and, where both can be looked at, serve the
 * same file.
 *
 * A server with readonly=true writes nothing, so it leaves no record either.
 * It is looked for where the control socket of a pool with this uuid usually
 * is, and must serve the same pool.  One with a control=PATH of its own
 * cannot be found: whoever started it knows PATH.
 *
 * When there is nobody to ask, the kernel can often name the process.  An
 * open file description lock belongs to no process (F_OFD_GETLK answers -1),
 * but it is shown beside the descriptors in /proc, of all processes to root
 * and of one's own to others.
 */

#include <config.h>

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "command.h"
#include "control.h"
#include "pool.h"

/* ---- the process that holds the lock ----------------------------------- */

struct holder {
  struct stat st;               /* of the pool's file */
  char *path;                   /* resolved */
  long pid;                     /* 0 = not found */
  bool reads;                   /* a shared lock */
  char name[64];
};

/* Does the descriptor, described in TEXT, hold a lock on the file? */
static bool
holds_lock (struct holder *h, const char *fd_path, const char *text)
{
  const char *line = strstr (text, "lock:\t");
  unsigned long long inode;
  unsigned major, minor;
  char mode[8], link[4096];
  ssize_t n;

  if (line == NULL ||
      sscanf (line, "lock:%*d: OFDLCK %*s %7s %*d %x:%x:%llu", mode, &major,
              &minor, &inode) != 4 ||
      inode != (unsigned long long) h->st.st_ino)
    return false;
  h->reads = strcmp (mode, "READ") == 0;
  if (makedev (major, minor) == h->st.st_dev)
    return true;
  /* Some file systems show another device to stat (2) than to the kernel. */
  n = readlink (fd_path, link, sizeof link - 1);
  if (n == -1)
    return false;
  link[n] = '\0';
  return strcmp (link, h->path) == 0;
}

/* The first bytes of a file in /proc; "" if there are none. */
static void
read_text (const char *path, char *text, size_t size)
{
  CLEANUP_FD int fd = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd == -1 ? 0 : read (fd, text, size - 1);

  text[BASE_MAX (n, 0)] = '\0';
}

/* Looks at all descriptors of process PID.  Nothing here touches a file
 * system but /proc: another one may hang.
 */
static bool
look_at_process (struct holder *h, const char *pid)
{
  char path[64], fd_path[64], text[4096];
  struct dirent *e;
  bool found = false;
  DIR *dir;

  snprintf (path, sizeof path, "/proc/%.16s/fdinfo", pid);
  dir = opendir (path);
  if (dir == NULL)
    return false;
  while (!found) {
    e = readdir (dir);
    if (e == NULL)
      break;
    if (!isdigit ((unsigned char) e->d_name[0]))
      continue;
    snprintf (path, sizeof path, "/proc/%.16s/fdinfo/%.16s", pid, e->d_name);
    snprintf (fd_path, sizeof fd_path, "/proc/%.16s/fd/%.16s", pid,
              e->d_name);
    read_text (path, text, sizeof text);
    found = holds_lock (h, fd_path, text);
  }
  closedir (dir);
  if (!found)
    return false;
  h->pid = atol (pid);
  snprintf (path, sizeof path, "/proc/%.16s/comm", pid);
  read_text (path, h->name, sizeof h->name);
  h->name[strcspn (h->name, "\n")] = '\0';
  return true;
}

/* Sets H->pid if the process can be found. */
static void
find_holder (const struct command *c, struct holder *h)
{
  const char *path = target_path (c->pool);
  struct dirent *e;
  DIR *dir;

  memset (h, 0, sizeof *h);
  h->path = path ? realpath (path, NULL) : NULL;
  if (h->path == NULL || stat (h->path, &h->st) == -1)
    return;
  dir = opendir ("/proc");
  if (dir == NULL)
    return;
  do
    e = readdir (dir);
  while (e != NULL && !(isdigit ((unsigned char) e->d_name[0]) &&
                        look_at_process (h, e->d_name)));
  closedir (dir);
}

bool
owner_is_locked (const char *path)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  CLEANUP_FD int fd = path ? open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    : -1;

  return fd != -1 && fcntl (fd, F_OFD_GETLK, &lock) == 0 &&
    lock.l_type != F_UNLCK;
}

/* ---- connecting -------------------------------------------------------- */

/* GREETING names no file, or one that cannot be looked at, or ours. */
static bool
may_be_our_file (const struct command *c, const json_t *greeting)
{
  const char *file = json_string_value (json_object_get (greeting, "file"));
  const char *path = target_path (c->pool);
  struct stat st;

  if (file == NULL || path == NULL || stat (file, &st) == -1 ||
      stat (path, &st) == -1)
    return true;
  return target_is_backing (c, file);
}

static int
keep_if (const struct command *c, bool right, const char *path,
         struct control_client **ret)
{
  if (right) {
    remark (c, "asks pid %lld through %s", (long long)
            json_integer_value (json_object_get (control_greeting (*ret),
                                                 "pid")), path);
    return 0;
  }
  control_disconnect (*ret);
  *ret = NULL;
  return base_fail (EBUSY, "another server answers there");
}

static int
read_owner (const struct command *c, struct pool_owner *owner)
{
  CLEANUP_VDEV struct vdev *d = NULL;
  int r;

  r = vdev_open (c->pool, VDEV_OPEN_RO | VDEV_OPEN_NOLOCK, &d);
  return r < 0 ? r : pool_read_owner (d, owner);
}

static int
connect_recorded (const struct command *c, const struct pool_owner *owner,
                  uint64_t ms, struct control_client **ret)
{
  const json_t *greeting;
  int r;

  r = control_connect (owner->socket, ms, signal_cancelled, NULL, ret);
  if (r < 0)
    return r;
  greeting = control_greeting (*ret);
  return keep_if (c, may_be_our_file (c, greeting) &&
                  json_integer_value (json_object_get (greeting, "pid")) ==
                  owner->pid, owner->socket, ret);
}

int
owner_connect_reader (const struct command *c, const uint8_t uuid[16],
                      uint64_t ms, struct control_client **ret)
{
  CLEANUP_FREE char *path = NULL;
  const char *theirs;
  const json_t *greeting;
  char ours[BASE_UUID_TEXT];
  int r;

  r = control_usual_path (uuid, &path);
  if (r == 0)
    r = control_connect (path, ms, signal_cancelled, NULL, ret);
  if (r < 0)
    return r;
  base_uuid_format (uuid, ours);
  greeting = control_greeting (*ret);
  theirs = json_string_value (json_object_get (greeting, "uuid"));
  return keep_if (c, theirs != NULL && strcmp (theirs, ours) == 0 &&
                  may_be_our_file (c, greeting), path, ret);
}

/* The pool's uuid, if those who have it only read it. */
static int
learn_uuid (struct owner_search *s)
{
  struct pool_options options = { .readonly = true, .name = s->c->pool };
  struct pool_info info;
  struct vdev *d;
  struct pool *p;
  int r;

  if (s->have_uuid)
    return 0;
  r = vdev_open (s->c->pool, VDEV_OPEN_RO, &d);
  if (r < 0)
    return r;
  r = pool_open (d, &options, &p);
  if (r < 0) {
    vdev_unref (d);
    return r;
  }
  pool_get_info (p, &info);
  pool_abandon (p);
  memcpy (s->uuid, info.uuid, sizeof s->uuid);
  s->have_uuid = true;
  return 0;
}

int
owner_connect (struct owner_search *s, uint64_t ms,
               struct control_client **ret)
{
  CLEANUP_FREE char *why = NULL;
  struct pool_owner owner;

  if (read_owner (s->c, &owner) == 0 && owner.socket[0] != '\0') {
    if (connect_recorded (s->c, &owner, ms, ret) == 0)
      return 0;
    why = base_strdup (base_error_text ());
  }
  if (learn_uuid (s) == 0 &&
      owner_connect_reader (s->c, s->uuid, ms, ret) == 0)
    return 0;
  return base_fail (EBUSY, "%s", why ? why : "");
}

/* ---- nobody to be reached ---------------------------------------------- */

/* Is the record left over from a process that is gone? */
static bool
is_stale (const struct pool_owner *owner, const struct holder *h,
          const char *host)
{
  if (strcmp (owner->host, host) != 0)
    return false;
  if (h->pid != 0)
    return h->pid != owner->pid;
  return kill ((pid_t) owner->pid, 0) == -1 && errno == ESRCH;
}

int
owner_explain (const struct command *c, const char *lock, const char *why)
{
  struct holder h;
  struct pool_owner owner;
  char host[128] = "";
  bool record;

  find_holder (c, &h);
  free (h.path);
  (void) gethostname (host, sizeof host - 1);
  record = read_owner (c, &owner) == 0 && !is_stale (&owner, &h, host);
  if (record && owner.socket[0] == '\0')
    return base_fail (EBUSY, "in use by pid %lld on %s, which has no control "
                      "socket; try again when it has ended",
                      (long long) owner.pid, owner.host);
  if (record)
    return base_fail (EBUSY, "in use by pid %lld on %s, and its control "
                      "socket %s cannot be used: %s; see `ps -p %lld` there",
                      (long long) owner.pid, owner.host, owner.socket, why,
                      (long long) owner.pid);
  if (h.pid != 0)
    return base_fail (EBUSY, "in use by pid %ld (%s) on %s, which %s; try "
                      "again when it has ended", h.pid, h.name, host,
                      h.reads ? "only reads it and names no control socket" :
                      "has named no control socket");
  return base_fail (EBUSY, "%s; see `%s %s`", lock,
                    S_ISBLK (h.st.st_mode) ? "lsblk" : "lsof", c->pool);
}
