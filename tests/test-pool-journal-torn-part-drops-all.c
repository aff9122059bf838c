/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A transaction whose records fill several blocks of the journal is there as
 * a whole or not at all, whichever of its blocks did not arrive.
 */

#include <config.h>

#include "journal-image.h"
#include "test.h"

#define N 400                   /* 3 blocks of single records */

static void
without_part (uint32_t part, uint32_t parts)
{
  struct journal_image ji;
  struct format_journal h;
  unsigned i, there = 0;
  uint64_t place;

  ji_init (&ji, 4096, 100, 3000);
  ji_write (&ji, 1, 1, 'a');
  ji_flush (&ji);
  for (i = 0; i < N; ++i)
    ji_write (&ji, 2 + 5 * i, 1, 'b');
  ji_flush (&ji);
  ji_kill (&ji);
  place = ji_find (&ji, 2, part < parts ? part : 0, &h);
  CHECK_EQ_INT (le32toh (h.parts), parts);
  if (part < parts)
    ji_zero (&ji, place);

  CHECK_EQ_INT (ji_open (&ji), 0);
  CHECK_EQ_INT (ji.replayed, part < parts ? 1 : 2);
  CHECK (ji_is (&ji, 1, 'a'));
  for (i = 0; i < N; ++i)
    there += ji_is (&ji, 2 + 5 * i, 'b');
  CHECK_EQ_INT (there, part < parts ? 0 : N);
  ji_fini (&ji);
}

TEST_MAIN
{
  uint32_t part;

  for (part = 0; part <= 3; ++part)
    without_part (part, 3);
}
