/* SPDX-License-Identifier: BSD-3-Clause
 *
 * devices: the devices that stand at the bottom of a stack, and the three
 * that the tests of every engine stand on.
 *
 * file      a file or block device: holes, punch, fallocate, fdatasync,
 *           O_DIRECT, an OFD lock (exclusive when writable, shared when
 *           read-only) that survives fork
 * mem       memory, sparse; 'mem:SIZE'
 * slice     a window of another device; 'slice(x,OFFSET,LENGTH)'
 *
 * For tests only (a separate library, never installed):
 * recorder  passes through and logs issue and completion of every write,
 *           trim, zero, resize and flush, for crash enumeration
 * faulty    passes through and fails the n-th call as told
 * volatile  holds writes, trims and zeroes in memory and passes them down at
 *           flush, plus a random part earlier in random order: to kill the
 *           process is then to cut the power
 *
 * Constructors that take a child own it on success and leave it with the
 * caller on failure.
 */

#ifndef NBDVOL_DEVICES_H
#define NBDVOL_DEVICES_H

#include "vdev.h"

/* Register file, mem and slice with the opener. */
extern int devices_register (void);

/* PATH as given stands in messages.  FLAGS: enum vdev_open_flag.  A file
 * that another process has locked: EBUSY.  Align is 1, or with
 * VDEV_OPEN_DIRECT the logical block size of what lies below.
 */
extern int devices_file_open (const char *path, uint32_t flags,
                              struct vdev **ret);
/* The same on a descriptor that is already open; FD is taken over on
 * success.
 */
extern int devices_file_from_fd (int fd, const char *name, uint32_t flags,
                                 struct vdev **ret);

extern int devices_mem_open (uint64_t size, struct vdev **ret);

/* [OFFSET, OFFSET + LENGTH) of CHILD; LENGTH 0 = up to the end.  Both are
 * multiples of the child's align.
 */
extern int devices_slice_open (struct vdev *child, uint64_t offset,
                               uint64_t length, struct vdev **ret);

#endif /* NBDVOL_DEVICES_H */
