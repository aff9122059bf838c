/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The six allocation functions of base.h, failing as alloc-faulty.h says.
 */

#include <config.h>

#include <stdatomic.h>
#include <stdlib.h>

#include "base.h"
#include "alloc-faulty.h"

static _Atomic uint64_t calls, failures;
static uint64_t first_;         /* set while no other thread allocates */
static bool sticky_;

void
alloc_faulty_set (uint64_t first, bool sticky)
{
  first_ = first;
  sticky_ = sticky;
  calls = failures = 0;
}

uint64_t
alloc_faulty_calls (void)
{
  return calls;
}

uint64_t
alloc_faulty_failures (void)
{
  return failures;
}

static bool
fails (void)
{
  uint64_t n = ++calls;

  if (first_ == 0 || (sticky_ ? n < first_ : n != first_))
    return false;
  failures++;
  errno = ENOMEM;
  return true;
}

void *
base_malloc (size_t size)
{
  return fails () ? NULL : malloc (size ? size : 1);
}

void *
base_calloc (size_t n, size_t size)
{
  return fails () ? NULL : calloc (n ? n : 1, size ? size : 1);
}

void *
base_realloc (void *p, size_t size)
{
  return fails () ? NULL : realloc (p, size ? size : 1);
}

void *
base_memalign (size_t align, size_t size)
{
  void *p;

  if (fails ())
    return NULL;
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
  return fails () ? NULL : strdup (s);
}

char *
base_asprintf (const char *fs, ...)
{
  va_list args;
  char *s;
  int r;

  if (fails ())
    return NULL;
  va_start (args, fs);
  r = vasprintf (&s, fs, args);
  va_end (args);
  return r == -1 ? NULL : s;
}
