/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the CLEANUP_* and *_FOR_SCOPE macros call at the end of a scope.
 *
 * errno is left as it was: the compiler runs these after the return value is
 * computed but callers of callers may still look at errno.
 */

#include <config.h>

#include <stdlib.h>
#include <unistd.h>

#include "base.h"

void
base_cleanup_free (void *pp)
{
  int saved = errno;

  free (*(void **) pp);
  errno = saved;
}

void
base_cleanup_file (FILE **pp)
{
  int saved = errno;

  if (*pp)
    fclose (*pp);
  errno = saved;
}

void
base_cleanup_fd (int *fdp)
{
  int saved = errno;

  if (*fdp >= 0)
    close (*fdp);
  errno = saved;
}

void
base_cleanup_mutex (struct base_mutex **mp)
{
  base_mutex_unlock (*mp);
}

void
base_cleanup_rwlock (struct base_rwlock **lp)
{
  base_rwlock_unlock (*lp);
}
