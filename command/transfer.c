/* SPDX-License-Identifier: BSD-3-Clause
 *
 * import and export: the files are opened here, as the caller, and their
 * descriptors go to where the pool is.
 *
 * An export into a file writes to a new file beside it, which takes the
 * target's name when everything is on disk; an interrupted one leaves
 * nothing.  A block device (with --force) is written as it is: there is
 * nothing to rename.
 */

#include <config.h>

#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "pool.h"

/* A file that cannot be used is a failure of its own: not a missing volume.
 */
static int
report_file (const struct command *c, int err, const char *name,
             const char *what)
{
  if (err == EINTR && signal_seen ())
    return report (c, base_fail (ECANCELED, "interrupted"));
  return report_code (c, base_fail_errno (err, "%s: %s", name, what),
                      err == ENOSPC ? EXIT_NO_SPACE : EXIT_FAILED);
}

/* ---- import ------------------------------------------------------------ */

int
run_import (struct command *c)
{
  const char *volume = c->args[0], *source = c->args[1];
  const bool is_pipe = strcmp (source, "-") == 0;
  CLEANUP_FD int fd = -1;
  struct target *t;
  json_t *reply;
  int code, r;

  if (pool_check_name (volume, 0) < 0)
    return report_usage (c);
  fd = is_pipe ? dup (STDIN_FILENO) : open (source, O_RDONLY | O_CLOEXEC);
  if (fd == -1)
    return report_file (c, errno, source, "cannot read");
  code = target_open (c, false, &t);
  if (code != EXIT_DONE)
    return code;
  r = target_call (t, "import",
                   json_pack ("{s:s, s:s}", "volume", volume, "source",
                              is_pipe ? "standard input" : source),
                   fd, &reply);
  code = target_end (t, r);
  if (r == 0) {
    if (code == EXIT_DONE && given (c, OPT_JSON))
      print_json (json_incref (reply));
    json_decref (reply);
  }
  return code;
}

/* ---- export ------------------------------------------------------------ */

struct output_file {
  int fd;
  char *target;                 /* where it goes; resolved */
  char *temporary;              /* NULL = written as it is */
};

static void
file_drop (struct output_file *f)
{
  if (f->temporary != NULL)
    (void) unlink (f->temporary);
  if (f->fd != -1)
    close (f->fd);
  free (f->temporary);
  free (f->target);
}

/* A new file beside TARGET.  OLD: what it will replace, and whose mode it
 * gets; NULL = nothing.
 */
static int
open_temporary (const struct command *c, struct output_file *f,
                const struct stat *old)
{
  CLEANUP_FREE char *copy = base_strdup (f->target);
  mode_t mask = umask (0);

  umask (mask);
  if (copy != NULL)
    f->temporary = base_asprintf ("%s/.nbdvol-XXXXXX", dirname (copy));
  if (f->temporary == NULL)
    return report (c, base_fail_errno (ENOMEM, "export"));
  f->fd = mkostemp (f->temporary, O_CLOEXEC);
  if (f->fd == -1) {
    int err = errno;
    free (f->temporary);
    f->temporary = NULL;
    return report_file (c, err, c->args[1], "cannot write");
  }
  if (fchmod (f->fd, old ? old->st_mode & 0777 : 0666 & ~mask) == -1)
    return report_file (c, errno, c->args[1], "cannot write");
  return EXIT_DONE;
}

