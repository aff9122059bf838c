/* SPDX-License-Identifier: BSD-3-Clause
 *
 * tool: what the programs in tests/tools share.
 */

#ifndef NBDVOL_TOOL_H
#define NBDVOL_TOOL_H

#include "base.h"

/* "PROGRAM: TEXT" on stderr, exit code 1. */
extern void die (const char *fs, ...)
  __attribute__ ((__format__ (printf, 1, 2), __noreturn__));

/* A decimal number, or the end of the program. */
extern uint64_t number_option (const char *text);

/* TEXT with NUMBER in the place of its first "%d", to be freed. */
extern char *expand (const char *text, unsigned number);

/* Let MS milliseconds of load go by; not for waiting until something is
 * true.
 */
extern void pass_time (uint64_t ms);

#endif /* NBDVOL_TOOL_H */
