/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the programs in tests/tools share.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "tool.h"

void
die (const char *fs, ...)
{
  va_list args;

  fflush (stdout);
  fprintf (stderr, "%s: ", program_invocation_short_name);
  va_start (args, fs);
  vfprintf (stderr, fs, args);
  va_end (args);
  fprintf (stderr, "\n");
  exit (EXIT_FAILURE);
}

uint64_t
number_option (const char *text)
{
  char *end;
  uint64_t n = strtoull (text, &end, 10);

  if (*text == '\0' || *end != '\0')
    die ("'%s' is no number", text);
  return n;
}

char *
expand (const char *text, unsigned number)
{
  const char *p = strstr (text, "%d");
  char *s;

  s = p ? base_asprintf ("%.*s%u%s", (int) (p - text), text, number, p + 2)
    : base_strdup (text);
  if (s == NULL)
    die ("no memory");
  return s;
}

void
pass_time (uint64_t ms)
{
  poll (NULL, 0, (int) ms);
}
