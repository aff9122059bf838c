/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A transaction that was dropped, because its data had not arrived, is never
 * taken up again: not even when the next run happens to write the same bytes
 * to the same places, and its block still stands where the journal goes on.
 */

#include <config.h>

#include "journal-image.h"
#include "test.h"

TEST_MAIN
{
  struct journal_image ji;
  struct format_journal h;

  ji_init (&ji, 256, 40, 200);
  ji_write (&ji, 0, 2, 'a');
  /* So that what recovery writes finds room before the place of 'b'. */
  ji_write (&ji, 50, 60, 'x');
  ji_flush (&ji);
  ji_trim (&ji, 50, 60);
  CHECK_EQ_INT (pool_checkpoint (ji.pool), 0);
  ji_write (&ji, 0, 1, 'b');
  ji_trim (&ji, 1, 1);
  ji_flush (&ji);
  ji_kill (&ji);
  ji_find (&ji, 3, 0, &h);
  CHECK_EQ_INT (ji_lose (&ji, 'b'), 1);

  CHECK_EQ_INT (ji_open (&ji), 0);
  CHECK_EQ_INT (ji.replayed, 0);
  CHECK (ji_is (&ji, 0, 'a'));
  CHECK (ji_is (&ji, 1, 'a'));
  /* All places that are free. */
  ji_write (&ji, 10, 100, 'b');
  ji_kill (&ji);

  CHECK_EQ_INT (ji_open (&ji), 0);
  CHECK (ji_is (&ji, 0, 'a'));
  CHECK (ji_is (&ji, 1, 'a'));
  CHECK_EQ_INT (ji.replayed, 0);
  ji_fini (&ji);
}