/* Something is there already: ST. */
static int
open_existing (const struct command *c, struct output_file *f,
               const struct stat *st)
{
  const char *name = c->args[1];

  if (!given (c, OPT_FORCE))
    return report (c, base_fail (EEXIST, "%s: exists already; "
                                 "--force overwrites it", name));
  if (S_ISDIR (st->st_mode))
    return report_file (c, EISDIR, name, "cannot write");
  if (target_is_backing (c, name))
    return report_code (c, base_fail (EBUSY, "%s: is the pool itself", name),
                        EXIT_FAILED);
  free (f->target);
  f->target = realpath (name, NULL);    /* a link stays, its file is replaced */
  if (f->target == NULL)
    return report_file (c, errno, name, "cannot write");
  if (S_ISREG (st->st_mode))
    return open_temporary (c, f, st);
  /* A device file may be exclusive (O_EXCL: not mounted) and is read where
   * its blocks are larger than ours.
   */
  f->fd = open (f->target, (S_ISBLK (st->st_mode) ? O_RDWR | O_EXCL :
                            O_WRONLY) | O_CLOEXEC);
  return f->fd == -1 ? report_file (c, errno, name, "cannot write") :
    EXIT_DONE;
}

static int
file_open (const struct command *c, struct output_file *f)
{
  const char *name = c->args[1];
  struct stat st;

  if (strcmp (name, "-") == 0) {
    f->fd = dup (STDOUT_FILENO);
    return f->fd == -1 ? report_file (c, errno, "standard output",
                                      "cannot write") : EXIT_DONE;
  }
  f->target = base_strdup (name);
  if (f->target == NULL)
    return report (c, base_fail_errno (ENOMEM, "export"));
  if (stat (name, &st) == 0)
    return open_existing (c, f, &st);
  if (errno != ENOENT)
    return report_file (c, errno, name, "cannot write");
  return open_temporary (c, f, NULL);
}

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

/* Give the file its name.  Its bytes are on disk already. */
static int
file_finish (const struct command *c, struct output_file *f)
{
  const bool replace = given (c, OPT_FORCE);
  int r;

  if (f->temporary == NULL)
    return EXIT_DONE;
  if (replace)
    r = rename (f->temporary, f->target);
  else {
    r = renameat2 (AT_FDCWD, f->temporary, AT_FDCWD, f->target,
                   RENAME_NOREPLACE);
    if (r == -1 && errno == EINVAL) {   /* not on this file system */
      r = link (f->temporary, f->target);
      if (r == 0)
        (void) unlink (f->temporary);
    }
  }
  if (r == -1 && errno == EEXIST)
    return report (c, base_fail (EEXIST, "%s: exists already; "
                                 "--force overwrites it", c->args[1]));
  if (r == -1)
    return report_file (c, errno, c->args[1], "cannot write");
  free (f->temporary);
  f->temporary = NULL;
  if (sync_directory (f->target) == -1)
    return report_file (c, errno, c->args[1], "cannot write its directory");
  return EXIT_DONE;
}

static int
check_export (const struct command *c)
{
  if (pool_check_name (c->args[0], 2) < 0)
    return -EINVAL;
  if (strcmp (c->args[1], "-") != 0)
    return 0;
  if (given (c, OPT_JSON))
    return base_fail (EINVAL, "--json cannot be used with a TARGET of -");
  if (isatty (STDOUT_FILENO))
    return base_fail (EINVAL, "TARGET - is a terminal");
  return 0;
}

int
run_export (struct command *c)
{
  struct output_file f = { .fd = -1 };
  struct target *t;
  json_t *reply = NULL;
  int code, r;

  if (check_export (c) < 0)
    return report_usage (c);
  code = target_open (c, true, &t);
  if (code != EXIT_DONE)
    return code;
  code = file_open (c, &f);
  if (code != EXIT_DONE) {
    (void) target_end (t, 0);
    file_drop (&f);
    return code;
  }
  r = target_call (t, "export",
                   json_pack ("{s:s, s:s}", "name", c->args[0], "target",
                              f.target ? c->args[1] : "standard output"),
                   f.fd, &reply);
  code = target_end (t, r);
  if (code == EXIT_DONE)
    code = file_finish (c, &f);
  file_drop (&f);
  if (code == EXIT_DONE && given (c, OPT_JSON))
    print_json (json_incref (reply));
  json_decref (reply);
  return code;
}
