/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Crash enumeration of the pool as a program: for soak, and to repeat one
 * history or state by its numbers.  tests/lib/crash-run.h lists the options.
 */

#include <config.h>

#include "crash-run.h"

int
main (int argc, char **argv)
{
  return crash_main (argc, argv, &crash_pool_engine, "tests/pool-crash");
}
