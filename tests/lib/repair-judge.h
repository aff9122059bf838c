/* SPDX-License-Identifier: BSD-3-Clause
 *
 * repair-judge: repairs hand-built pools that were damaged, and judges what
 * is left.  What volumes hold comes from the builder's memory, not from the
 * image.
 */

#ifndef NBDVOL_TEST_REPAIR_JUDGE_H
#define NBDVOL_TEST_REPAIR_JUDGE_H

#include "pool-bend.h"

#define REPAIRED_LINES 200

struct repaired {
  int result;                   /* of pool_repair */
  struct pool_repair_result r;
  unsigned nlines, nlost, nproblems;
  char line[REPAIRED_LINES][512];
  struct pool_lost lost[REPAIRED_LINES];
  char problem[REPAIRED_LINES][512];
};

/* A device in memory that holds IMAGE. */
extern struct vdev *repair_device (const uint8_t *image, size_t size);
extern void repair_run (struct repaired *out, struct vdev *d);
extern bool repaired_says (const struct repaired *r, const char *text);
extern void repaired_print (const struct repaired *r);

/* The check finds nothing wrong with D now. */
extern bool repair_is_clean (struct vdev *d);

/* Every volume and snapshot of P reads from D as it was built, but for bytes
 * that R calls lost: those fail with EBADMSG, all of them.  NULL = so it is,
 * else what is not (static).
 */
extern const char *repair_judge (struct pi *p, struct vdev *d,
                                 const struct repaired *r);

#endif /* NBDVOL_TEST_REPAIR_JUDGE_H */
