/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-verdict: runs the check over an image in memory and keeps what it
 * said, so that a test can ask for words in it.
 */

#ifndef NBDVOL_TEST_POOL_VERDICT_H
#define NBDVOL_TEST_POOL_VERDICT_H

#include <inttypes.h>

#include "check.h"

#define VERDICT_LINES 400

struct verdict {
  int result;                   /* of check_image */
  struct pool_check_result r;
  unsigned n;                   /* lines, at most VERDICT_LINES kept */
  struct pool_check_problem line[VERDICT_LINES];
};

/* A read-only device over IMAGE, which stays with the caller and may change
 * meanwhile.
 */
extern struct vdev *image_vdev (const uint8_t *image, size_t size);

extern void verdict_of (struct verdict *v, const uint8_t *image, size_t size,
                        const struct format_super *super, bool data);
/* Some line holds both texts (B may be NULL). */
extern bool verdict_says (const struct verdict *v, const char *a,
                          const char *b);
extern void verdict_print (const struct verdict *v);

#endif /* NBDVOL_TEST_POOL_VERDICT_H */
