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
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "pool.h"

/* A file that cannot be used is a failure of its own: not a missing volume.
 */
static int
report_file (const struct command *c, int r)
{
  switch (-r) {
  case EINTR:                   /* the only thing that a signal interrupts */
    return report (c, base_fail (ECANCELED, "interrupted"));
  case ENOSPC: case EDQUOT: case EFBIG:
    return report_code (c, r, EXIT_NO_SPACE);
  case EEXIST:
    return report_code (c, r, EXIT_EXISTS);
  }
  return report_code (c, r, EXIT_FAILED);
}

/* ---- import ------------------------------------------------------------ */

int
run_import (struct command *c)
{
  const char *volume = c->args[0], *source = c->args[1];
  const bool is_pipe = strcmp (source, "-") == 0;
  const char *name = is_pipe ? "standard input" : source;
  CLEANUP_FD int fd = -1;
  struct target *t;
  json_t *reply;
  int code, r;

  if (pool_check_name (volume, 0) < 0)
    return report_usage (c);
  fd = is_pipe ? dup (STDIN_FILENO) : open (source, O_RDONLY | O_CLOEXEC);
  if (fd == -1)
    return report_file (c, base_fail_errno (errno, "%s: cannot read",
                                            source));
  code = target_open (c, TARGET_CHANGE, &t);
  if (code != EXIT_DONE)
    return code;
  r = target_call (t, "import",
                   json_pack ("{s:s, s:o}", "volume", volume, "source",
                              command_text (name)),
                   fd, &reply);
  code = target_end (t, r);
  if (r == 0) {
    remark (c, "%s: imported from %s", volume, name);
    if (code == EXIT_DONE && given (c, OPT_JSON))
      print_json (json_incref (reply));
    json_decref (reply);
  }
  return code;
}

/* ---- export ------------------------------------------------------------ */

static int
cannot_write (const char *name)
{
  return base_fail_errno (errno, "%s: cannot write", name);
}

/* OLD: what the file will replace, and whose mode it gets; NULL = nothing. */
static int
open_new (struct new_file *f, const char *target, const char *name,
          const struct stat *old)
{
  mode_t mask = umask (0);
  int r;

  umask (mask);
  r = new_file_open (f, target, name);
  if (r == 0 &&
      fchmod (f->fd, old ? old->st_mode & 0777 : 0666 & ~mask) == -1)
    r = cannot_write (name);
  return r;
}

/* Something is there already: ST. */
static int
open_existing (const struct command *c, struct new_file *f,
               const struct stat *st)
{
  const char *name = c->args[1];
  CLEANUP_FREE char *target = NULL;

  if (!given (c, OPT_FORCE))
    return base_fail (EEXIST, "%s: exists already; --force overwrites it",
                      name);
  if (S_ISDIR (st->st_mode))
    return base_fail_errno (EISDIR, "%s: cannot write", name);
  if (target_is_backing (c, name))
    return base_fail (EBUSY, "%s: is the pool itself", name);
  /* A pool, whatever text names it, or the disk of a machine that runs. */
  if ((S_ISREG (st->st_mode) || S_ISBLK (st->st_mode)) &&
      owner_is_locked (name))
    return base_fail (EBUSY, "%s: in use by another process (it is locked)",
                      name);
  target = realpath (name, NULL);       /* a link stays, its file is replaced */
  if (target == NULL)
    return cannot_write (name);
  if (S_ISREG (st->st_mode))
    return open_new (f, target, name, st);
  /* A device file may be exclusive (O_EXCL: not mounted) and is read where
   * its blocks are larger than ours.
   */
  f->fd = open (target, (S_ISBLK (st->st_mode) ? O_RDWR | O_EXCL :
                         O_WRONLY) | O_CLOEXEC);
  return f->fd == -1 ? cannot_write (name) : 0;
}

static int
file_open (const struct command *c, struct new_file *f)
{
  const char *name = c->args[1];
  struct stat st;

  if (strcmp (name, "-") == 0) {
    f->fd = dup (STDOUT_FILENO);
    return f->fd == -1 ? cannot_write ("standard output") : 0;
  }
  if (stat (name, &st) == 0)
    return open_existing (c, f, &st);
  return errno == ENOENT ? open_new (f, name, name, NULL) :
    cannot_write (name);
}

/* Give the file its name.  Its bytes are on disk already. */
static int
file_finish (const struct command *c, struct new_file *f)
{
  int r;

  if (f->temporary == NULL)
    return 0;
  r = new_file_publish (f, given (c, OPT_FORCE));
  if (r == -EEXIST)
    return base_fail (EEXIST, "%s: exists already; --force overwrites it",
                      c->args[1]);
  return r;
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
  struct new_file f = { .fd = -1 };
  const char *name = strcmp (c->args[1], "-") == 0 ? "standard output" :
    c->args[1];
  struct target *t;
  json_t *reply = NULL;
  int code, r;

  if (check_export (c) < 0)
    return report_usage (c);
  code = target_open (c, TARGET_LOOK, &t);
  if (code != EXIT_DONE)
    return code;
  r = file_open (c, &f);
  if (r < 0) {
    code = report_file (c, r);
    (void) target_end (t, 0);
    new_file_drop (&f);
    return code;
  }
  r = target_call (t, "export",
                   json_pack ("{s:s, s:o}", "name", c->args[0], "target",
                              command_text (name)),
                   f.fd, &reply);
  code = target_end (t, r);
  if (code == EXIT_DONE) {
    r = file_finish (c, &f);
    if (r < 0)
      code = report_file (c, r);
  }
  new_file_drop (&f);
  if (code == EXIT_DONE)
    remark (c, "%s: exported to %s", c->args[0], name);
  if (code == EXIT_DONE && given (c, OPT_JSON))
    print_json (json_incref (reply));
  json_decref (reply);
  return code;
}
