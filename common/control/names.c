/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Errors by name.  Numbers of errno differ between systems and say nothing
 * to who reads a line of JSON; names do neither.  The table holds what the
 * rooms below can return.
 */

#include <config.h>

#include "control.h"

static const struct {
  int err;
  const char *name;
} names[] = {
  { EINVAL, "EINVAL" }, { ERANGE, "ERANGE" }, { ENOSPC, "ENOSPC" },
  { EROFS, "EROFS" }, { EIO, "EIO" }, { EBADMSG, "EBADMSG" },
  { ESTALE, "ESTALE" }, { ESHUTDOWN, "ESHUTDOWN" },
  { ETIMEDOUT, "ETIMEDOUT" }, { EOPNOTSUPP, "EOPNOTSUPP" },
  { ENOMEM, "ENOMEM" }, { ENOENT, "ENOENT" }, { EEXIST, "EEXIST" },
  { EBUSY, "EBUSY" }, { EACCES, "EACCES" }, { EPERM, "EPERM" },
  { ECANCELED, "ECANCELED" }, { ENOSYS, "ENOSYS" }, { EAGAIN, "EAGAIN" },
  { E2BIG, "E2BIG" }, { ECONNRESET, "ECONNRESET" },
  { ECONNREFUSED, "ECONNREFUSED" }, { EPROTO, "EPROTO" },
  { EPIPE, "EPIPE" }, { EFBIG, "EFBIG" }, { EDQUOT, "EDQUOT" },
  { EISDIR, "EISDIR" }, { ENOTDIR, "ENOTDIR" }, { EMFILE, "EMFILE" },
  { ENFILE, "ENFILE" }, { ENAMETOOLONG, "ENAMETOOLONG" },
  { ENXIO, "ENXIO" }, { ENODEV, "ENODEV" }, { ELOOP, "ELOOP" },
  { ETXTBSY, "ETXTBSY" }, { ESPIPE, "ESPIPE" }, { EBADF, "EBADF" },
  { EOVERFLOW, "EOVERFLOW" }, { EUCLEAN, "EUCLEAN" },
};

const char *
control_errno_name (int err)
{
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (names); ++i)
    if (names[i].err == err)
      return names[i].name;
  return NULL;
}

int
control_errno (const char *name)
{
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (names); ++i)
    if (strcmp (names[i].name, name) == 0)
      return names[i].err;
  return EIO;
}
