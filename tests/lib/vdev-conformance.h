/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What vdev.h promises of every device, as a suite that any device can be
 * run through.  Failed assertions end the program (test.h).
 */

#ifndef NBDVOL_VDEV_CONFORMANCE_H
#define NBDVOL_VDEV_CONFORMANCE_H

#include "vdev.h"

struct vdev_conformance {
  const char *name;             /* for the output */
  /* Make a fresh writable device of SIZE bytes (a multiple of 64 KiB) that
   * reads as zero all over.  It is closed before the next is made.
   */
  struct vdev *(*make) (void *opaque, uint64_t size);
  /* Open the device that was made and closed last again, read-only, with
   * the bytes that were flushed.  NULL: this kind cannot.
   */
  struct vdev *(*reopen) (void *opaque);
  void *opaque;
  uint64_t size;                /* of the device; 0 = 2 MiB */
  uint64_t ops;                 /* of the model check; 0 = 20000 */
  unsigned flush_percent;       /* of these are flushes; 0 = 2 */
  unsigned threads;             /* of the concurrent part; 0 = 4 */
  bool no_large;                /* leave out the 32 MiB request */
};

/* All of it.  The seed is test_seed (). */
extern void vdev_conformance (const struct vdev_conformance *c);

/* Its parts. */
extern void vdev_conform_facts (const struct vdev_conformance *c);
extern void vdev_conform_ranges (const struct vdev_conformance *c);
extern void vdev_conform_edges (const struct vdev_conformance *c);
extern void vdev_conform_large (const struct vdev_conformance *c);
extern void vdev_conform_zeroing (const struct vdev_conformance *c);
extern void vdev_conform_resize (const struct vdev_conformance *c);
extern void vdev_conform_reopen (const struct vdev_conformance *c);
extern void vdev_conform_kick (const struct vdev_conformance *c);
extern void vdev_conform_model (const struct vdev_conformance *c);
extern void vdev_conform_threads (const struct vdev_conformance *c);

/* [OFF, OFF + LEN): the extents cover exactly this, in order, no neighbours
 * alike, and what they call zeroes reads as zero.
 */
extern void vdev_conform_extents (struct vdev *d, uint64_t len, uint64_t off);

#endif /* NBDVOL_VDEV_CONFORMANCE_H */
