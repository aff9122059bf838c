/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What was not flushed over volatile is gone when the device goes or its
 * process is killed; what was flushed is there.  With early passing, what
 * was not flushed may be there in part, in whole sectors.
 */

#include <config.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices.h"
#include "devices-test.h"
#include "test.h"

#define SIZE (1U << 20)

static uint8_t buf[SIZE], got[SIZE];

static struct vdev *
volatile_over (struct vdev *child, uint64_t seed, unsigned early)
{
  struct vdev *d;

  CHECK_EQ_INT (volatile_open (vdev_ref (child), seed, early, &d), 0);
  return d;
}

static void
holds (struct vdev *d, uint64_t off, size_t len, int byte)
{
  CHECK_EQ_INT (vdev_read (d, got, len, off), 0);
  memset (buf, byte, len);
  CHECK_EQ_MEM (got, buf, len);
}

static void
put (struct vdev *d, uint64_t off, size_t len, int byte)
{
  memset (buf, byte, len);
  CHECK_EQ_INT (vdev_write (d, buf, len, off, 0), 0);
}

static void
dropped (void)
{
  struct vdev *mem, *d;

  CHECK_EQ_INT (devices_mem_open (SIZE, &mem), 0);
  put (mem, 0, SIZE, 1);
  d = volatile_over (mem, 1, 0);
  put (d, 1000, 100000, 2);
  CHECK_EQ_INT (vdev_zero (d, 5000, 200000, 0), 0);
  CHECK_EQ_INT (vdev_trim (d, 50000, 300000, 0), 0);
  CHECK (volatile_held (d) >= 155000);
  /* Seen above, not below. */
  holds (d, 999, 1, 1);
  holds (d, 1000, 100000, 2);
  holds (d, 101000, 1, 1);
  holds (d, 200000, 5000, 0);
  holds (d, 300000, 50000, 0);
  holds (mem, 0, SIZE, 1);
  vdev_unref (d);
  holds (mem, 0, SIZE, 1);

  d = volatile_over (mem, 2, 0);
  put (d, 1000, 100000, 2);
  CHECK_EQ_INT (vdev_zero (d, 5000, 200000, 0), 0);
  CHECK_EQ_INT (vdev_trim (d, 50000, 300000, 0), 0);
  CHECK_EQ_INT (vdev_flush (d), 0);
  CHECK_EQ_INT (volatile_held (d), 0);
  put (d, 0, 1000, 3);
  CHECK_EQ_INT (vdev_write (d, buf, 1000, 500000, VDEV_FUA), 0);
  put (d, 600000, 1000, 4);
  vdev_unref (d);
  holds (mem, 0, 1000, 3);      /* FUA is a flush here */
  holds (mem, 1000, 100000, 2);
  holds (mem, 200000, 5000, 0);
  holds (mem, 205000, 95000, 1);
  holds (mem, 300000, 50000, 0);
  holds (mem, 500000, 1000, 3);
  holds (mem, 600000, 1000, 1);
  vdev_unref (mem);
}

/* Space is found at once, or its lack is. */
static void
allocate (void)
{
  const struct faulty_rule full = {
    .op = FAULTY_ZERO, .action = FAULTY_FAIL, .nth = 1, .error = ENOSPC,
  };
  struct vdev *mem, *faulty, *d;

  CHECK_EQ_INT (devices_mem_open (SIZE, &mem), 0);
  put (mem, 0, SIZE, 1);
  CHECK_EQ_INT (faulty_open (vdev_ref (mem), &faulty), 0);
  CHECK_EQ_INT (volatile_open (faulty, 1, 0, &d), 0);
  put (d, 0, SIZE, 2);
  CHECK_EQ_INT (vdev_zero (d, 300000, 100, VDEV_ALLOCATE), 0);
  CHECK_EQ_INT (faulty_count (faulty, FAULTY_ZERO), 2);
  holds (d, 100, 300000, 0);
  holds (d, 0, 100, 2);
  holds (d, 300100, 1000, 2);
  holds (mem, 100, 300000, 0);
  CHECK_EQ_INT (faulty_add (faulty, &full), 0);
  CHECK_EQ_INT (vdev_zero (d, 4096, 0, VDEV_ALLOCATE), -ENOSPC);
  CHECK_EQ_INT (vdev_flush (d), 0);
  holds (mem, 300100, 1000, 2);
  vdev_unref (d);
  vdev_unref (mem);
}

/* One run with early passing; how many sectors of the child are new. */
static unsigned
early_run (uint64_t seed)
{
  struct base_rng rng;
  struct vdev *mem, *d;
  unsigned i, new = 0;
  uint64_t off;

  base_rng_seed (&rng, seed);
  CHECK_EQ_INT (devices_mem_open (SIZE, &mem), 0);
  d = volatile_over (mem, seed, 30);
  for (i = 0; i < 300; ++i) {
    off = base_rng_below (&rng, SIZE / 512 - 16) * 512;
    put (d, off, 512 * (1 + base_rng_below (&rng, 16)), 7);
  }
  vdev_unref (d);
  CHECK_EQ_INT (vdev_read (mem, got, SIZE, 0), 0);
  for (off = 0; off < SIZE; off += 512) {
    memset (buf, got[off], 512);
    CHECK_EQ_MEM (got + off, buf, 512);         /* no torn sector */
    CHECK (got[off] == 0 || got[off] == 7);
    new += got[off] == 7;
  }
  vdev_unref (mem);
  return new;
}

static void
early (void)
{
  const uint64_t seed = test_seed ();
  unsigned first = early_run (seed);

  CHECK (first > 50 && first < 2000);
  CHECK_EQ_INT (early_run (seed), first);       /* the same again */
}

/* A process over a file is killed in the middle of it. */
static void
killed (void)
{
  CLEANUP_FREE char *path = test_path ("disk");
  CLEANUP_FREE char *text = base_asprintf ("volatile(%s,seed=5,early=0)",
                                           path);
  struct vdev *d;
  int fds[2], status;
  pid_t pid;
  char c;

  CHECK_EQ_INT (devices_register (), 0);
  CHECK_EQ_INT (devices_test_register (), 0);
  CHECK_EQ_INT (vdev_open (path, VDEV_OPEN_CREATE, &d), 0);
  CHECK_EQ_INT (vdev_resize (d, SIZE), 0);
  vdev_unref (d);
  CHECK (pipe (fds) == 0);
  pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0) {
    CHECK_EQ_INT (vdev_open (text, 0, &d), 0);
    put (d, 0, 10000, 1);
    CHECK_EQ_INT (vdev_flush (d), 0);
    put (d, 5000, 10000, 2);
    CHECK (write (fds[1], "x", 1) == 1);
    for (;;)
      pause ();
  }
  close (fds[1]);
  CHECK (read (fds[0], &c, 1) == 1);
  CHECK (kill (pid, SIGKILL) == 0 && waitpid (pid, &status, 0) == pid);
  CHECK_EQ_INT (vdev_open (path, VDEV_OPEN_RO, &d), 0);
  holds (d, 0, 10000, 1);
  holds (d, 10000, 10000, 0);
  vdev_unref (d);
}

TEST_MAIN
{
  dropped ();
  allocate ();
  early ();
  killed ();
}
