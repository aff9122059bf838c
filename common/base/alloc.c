/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory from the C library.
 *
 * All allocations of the rooms above come through here for one reason: a
 * test program can link another file with the same six functions
 * (base_malloc, base_calloc, base_realloc, base_memalign, base_strdup,
 * base_asprintf) that fails the n-th of them.  So this file holds these six
 * and nothing else.  What they return is freed by plain free (3).
 */

#include <config.h>

#include <stdlib.h>

#include "base.h"

void *
base_malloc (size_t size)
{
  return malloc (size ? size : 1);
}

void *
base_calloc (size_t n, size_t size)
{
  return calloc (n ? n : 1, size ? size : 1);
}

void *
base_realloc (void *p, size_t size)
{
  return realloc (p, size ? size : 1);
}

void *
base_memalign (size_t align, size_t size)
{
  void *p;

  assert (base_is_power_of_2 (align));
  if (align < sizeof (void *))
    align = sizeof (void *);
  if (posix_memalign (&p, align, size ? size : 1) != 0) {
    errno = ENOMEM;
    return NULL;
  }
  memset (p, 0, size);
  return p;
}

char *
base_strdup (const char *s)
{
  return strdup (s);
}

char *
base_asprintf (const char *fs, ...)
{
  va_list args;
  char *s;
  int r;

  va_start (args, fs);
  r = vasprintf (&s, fs, args);
  va_end (args);
  if (r == -1) {
    errno = ENOMEM;
    return NULL;
  }
  return s;
}
