/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A new file that gets its name when all of it is on disk.
 *
 * It is written under a passing name beside the target and then takes the
 * target's name in one step.  So nobody sees half of it, whoever is
 * interrupted leaves nothing that stands in the way, and of two that make
 * the same file one is refused: what exists is never removed, for nothing
 * but the passing name is ever unlinked.
 */

#include <config.h>

#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"

int
new_file_open (struct new_file *f, const char *target, const char *name)
{
  CLEANUP_FREE char *copy = base_strdup (target);
  int err;

  f->fd = -1;
  f->name = name;
  f->temporary = NULL;
  f->target = base_strdup (target);
  if (copy != NULL && f->target != NULL)
    f->temporary = base_asprintf ("%s/.nbdvol-XXXXXX", dirname (copy));
  if (f->temporary == NULL)
    return base_fail_errno (ENOMEM, "%s", name);
  f->fd = mkostemp (f->temporary, O_CLOEXEC);
  if (f->fd == -1) {
    err = errno;
    free (f->temporary);
    f->temporary = NULL;
    return base_fail_errno (err, "%s: cannot write", name);
  }
  return 0;
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

static int
rename_new (const struct new_file *f)
{
  int r = renameat2 (AT_FDCWD, f->temporary, AT_FDCWD, f->target,
                     RENAME_NOREPLACE);

  if (r == -1 && errno == EINVAL) {     /* not on this file system */
    r = link (f->temporary, f->target);
    if (r == 0)
      (void) unlink (f->temporary);
  }
  return r;
}

int
new_file_publish (struct new_file *f, bool replace)
{
  int r;

  r = replace ? rename (f->temporary, f->target) : rename_new (f);
  if (r == -1)
    return base_fail_errno (errno, "%s: cannot write", f->name);
  free (f->temporary);
  f->temporary = NULL;
  if (sync_directory (f->target) == -1)
    return base_fail_errno (errno, "%s: cannot write its directory", f->name);
  return 0;
}

void
new_file_drop (struct new_file *f)
{
  if (f->temporary != NULL)
    (void) unlink (f->temporary);
  if (f->fd != -1)
    close (f->fd);
  free (f->temporary);
  free (f->target);
  f->fd = -1;
  f->temporary = f->target = NULL;
}
