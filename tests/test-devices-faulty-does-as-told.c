/* SPDX-License-Identifier: BSD-3-Clause
 *
 * faulty fails exactly the calls it was told to, in exactly that way, and
 * counts all of them.
 */

#include <config.h>

#include "devices.h"
#include "devices-test.h"
#include "test.h"

static struct vdev *mem, *d;
static uint8_t a[4096], b[4096], got[4096];

static void
rule (enum faulty_op op, enum faulty_action action, uint64_t nth, bool sticky,
      int error, uint64_t number)
{
  const struct faulty_rule r = {
    .op = op, .action = action, .nth = nth, .sticky = sticky, .error = error,
    .sectors = number, .bit = number,
  };

  CHECK_EQ_INT (faulty_add (d, &r), 0);
}

/* The child holds N bytes of B, then A. */
static void
below (size_t n)
{
  CHECK_EQ_INT (vdev_read (mem, got, sizeof got, 0), 0);
  CHECK_EQ_MEM (got, b, n);
  CHECK_EQ_MEM (got + n, a + n, sizeof a - n);
}

static void
fresh (void)
{
  faulty_clear (d);
  CHECK_EQ_INT (vdev_write (mem, a, sizeof a, 0, 0), 0);
}

static void
failing (void)
{
  const uint64_t before = faulty_count (d, FAULTY_WRITE);

  fresh ();
  rule (FAULTY_WRITE, FAULTY_FAIL, 2, false, ENOSPC, 0);
  CHECK_EQ_INT (vdev_write (d, a, 512, 0, 0), 0);
  CHECK_EQ_INT (vdev_read (d, got, 512, 0), 0);
  CHECK_EQ_INT (vdev_write (d, b, 512, 0, 0), -ENOSPC);
  below (0);
  CHECK_EQ_INT (vdev_write (d, b, 512, 0, 0), 0);
  below (512);
  CHECK_EQ_INT (faulty_count (d, FAULTY_WRITE) - before, 3);

  fresh ();
  rule (FAULTY_READ, FAULTY_FAIL, 2, true, 0, 0);
  CHECK_EQ_INT (vdev_read (d, got, 512, 0), 0);
  CHECK_EQ_INT (vdev_read (d, got, 512, 0), -EIO);
  CHECK_EQ_INT (vdev_read (d, got, 512, 0), -EIO);
  CHECK_EQ_INT (vdev_write (d, a, 512, 0, 0), 0);
  faulty_clear (d);
  CHECK_EQ_INT (vdev_read (d, got, 512, 0), 0);

  /* Any call: the third of them. */
  fresh ();
  rule (FAULTY_ANY, FAULTY_FAIL, 3, false, ETIMEDOUT, 0);
  CHECK_EQ_INT (vdev_trim (d, 512, 0, 0), 0);
  CHECK_EQ_INT (vdev_zero (d, 512, 0, 0), 0);
  CHECK_EQ_INT (vdev_resize (d, 8192), -ETIMEDOUT);
  CHECK_EQ_INT (vdev_size (d), 4096);
  CHECK_EQ_INT (vdev_resize (d, 4096), 0);

  /* Two rules: each counts from when it was added, the first one wins. */
  fresh ();
  rule (FAULTY_TRIM, FAULTY_FAIL, 1, false, EIO, 0);
  rule (FAULTY_ANY, FAULTY_FAIL, 1, true, ENOSPC, 0);
  CHECK_EQ_INT (vdev_trim (d, 512, 0, 0), -EIO);
  CHECK_EQ_INT (vdev_trim (d, 512, 0, 0), -ENOSPC);
  CHECK_EQ_INT (vdev_zero (d, 512, 0, 0), -ENOSPC);
  below (0);
}

