/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What every C test stands on: counted assertions, a seed that is printed
 * and can be given back, a temporary directory.
 *
 *   #include "test.h"
 *
 *   TEST_MAIN
 *   {
 *     CHECK (base_crc32c ("123456789", 9) == 0xe3069283);
 *   }
 *
 * A failed assertion prints file, line and values and ends the program with
 * exit code 1.  At the end the program prints "N assertions" as its last
 * line; tests/lib/run-test fails a test that made none.  Assertions may be
 * made on any thread.
 */

#ifndef NBDVOL_TEST_H
#define NBDVOL_TEST_H

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The body of the test follows the macro, in braces. */
#define TEST_MAIN                                       \
  static void test_body (void);                         \
  int                                                   \
  main (int argc, char **argv)                          \
  {                                                     \
    test_start (argc, argv);                            \
    test_body ();                                       \
    return test_end ();                                 \
  }                                                     \
  static void                                           \
  test_body (void)

#define CHECK(expr)                                                     \
  ((expr) ? test_passed () : test_failed (__FILE__, __LINE__, "%s", #expr))

/* With a message of its own, for loops where the expression says little. */
#define CHECK_MSG(expr, ...)                                            \
  ((expr) ? test_passed () : test_failed (__FILE__, __LINE__, __VA_ARGS__))

/* Any integers that fit int64_t or uint64_t; shown in decimal and hex. */
#define CHECK_EQ_INT(a, b)                                              \
  test_equal_int (__FILE__, __LINE__, #a, #b,                           \
                  (int64_t) (a), (int64_t) (b))
#define CHECK_EQ_STR(a, b)                                              \
  test_equal_str (__FILE__, __LINE__, #a, #b, (a), (b))
/* Shows the first offset that differs. */
#define CHECK_EQ_MEM(a, b, n)                                           \
  test_equal_mem (__FILE__, __LINE__, #a, #b, (a), (b), (n))

extern void test_start (int argc, char **argv);
extern int test_end (void);
extern void test_passed (void);
extern void test_failed (const char *file, int line, const char *fs, ...)
  __attribute__ ((__format__ (printf, 3, 4), __noreturn__));
extern void test_equal_int (const char *file, int line, const char *sa,
                            const char *sb, int64_t a, int64_t b);
extern void test_equal_str (const char *file, int line, const char *sa,
                            const char *sb, const char *a, const char *b);
extern void test_equal_mem (const char *file, int line, const char *sa,
                            const char *sb, const void *a, const void *b,
                            size_t n);

/* Count N assertions that somebody else made (a child process, a loop that
 * compares by itself).
 */
extern void test_count (uint64_t n);

/* End the program as skipped.  REASON must stand in tests/SKIPS. */
extern void test_skip (const char *reason) __attribute__ ((__noreturn__));

/* The environment's SEED, or a random one; printed as "SEED=N" when it is
 * first asked for.
 */
extern uint64_t test_seed (void);

/* The environment's NAME as a number, or VALUE: how long a test runs. */
extern uint64_t test_env (const char *name, uint64_t value);

/* The arguments of the program, for tests that take any. */
extern int test_argc;
extern char **test_argv;

/* A directory of this run, made when first asked for, removed at exit.
 * Below $TMPDIR or /tmp.  test_path returns DIRECTORY/NAME; free it.
 */
extern const char *test_tmpdir (void);
extern char *test_path (const char *name);

#endif /* NBDVOL_TEST_H */
