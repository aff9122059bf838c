/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-image: builds pools by hand, in memory, without the engine.
 *
 * For tests of the check and of readers of the format, which must not depend
 * on the engine being right.  The builder follows docs/pool-format.md in the
 * plainest way: trees of nodes in memory, shared by reference, copied when a
 * shared one is changed, and laid out all at once by pi_finish.  It shares
 * format.h with the engine and nothing else.
 *
 * pool_fix makes all checks of a damaged image right again, so that what a
 * test has bent is judged and not the checksum that gives it away.
 *
 * Failures (out of memory or space) end the program.
 */

#ifndef NBDVOL_TEST_POOL_IMAGE_H
#define NBDVOL_TEST_POOL_IMAGE_H

#include "format.h"

struct pi_options {
  unsigned block_shift;         /* 0 = 12 */
  unsigned slab_shift;          /* 0 = the default */
  uint64_t blocks;              /* 0 = 128 */
  uint64_t journal;             /* blocks; 0 = the default */
  uint64_t generation;          /* 0 = 7 */
  unsigned extra_levels;        /* of every map */
  unsigned spread;              /* leave so many blocks free after each */
};

#define PI_MAX_RECORDS 64

struct pi_node;
struct pi_record {
  struct format_record f;       /* fields that pi_finish does not set may be
                                 * changed until then */
  struct pi_node *root;
};

struct pi {
  struct pi_options o;
  size_t bs, fan;
  uint8_t *image;               /* blocks * bs bytes */
  struct format_super super;    /* complete after pi_finish */
  uint32_t epoch;
  struct pi_record record[PI_MAX_RECORDS];
  unsigned records;
  uint64_t next;                /* place to be given out */
  uint32_t *refs;               /* references by place: data; all after
                                 * pi_finish */
  bool *used;                   /* by place */
};

extern struct pi *pi_new (const struct pi_options *options);
extern void pi_free (struct pi *p);

/* New records; they return its number. */
extern unsigned pi_volume (struct pi *p, const char *name, uint64_t size);
extern unsigned pi_snapshot (struct pi *p, unsigned volume, const char *name);
extern unsigned pi_clone (struct pi *p, unsigned from, const char *name);
/* A slot that stays free. */
extern void pi_skip_slot (struct pi *p);
/* Removed, and reclaimed up to CURSOR. */
extern void pi_remove (struct pi *p, unsigned record, uint64_t cursor);

/* Logical block BLOCK gets content made from STAMP (not 0). */
extern void pi_put (struct pi *p, unsigned record, uint64_t block,
                    uint64_t stamp);
/* ... becomes a ZERO entry (overlay) or a hole. */
extern void pi_zero (struct pi *p, unsigned record, uint64_t block);
extern void pi_unmap (struct pi *p, unsigned record, uint64_t block);

/* Lays out everything and writes both copies of both slots. */
extern void pi_finish (struct pi *p);

/* The bytes that a reader must see; size bytes, to be freed. */
extern uint8_t *pi_contents (struct pi *p, unsigned record);
/* The full name of a volume or snapshot; to be freed. */
extern char *pi_name (struct pi *p, unsigned record);

/* ---- pool-fix.c ---------------------------------------------------------- */

/* Recompute all checks of IMAGE (SIZE bytes) from the leaves up, starting
 * at *SUPER, then seal it and write it to its slot and twin.  Whatever the
 * image holds, this ends, and touches nothing outside of it.
 */
#define POOL_FIX_WRONG 0xdeadbeef       /* a check that stays as it is */
extern void pool_fix (uint8_t *image, size_t size, struct format_super *super);

#endif /* NBDVOL_TEST_POOL_IMAGE_H */
