/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to common/vdev: the checks that every wrapper makes first.
 */

#ifndef NBDVOL_VDEV_INTERNAL_H
#define NBDVOL_VDEV_INTERNAL_H

#include "vdev.h"

/* The slow half of vdev_admit: says what is wrong.  Never returns 0. */
extern int vdev_refuse (struct vdev *d, const char *op, uint64_t len,
                        uint64_t off);

static inline bool
vdev_is_kicked (struct vdev *d)
{
  return atomic_load_explicit (&d->kicked, memory_order_relaxed);
}

extern int vdev_shutdown_error (struct vdev *d);

/* Is [OFF, OFF + LEN) inside the device, and is the device alive?  OP is for
 * the message.
 */
static inline int
vdev_admit (struct vdev *d, const char *op, uint64_t len, uint64_t off)
{
  uint64_t size = vdev_size (d);

  if (__builtin_expect (len <= size && off <= size - len &&
                        !vdev_is_kicked (d), 1))
    return 0;
  return vdev_refuse (d, op, len, off);
}

#endif /* NBDVOL_VDEV_INTERNAL_H */
