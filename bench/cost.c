/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pools that pool-cost measures: DIR/NAME.pool, a file with the
 * metadata, and DIR/NAME.map, which says where there is data.
 */

#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cost.h"
#include "devices.h"

#define MIB (UINT64_C (1) << 20)

struct cost_pool cost_pools[COST_POOLS] = {
  { .name = "256M", .capacity = 256 * MIB, .mapped = 10000 },
  { .name = "16G", .capacity = 16384 * MIB, .mapped = 156250 },
  { .name = "1T", .capacity = 1048576 * MIB, .mapped = 10000000 },
};

struct base_rng cost_rng;
uint64_t cost_scale = 1;
uint8_t cost_block[CONSTDEV_BLOCK];

static const char *directory;

void
cost_die (const char *what)
{
  fflush (stdout);
  fprintf (stderr, "pool-cost: %s: %s\n", what, base_error_text ());
  exit (1);
}

void
cost_begin (const char *dir)
{
  const char *seed = getenv ("SEED"), *scale = getenv ("SCALE");
  uint64_t value;
  size_t i;

  base_random_bytes (&value, sizeof value);
  value = seed ? strtoull (seed, NULL, 0) : value % 1000000;
  printf ("seed=%" PRIu64 "\n", value);
  base_rng_seed (&cost_rng, value);
  if (scale)
    cost_scale = BASE_MAX (strtoull (scale, NULL, 0), 1);
  for (i = 0; i < COST_POOLS; ++i)
    cost_pools[i].mapped = BASE_MAX (cost_pools[i].mapped / cost_scale, 1000);
  constdev_fill (cost_block);
  directory = dir;
  setvbuf (stdout, NULL, _IOLBF, 0);
}

static char *
path_of (const struct cost_pool *c, const char *suffix)
{
  char *path = base_asprintf ("%s/%s%s", directory, c->name, suffix);

  if (path == NULL)
    cost_die ("out of memory");
  return path;
}

static struct vdev *
open_backing (const struct cost_pool *c, uint32_t flags)
{
  CLEANUP_FREE char *path = path_of (c, ".pool");
  CLEANUP_FREE char *map = path_of (c, ".map");
  struct vdev *file, *d;

  must (devices_file_open (path, flags, &file));
  must (constdev_open (file, map, c->capacity, &d));
  return d;
}

struct vdev *
cost_plain_file (uint64_t size)
{
  CLEANUP_FREE char *path = base_asprintf ("%s/plain", directory);
  struct vdev *file;

  if (path == NULL)
    cost_die ("out of memory");
  must (devices_file_open (path, VDEV_OPEN_CREATE, &file));
  must (vdev_resize (file, size));
  return file;
}

void
cost_make (struct cost_pool *c)
{
  CLEANUP_FREE char *path = path_of (c, ".pool");
  CLEANUP_FREE char *map = path_of (c, ".map");
  const struct pool_format_options options = { .capacity = c->capacity };
  struct vdev *d;
  struct pool *p;

  unlink (path);
  unlink (map);
  d = open_backing (c, VDEV_OPEN_CREATE);
  must (pool_format (d, &options));
  must (pool_open (d, NULL, &p));
  must (pool_create (p, "root", c->capacity, 0));
  must (pool_close (p));
}

void
cost_open (struct cost_pool *c)
{
  cost_open_quiet (c);
  must (pool_start (c->pool));
}

void
cost_open_quiet (struct cost_pool *c)
{
  c->backing = open_backing (c, 0);
  must (pool_open (c->backing, NULL, &c->pool));
  must (pool_volume_open (c->pool, "root", false, NULL, &c->volume));
}

void
cost_close (struct cost_pool *c)
{
  vdev_unref (c->volume);
  must (pool_close (c->pool));
}

void
cost_forget_pages (const struct cost_pool *c)
{
  CLEANUP_FREE char *path = path_of (c, ".pool");
  CLEANUP_FD int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0 || fsync (fd) < 0
      || posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
    cost_die (path);
}

static double
clock_us (clockid_t id)
{
  struct timespec ts;

  clock_gettime (id, &ts);
  return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec / 1e3;
}

double
cost_cpu_us (void)
{
  return clock_us (CLOCK_PROCESS_CPUTIME_ID);
}

double
cost_wall_us (void)
{
  return clock_us (CLOCK_MONOTONIC);
}

static int
compare (const void *a, const void *b)
{
  const double *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

double
cost_median (double *values, size_t n)
{
  qsort (values, n, sizeof values[0], compare);
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
