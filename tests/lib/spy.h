/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device that remembers how it was called: what the wrappers and the
 * decorators are tested with.
 *
 * It has every operation, keeps its bytes in plain memory and checks on each
 * call what the contract promises it: a length, alignment, range, maximum.
 * One thread at a time.
 */

#ifndef NBDVOL_SPY_H
#define NBDVOL_SPY_H

#include "vdev.h"

enum spy_op {
  SPY_READ, SPY_WRITE, SPY_FLUSH, SPY_TRIM, SPY_ZERO, SPY_EXTENTS, SPY_CACHE,
  SPY_RESIZE, SPY_START, SPY_KICK, SPY_STAT, SPY_DESCRIBE, SPY_CLOSE,
  SPY_OPS,
};

/* All capabilities that go together. */
#define SPY_ALL_CAPS                                                    \
  (VDEV_FLUSH | VDEV_FUA_NATIVE | VDEV_TRIM | VDEV_TRIM_ZEROES |        \
   VDEV_ZERO | VDEV_FAST_ZERO | VDEV_EXTENTS | VDEV_ABSENT |            \
   VDEV_RESIZE | VDEV_ROTATIONAL | VDEV_MULTI_CONN | VDEV_ORDERED |     \
   VDEV_ONE_WRITER)

struct spy_call {
  enum spy_op op;
  uint64_t off, len;
  uint32_t flags;
};

BASE_VECTOR (spy_call_vector, struct spy_call);

/* Filled in by the device, except error, extents and closed, which the test
 * sets.  The test owns it; it outlives the device.
 */
struct spy {
  struct vdev d;
  uint8_t *bytes;               /* 4 MiB */
  struct spy_call_vector calls;
  unsigned count[SPY_OPS];
  int error[SPY_OPS];           /* returned instead of doing it */
  /* What extents reports, up to a length of 0. */
  struct { uint64_t off, len; uint32_t type; } extents[16];
};

#define SPY_CAPACITY (4U << 20)

/* Empties the log and the counts, not the bytes. */
extern void spy_forget (struct spy *s);
extern void spy_open (struct spy *s, uint32_t caps, uint32_t align,
                      uint32_t maximum, uint64_t size);
/* After the device is closed. */
extern void spy_free (struct spy *s);

#endif /* NBDVOL_SPY_H */
