/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An import that a crash cuts short is dropped with the map that the last
 * checkpoint wrote.  So what the import has replaced since then, durable
 * transactions or not, stays where it is: another volume would get places that
 * are given up once more when the import is reclaimed.
 */

#include <config.h>

#include <stdlib.h>

#include "journal-image.h"
#include "test.h"

#define BLOCKS 256
#define IMPORTED 16

static void
put (struct vdev *d, int byte)
{
  static uint8_t buf[IMPORTED * JI_BLOCK];

  memset (buf, byte, sizeof buf);
  CHECK_EQ_INT (vdev_write (d, buf, sizeof buf, 0, 0), 0);
}

static void
is_clean (struct journal_image *ji)
{
  const struct pool_check_options options = { .data = true };
  struct pool_check_result result;

  CHECK_EQ_INT (pool_check (ji->pool, &options, &result), 0);
  CHECK_EQ_INT (result.errors, 0);
}

TEST_MAIN
{
  struct journal_image ji;
  struct pool_import *import;
  struct pool_info info;
  uint64_t n = 0, i;

  ji_init (&ji, BLOCKS, 40, 200);
  ji_write (&ji, 100, 1, 'x');
  ji_flush (&ji);
  CHECK_EQ_INT (pool_import_begin (ji.pool, "i", IMPORTED * JI_BLOCK,
                                   &import), 0);
  put (pool_import_vdev (import), 'a');
  CHECK_EQ_INT (pool_checkpoint (ji.pool), 0);
  put (pool_import_vdev (import), 'b');
  for (i = 0; i < 3; ++i) {
    ji_write (&ji, 100, 1, 'y');
    ji_flush (&ji);
  }
  /* All that is free. */
  for (pool_get_info (ji.pool, &info);
       info.available > 2 * JI_BLOCK && n < 100;
       pool_get_info (ji.pool, &info))
    ji_write (&ji, n++, 1, 'z');
  CHECK (n > 2 * IMPORTED);
  ji_flush (&ji);
  /* Only the memory: dropping it properly would be a checkpoint. */
  vdev_unref (pool_import_vdev (import));
  free (import);
  ji_kill (&ji);

  CHECK_EQ_INT (ji_open (&ji), 0);
  is_clean (&ji);
  CHECK_EQ_INT (pool_reclaim (ji.pool), 0);
  is_clean (&ji);
  for (i = 0; i < n; ++i)
    CHECK (ji_is (&ji, i, 'z'));
  CHECK (ji_is (&ji, 100, 'y'));
  ji_fini (&ji);
}
