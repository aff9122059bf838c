/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A place that a transaction has let go of is not used again while only the
 * transaction itself says so: if its block in the journal rots it looks like a
 * torn tail, and what it replaced has to be there still.
 */

#include <config.h>

#include "journal-image.h"
#include "test.h"

static void
start (struct journal_image *ji)
{
  ji_init (ji, 96, 12, 80);
  ji_write (ji, 0, 8, 'a');
  ji_flush (ji);
  ji_write (ji, 0, 8, 'b');
  ji_flush (ji);
}

static uint64_t
transaction (struct journal_image *ji)
{
  struct pool_info info;

  pool_get_info (ji->pool, &info);
  return info.transaction;
}

/* How many blocks can be written before one has to wait for a commit? */
static unsigned
room (void)
{
  struct journal_image ji;
  struct pool_info info;
  unsigned n = 0;

  start (&ji);
  for (pool_get_info (ji.pool, &info);
       transaction (&ji) == 2 && info.available > 2 * JI_BLOCK;
       pool_get_info (ji.pool, &info))
    ji_write (&ji, 10 + n++, 1, 'c');
  if (transaction (&ji) > 2)
    n--;
  ji_fini (&ji);
  return n;
}

TEST_MAIN
{
  const unsigned n = room ();
  struct journal_image ji;
  struct format_journal h;
  unsigned i;

  CHECK (n >= 8);
  start (&ji);
  for (i = 0; i < n; ++i)
    ji_write (&ji, 10 + i, 1, 'c');
  /* Overwrites that are not flushed take what is left. */
  CHECK_EQ_INT (transaction (&ji), 2);
  ji_kill (&ji);
  ji_zero (&ji, ji_find (&ji, 2, 0, &h));
  CHECK_EQ_INT (ji_open (&ji), 0);
  CHECK_EQ_INT (ji.replayed, 1);
  for (i = 0; i < 8; ++i)
    CHECK_MSG (ji_is (&ji, i, 'a'), "block %u is not what it was", i);
  ji_fini (&ji);
}
