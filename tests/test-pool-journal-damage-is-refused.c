/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A block of the journal that a later one says was durable, or a superblock
 * that the journal names, is not a torn tail when it is bad: writes that were
 * acknowledged would be lost, and the pool is not opened.  The last
 * transaction alone may be missing.
 */

#include <config.h>

#include "journal-image.h"
#include "test.h"

static void
three (struct journal_image *ji)
{
  int i;

  ji_init (ji, 256, 40, 200);
  for (i = 1; i <= 3; ++i) {
    ji_write (ji, 0, 1, 'a' + i);
    ji_flush (ji);
  }
  ji_kill (ji);
}

static void
without (uint64_t seq, const char *text)
{
  struct journal_image ji;
  struct format_journal h;

  three (&ji);
  ji_zero (&ji, ji_find (&ji, seq, 0, &h));
  if (text) {
    CHECK_EQ_INT (ji_open (&ji), -EBADMSG);
    CHECK_MSG (strstr (base_error_text (), text), "%s", base_error_text ());
  }
  else {
    CHECK_EQ_INT (ji_open (&ji), 0);
    CHECK (ji_is (&ji, 0, 'a' + 2));
  }
  ji_fini (&ji);
}

/* Both copies of the newest superblock are gone, and the other slot has one
 * that is older.
 */
static void
without_superblock (void)
{
  struct journal_image ji;
  struct format_super s;

  three (&ji);
  ji_super (&ji, &s);
  if (le64toh (s.generation) & 1) {
    ji_zero (&ji, FORMAT_SLOT_A / JI_BLOCK);
    ji_zero (&ji, le64toh (s.twin_a));
  }
  else {
    ji_zero (&ji, FORMAT_SLOT_B / JI_BLOCK);
    ji_zero (&ji, le64toh (s.twin_b));
  }
  CHECK_EQ_INT (ji_open (&ji), -EBADMSG);
  CHECK_MSG (strstr (base_error_text (), "would lose"), "%s",
             base_error_text ());
  ji_fini (&ji);
}

TEST_MAIN
{
  without (1, "transaction 1 is damaged, and 2 was acknowledged");
  without (2, "transaction 2 is damaged, and 2 was acknowledged");
  without (3, NULL);
  without_superblock ();
}