static void
in_part (void)
{
  fresh ();
  rule (FAULTY_WRITE, FAULTY_TORN, 1, false, EIO, 3);
  CHECK_EQ_INT (vdev_write (d, b, sizeof b, 0, 0), -EIO);
  below (3 * 512);

  fresh ();
  rule (FAULTY_WRITE, FAULTY_SHORT, 1, false, 0, 2);
  CHECK_EQ_INT (vdev_write (d, b, sizeof b, 0, 0), 0);
  below (2 * 512);

  fresh ();
  rule (FAULTY_WRITE, FAULTY_TORN, 1, false, EIO, 0);
  CHECK_EQ_INT (vdev_write (d, b, sizeof b, 0, 0), -EIO);
  below (0);
  rule (FAULTY_WRITE, FAULTY_SHORT, 1, false, 0, UINT64_MAX);
  CHECK_EQ_INT (vdev_write (d, b, sizeof b, 0, 0), 0);
  below (sizeof b);

  fresh ();
  rule (FAULTY_READ, FAULTY_SHORT, 1, false, 0, 1);
  CHECK_EQ_INT (vdev_read (d, got, sizeof got, 0), 0);
  CHECK_EQ_MEM (got, a, 512);
  CHECK (base_is_zero (got + 512, sizeof got - 512));

  memset (b, 0, sizeof b);
  fresh ();
  rule (FAULTY_ZERO, FAULTY_TORN, 1, false, EIO, 4);
  CHECK_EQ_INT (vdev_zero (d, sizeof b, 0, 0), -EIO);
  below (4 * 512);
  rule (FAULTY_TRIM, FAULTY_SHORT, 1, false, 0, 5);
  CHECK_EQ_INT (vdev_trim (d, sizeof b, 0, 0), 0);
  below (5 * 512);
}

static void
bits (void)
{
  fresh ();
  rule (FAULTY_READ, FAULTY_FLIP, 1, false, 0, 8 * 100 + 3);
  CHECK_EQ_INT (vdev_read (d, got, sizeof got, 0), 0);
  CHECK_EQ_INT (got[100] ^ a[100], 1 << 3);
  got[100] = a[100];
  CHECK_EQ_MEM (got, a, sizeof a);
  CHECK_EQ_INT (vdev_read (d, got, sizeof got, 0), 0);
  CHECK_EQ_MEM (got, a, sizeof a);

  rule (FAULTY_WRITE, FAULTY_FLIP, 1, false, 0, 8 * 4096 + 8 * 7);
  memcpy (b, a, sizeof b);
  CHECK_EQ_INT (vdev_write (d, b, sizeof b, 0, 0), 0);
  CHECK_EQ_MEM (b, a, sizeof b);        /* the caller's buffer is not */
  CHECK_EQ_INT (vdev_read (mem, got, sizeof got, 0), 0);
  CHECK_EQ_INT (got[7] ^ a[7], 1);
}

static void
look_at_mem (void *opaque)
{
  CHECK_EQ_INT (vdev_read (mem, got, sizeof got, 0), 0);
  CHECK_EQ_MEM (got, a, sizeof a);
  ++*(int *) opaque;
}

static void
hooks_and_flushes (void)
{
  int called = 0;
  const struct faulty_rule hook = {
    .op = FAULTY_WRITE, .action = FAULTY_HOOK, .nth = 2, .sticky = true,
    .hook = look_at_mem, .opaque = &called,
  };

  fresh ();
  memset (b, 0x77, sizeof b);
  CHECK_EQ_INT (faulty_add (d, &hook), 0);
  CHECK_EQ_INT (vdev_write (d, a, 512, 0, 0), 0);
  CHECK_EQ_INT (called, 0);
  CHECK_EQ_INT (vdev_write (d, b, 512, 0, 0), 0);
  CHECK_EQ_INT (called, 1);
  below (512);

  /* A flush that lies, then one that fails, and that stays. */
  faulty_clear (d);
  rule (FAULTY_FLUSH, FAULTY_SHORT, 1, false, 0, 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  rule (FAULTY_FLUSH, FAULTY_FAIL, 1, false, EIO, 0);
  CHECK_EQ_INT (vdev_flush (d), -EIO);
  CHECK_EQ_INT (vdev_flush (d), -EIO);
  CHECK_EQ_INT (faulty_count (d, FAULTY_FLUSH), 2);
}

TEST_MAIN
{
  uint64_t total = 0;
  int op;

  memset (a, 0x5a, sizeof a);
  memset (b, 0xb6, sizeof b);
  CHECK_EQ_INT (devices_mem_open (sizeof a, &mem), 0);
  CHECK_EQ_INT (faulty_open (vdev_ref (mem), &d), 0);
  failing ();
  in_part ();
  bits ();
  hooks_and_flushes ();
  for (op = 0; op < FAULTY_ANY; ++op)
    total += faulty_count (d, (enum faulty_op) op);
  CHECK_EQ_INT (total, faulty_count (d, FAULTY_ANY));
  CHECK (faulty_applied (d) > 10 && faulty_applied (d) < total);
  vdev_unref (d);
  vdev_unref (mem);
}
