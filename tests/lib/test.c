/* SPDX-License-Identifier: BSD-3-Clause
 *
 * test.h explains.  This file uses no room of common/, so that a test of
 * base does not stand on what it tests.
 */

#include <config.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <ftw.h>
#include <sys/random.h>
#include <unistd.h>

#include "test.h"

int test_argc;
char **test_argv;

static _Atomic uint64_t assertions;
static char tmpdir[4096];
static pid_t tmpdir_owner;

void
test_start (int argc, char **argv)
{
  test_argc = argc;
  test_argv = argv;
  setvbuf (stdout, NULL, _IOLBF, 0);
}

int
test_end (void)
{
  uint64_t n = assertions;

  printf ("%" PRIu64 " assertions\n", n);
  return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void
test_passed (void)
{
  atomic_fetch_add_explicit (&assertions, 1, memory_order_relaxed);
}

void
test_count (uint64_t n)
{
  atomic_fetch_add_explicit (&assertions, n, memory_order_relaxed);
}

void
test_failed (const char *file, int line, const char *fs, ...)
{
  va_list args;

  fflush (stdout);
  fprintf (stderr, "%s:%d: FAILED: ", file, line);
  va_start (args, fs);
  vfprintf (stderr, fs, args);
  va_end (args);
  fprintf (stderr, "\n");
  exit (EXIT_FAILURE);
}

void
test_equal_int (const char *file, int line, const char *sa, const char *sb,
                int64_t a, int64_t b)
{
  if (a == b)
    test_passed ();
  else
    test_failed (file, line, "%s == %s: %" PRId64 " (0x%" PRIx64 ") is not %"
                 PRId64 " (0x%" PRIx64 ")", sa, sb, a, (uint64_t) a,
                 b, (uint64_t) b);
}

void
test_equal_str (const char *file, int line, const char *sa, const char *sb,
                const char *a, const char *b)
{
  if (a != NULL && b != NULL && strcmp (a, b) == 0)
    test_passed ();
  else
    test_failed (file, line, "%s == %s: \"%s\" is not \"%s\"", sa, sb,
                 a ? a : "(null)", b ? b : "(null)");
}

void
test_equal_mem (const char *file, int line, const char *sa, const char *sb,
                const void *a, const void *b, size_t n)
{
  const unsigned char *pa = a, *pb = b;
  size_t i;

  if (n == 0 || memcmp (a, b, n) == 0) {
    test_passed ();
    return;
  }
  for (i = 0; pa[i] == pb[i]; i++)
    ;
  test_failed (file, line, "%s == %s: differ from offset %zu of %zu "
               "(0x%02x is not 0x%02x)", sa, sb, i, n, pa[i], pb[i]);
}

void
test_skip (const char *reason)
{
  printf ("SKIP: %s\n", reason);
  exit (77);
}

uint64_t
test_env (const char *name, uint64_t value)
{
  const char *s = getenv (name);
  char *end;
  unsigned long long n;

  if (s == NULL || *s == '\0')
    return value;
  errno = 0;
  n = strtoull (s, &end, 0);
  if (errno != 0 || *end != '\0')
    test_failed (__FILE__, __LINE__, "%s=%s is not a number", name, s);
  return n;
}

uint64_t
test_seed (void)
{
  static bool known;
  static uint64_t seed;
  uint32_t random;

  if (!known) {
    if (getrandom (&random, sizeof random, 0) != sizeof random)
      test_failed (__FILE__, __LINE__, "getrandom: %s", strerror (errno));
    seed = test_env ("SEED", random);
    known = true;
    printf ("SEED=%" PRIu64 "\n", seed);
  }
  return seed;
}

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void) st;
  (void) type;
  (void) ftw;
  return remove (path);
}

static void
remove_tmpdir (void)
{
  if (getpid () == tmpdir_owner)
    nftw (tmpdir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

const char *
test_tmpdir (void)
{
  const char *parent = getenv ("TMPDIR");

  if (tmpdir[0] != '\0')
    return tmpdir;
  if (parent == NULL || *parent == '\0')
    parent = "/tmp";
  snprintf (tmpdir, sizeof tmpdir, "%s/nbdvol-test-XXXXXX", parent);
  if (mkdtemp (tmpdir) == NULL)
    test_failed (__FILE__, __LINE__, "mkdtemp: %s: %s", tmpdir,
                 strerror (errno));
  tmpdir_owner = getpid ();
  atexit (remove_tmpdir);
  return tmpdir;
}

char *
test_path (const char *name)
{
  char *path;

  if (asprintf (&path, "%s/%s", test_tmpdir (), name) == -1)
    test_failed (__FILE__, __LINE__, "out of memory");
  return path;
}
