/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-samples: hand-built pools of every shape the format knows, by number,
 * for tests that want to look at all of them.
 */

#ifndef NBDVOL_TEST_POOL_SAMPLES_H
#define NBDVOL_TEST_POOL_SAMPLES_H

#include "pool-image.h"

/* Sample I, or NULL after the last.  NAME is static. */
extern struct pi *pool_sample (unsigned i, const char **name);

#endif /* NBDVOL_TEST_POOL_SAMPLES_H */
