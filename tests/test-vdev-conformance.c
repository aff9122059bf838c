/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every device and decorator keeps the contract of vdev.h
 * (lib/vdev-conformance.c).  DEVICE=NAME runs one of them.
 */

#include <config.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices.h"
#include "devices-test.h"
#include "spy.h"
#include "test.h"
#include "vdev-conformance.h"

/* A way to make a device. */
struct kind {
  const char *dir;              /* of the file */
  uint32_t flags;               /* of the file */
  struct vdev *(*over) (struct vdev *child, uint64_t size);
  char path[4200];
};

static struct vdev *
make_mem (void *opaque, uint64_t size)
{
  struct kind *k = opaque;
  struct vdev *d;

  CHECK_EQ_INT (devices_mem_open (size, &d), 0);
  return k && k->over ? k->over (d, size) : d;
}

static struct vdev *
make_file (void *opaque, uint64_t size)
{
  struct kind *k = opaque;
  struct vdev *d;

  snprintf (k->path, sizeof k->path, "%s/conformance", k->dir);
  unlink (k->path);
  CHECK_EQ_INT (devices_file_open (k->path, k->flags | VDEV_OPEN_CREATE, &d),
                0);
  CHECK_EQ_INT (vdev_resize (d, size), 0);
  return k->over ? k->over (d, size) : d;
}

static struct vdev *
reopen_file (void *opaque)
{
  struct kind *k = opaque;
  struct vdev *d;

  CHECK_EQ_INT (devices_file_open (k->path, k->flags | VDEV_OPEN_RO, &d), 0);
  return k->over ? k->over (d, vdev_size (d)) : d;
}

/* A window with something on both sides. */
static struct vdev *
over_slice (struct vdev *child, uint64_t size)
{
  struct vdev *d;

  if (!vdev_has (child, VDEV_RO))
    CHECK_EQ_INT (vdev_resize (child, size + 3 * 65536), 0);
  else
    size = vdev_size (child) - 3 * 65536;
  CHECK_EQ_INT (devices_slice_open (child, 65536, size, &d), 0);
  return d;
}

static struct vdev *
over_recorder (struct vdev *child, uint64_t size BASE_UNUSED)
{
  struct vdev *d;

  CHECK_EQ_INT (recorder_open (child, &d), 0);
  return d;
}

static struct vdev *
over_faulty (struct vdev *child, uint64_t size BASE_UNUSED)
{
  struct vdev *d;

  CHECK_EQ_INT (faulty_open (child, &d), 0);
  return d;
}

static struct vdev *
over_volatile (struct vdev *child, uint64_t size BASE_UNUSED)
{
  struct vdev *d;

  CHECK_EQ_INT (volatile_open (child, test_seed (), 20, &d), 0);
  return d;
}

/* A device of alignment 4096 without trim and zero: the wrappers do all the
 * work.  A decorator that only narrows the facts.
 */
static struct vdev *
over_plain (struct vdev *child, uint64_t size BASE_UNUSED)
{
  static const struct vdev_ops ops = {
    .kind = "plain",
    .read = vdev_pass_read, .write = vdev_pass_write,
    .flush = vdev_pass_flush, .resize = vdev_pass_resize,
    .start = vdev_pass_start, .kick = vdev_pass_kick,
    .stat = vdev_pass_stat, .describe = vdev_pass_describe,
    .close = vdev_pass_close,
  };
  struct vdev_pass *p = calloc (1, sizeof *p);

  CHECK (p != NULL);
  child->info.align = 4096;     /* as if it were such a device */
  child->info.maximum = 16384;
  CHECK_EQ_INT (vdev_pass_init (p, &ops, child, VDEV_TRIM | VDEV_TRIM_ZEROES |
                                VDEV_ZERO | VDEV_FAST_ZERO | VDEV_EXTENTS, 0),
                0);
  child->info.align = 1;
  child->info.maximum = 0;
  return &p->d;
}

/* Can files in DIR be opened with O_DIRECT? */
static bool
can_direct (const char *dir)
{
  char path[4200];
  int fd;

  snprintf (path, sizeof path, "%s/direct", dir);
  fd = open (path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
  if (fd >= 0)
    close (fd);
  unlink (path);
  return fd >= 0;
}

static void
run (const struct vdev_conformance *c)
{
  const char *only = getenv ("DEVICE");

  if (only == NULL || strcmp (only, c->name) == 0)
    vdev_conformance (c);
}

static void
run_mem (const char *name, struct vdev *(*over) (struct vdev *, uint64_t))
{
  struct kind k = { .over = over };
  struct vdev_conformance c = {
    .name = name, .make = make_mem, .opaque = &k,
  };

  run (&c);
}

static void
run_file (const char *name, const char *dir, uint32_t flags, uint64_t ops,
          struct vdev *(*over) (struct vdev *, uint64_t))
{
  struct kind k = { .dir = dir, .flags = flags, .over = over };
  struct vdev_conformance c = {
    .name = name, .make = make_file, .reopen = reopen_file, .opaque = &k,
    .ops = ops, .flush_percent = 1,
  };

  if ((flags & VDEV_OPEN_DIRECT) && !can_direct (dir))
    printf ("%s: O_DIRECT is not possible in %s\n", name, dir);
  else
    run (&c);
  unlink (k.path);
}

TEST_MAIN
{
  char tmpfs[] = "/dev/shm/nbdvol-conformance.XXXXXX";
  const char *disk = test_tmpdir ();

  CHECK (mkdtemp (tmpfs) != NULL);
  run_mem ("mem", NULL);
  run_mem ("slice(mem)", over_slice);
  run_mem ("recorder(mem)", over_recorder);
  run_mem ("faulty(mem)", over_faulty);
  run_mem ("volatile(mem)", over_volatile);
  run_mem ("plain(mem)", over_plain);
  run_file ("file, tmpfs", tmpfs, 0, 20000, NULL);
  run_file ("file, disk", disk, 0, 4000, NULL);
  run_file ("file, tmpfs, direct", tmpfs, VDEV_OPEN_DIRECT, 10000, NULL);
  run_file ("file, disk, direct", disk, VDEV_OPEN_DIRECT, 2000, NULL);
  run_file ("slice(file)", tmpfs, 0, 10000, over_slice);
  run_file ("slice(file), direct", disk, VDEV_OPEN_DIRECT, 2000, over_slice);
  run_file ("volatile(file)", tmpfs, 0, 20000, over_volatile);
  run_file ("volatile(file), direct", disk, VDEV_OPEN_DIRECT, 2000,
            over_volatile);
  run_file ("plain(file)", tmpfs, 0, 10000, over_plain);
  CHECK_EQ_INT (rmdir (tmpfs), 0);
}
