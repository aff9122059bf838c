/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Allocations that fail as told; linked instead of common/base/alloc.c.
 *
 * Calls are counted from alloc_faulty_set on, over all threads.  Nothing
 * fails before the first call of it.
 */

#ifndef NBDVOL_ALLOC_FAULTY_H
#define NBDVOL_ALLOC_FAULTY_H

#include <stdbool.h>
#include <stdint.h>

/* Starts counting at 0.  The call number FIRST (1, 2, ...) fails, and with
 * STICKY every later one too; FIRST 0 = none fails.
 */
extern void alloc_faulty_set (uint64_t first, bool sticky);
/* Calls since alloc_faulty_set. */
extern uint64_t alloc_faulty_calls (void);
/* How many of them failed. */
extern uint64_t alloc_faulty_failures (void);

#endif /* NBDVOL_ALLOC_FAULTY_H */
