/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz-image: turns the bytes of a fuzzer into a damaged pool.
 *
 * A fuzzer that flips bits of a pool never gets past the first checksum.
 * Here its bytes choose a hand-built pool (tests/lib/pool-samples.c) and a
 * list of edits in it: superblock, records, entries, any block, fixed
 * sectors.  Afterwards all checksums are made right again, unless the input
 * asks for them to stay wrong.
 *
 *   byte 0      sample, modulo the number of samples used
 *   byte 1      bit 0: leave checksums wrong; bit 1: the backing ends early;
 *               bit 2: the caller's choice
 *   then        edits of 8 bytes: operation, A, OFFSET (16 bits), VALUE
 *               (32 bits)
 */

#ifndef NBDVOL_FUZZ_IMAGE_H
#define NBDVOL_FUZZ_IMAGE_H

#include "pool-image.h"

struct fuzz_image {
  uint8_t *image;               /* valid until the next call */
  size_t size;                  /* as the backing has it */
  const struct format_super *super;
  bool newest;                  /* no other slot has a later one than super */
  const uint64_t *used;         /* places that are not all zero, ascending */
  size_t nused;
  size_t bs;
  unsigned flags;               /* byte 1 */
};

/* False if the input is too short.  Not for several threads. */
extern bool fuzz_image_make (struct fuzz_image *f, const uint8_t *data,
                             size_t size);

/* The targets: each can be called any number of times and aborts when
 * something is wrong.  fuzz-check.c: check_image.  fuzz-open.c: the engine.
 */
extern void fuzz_check (const uint8_t *data, size_t size);
extern void fuzz_open (const uint8_t *data, size_t size);

#endif /* NBDVOL_FUZZ_IMAGE_H */
