/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whichever allocation fails, a device gives -ENOMEM with a message, keeps
 * what it has acknowledged, leaves the child of a failed constructor with
 * the caller, and works when there is memory again.  Leaks are for the
 * sanitizers to see.
 */

#include <config.h>

#include <unistd.h>

#include "alloc-faulty.h"
#include "devices.h"
#include "devices-test.h"
#include "test.h"

#define SIZE 65536

static char *path;

/* 0 or -ENOMEM, the latter only while allocations fail. */
static bool
worked (int r)
{
  CHECK (r == 0 || r == -ENOMEM);
  CHECK (r == 0 || alloc_faulty_failures () > 0);
  CHECK (r == 0 || base_error_text ()[0] != '\0');
  return r == 0;
}

static int
open_mem (struct vdev **ret)
{
  return devices_mem_open (SIZE, ret);
}

static int
open_file (struct vdev **ret)
{
  return devices_file_open (path, 0, ret);
}

/* Over a child that the test made with all the memory it wanted. */
static int
open_over (int (*open) (struct vdev *, struct vdev **), struct vdev **ret)
{
  const uint64_t calls = alloc_faulty_calls ();
  struct vdev *child;
  int r;

  r = devices_mem_open (SIZE, &child);
  if (r < 0)
    return r;
  r = open (child, ret);
  if (r < 0) {
    CHECK (alloc_faulty_calls () > calls);
    CHECK_EQ_INT (atomic_load (&child->refs), 1);
    vdev_unref (child);
  }
  return r;
}

static int
over_slice (struct vdev *child, struct vdev **ret)
{
  return devices_slice_open (child, 0, 0, ret);
}

static int
over_volatile (struct vdev *child, struct vdev **ret)
{
  return volatile_open (child, 1, 50, ret);
}

/* Alignment 4096: the wrapper allocates. */
static int
over_aligned (struct vdev *child, struct vdev **ret)
{
  static const struct vdev_ops ops = {
    .kind = "aligned", .read = vdev_pass_read, .write = vdev_pass_write,
    .describe = vdev_pass_describe, .close = vdev_pass_close,
  };
  struct vdev_pass *p = base_calloc (1, sizeof *p);
  int r;

  if (p == NULL)
    return base_fail (ENOMEM, "aligned: out of memory");
  child->info.align = 4096;
  r = vdev_pass_init (p, &ops, child, ~0U, 0);
  child->info.align = 1;
  if (r < 0)
    free (p);
  else
    *ret = &p->d;
  return r;
}

static int
open_slice (struct vdev **ret)
{
  return open_over (over_slice, ret);
}

static int
open_recorder (struct vdev **ret)
{
  return open_over (recorder_open, ret);
}

static int
open_faulty (struct vdev **ret)
{
  return open_over (faulty_open, ret);
}

static int
open_volatile (struct vdev **ret)
{
  return open_over (over_volatile, ret);
}

static int
open_aligned (struct vdev **ret)
{
  return open_over (over_aligned, ret);
}

static int
open_text (struct vdev **ret)
{
  return vdev_open ("volatile(slice(mem:128K,0,64K),seed=3)", 0, ret);
}

static int
no_matter (void *opaque BASE_UNUSED, uint64_t offset BASE_UNUSED,
           uint64_t length BASE_UNUSED, uint32_t type BASE_UNUSED)
{
  return 0;
}

/* How many allocations failed. */
static uint64_t
use (struct vdev *d)
{
  uint8_t expect[5000], got[5000];
  uint64_t failed;
  bool known[2];
  char *text;
  int i;

  for (i = 0; i < 2; ++i) {
    memset (expect, 'a' + i, sizeof expect);
    known[i] = worked (vdev_write (d, expect, sizeof expect, i * 30001, 0));
  }
  worked (vdev_zero (d, 10000, 12000, 0));
  worked (vdev_extents (d, SIZE, 0, 0, no_matter, NULL));
  text = vdev_text (d);
  CHECK (text != NULL || alloc_faulty_failures () > 0);
  free (text);
  /* A flush that fails stays failed: this comes last. */
  worked (vdev_flush (d));
  failed = alloc_faulty_failures ();
  alloc_faulty_set (0, false);
  for (i = 0; i < 2; ++i) {
    CHECK_EQ_INT (vdev_read (d, got, sizeof got, i * 30001), 0);
    memset (expect, 'a' + i, sizeof expect);
    if (known[i])
      CHECK_EQ_MEM (got, expect, sizeof got);
    CHECK_EQ_INT (vdev_write (d, expect, sizeof expect, i * 30001, 0), 0);
    CHECK_EQ_INT (vdev_read (d, got, sizeof got, i * 30001), 0);
    CHECK_EQ_MEM (got, expect, sizeof got);
  }
  return failed;
}

static void
each_allocation (int (*open) (struct vdev **), bool sticky)
{
  struct vdev *d;
  uint64_t n, failed;

  for (n = 1, failed = 1; failed > 0; ++n) {
    d = NULL;
    alloc_faulty_set (n, sticky);
    if (worked (open (&d))) {
      failed = use (d);
      vdev_unref (d);
    }
    else
      CHECK (d == NULL);
    alloc_faulty_set (0, false);
  }
  CHECK (n > 2);
}

TEST_MAIN
{
  static int (*const opens[]) (struct vdev **) = {
    open_mem, open_file, open_slice, open_recorder, open_faulty,
    open_volatile, open_aligned, open_text,
  };
  struct vdev *d;
  size_t i;

  path = test_path ("file");
  CHECK_EQ_INT (devices_register (), 0);
  CHECK_EQ_INT (devices_test_register (), 0);
  CHECK_EQ_INT (devices_file_open (path, VDEV_OPEN_CREATE, &d), 0);
  CHECK_EQ_INT (vdev_resize (d, SIZE), 0);
  vdev_unref (d);
  for (i = 0; i < BASE_ARRAY_SIZE (opens); ++i) {
    each_allocation (opens[i], false);
    each_allocation (opens[i], true);
  }
  free (path);
}
