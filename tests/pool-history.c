/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-history FILE BLOCKS BLOCK-SIZE SEED OPERATIONS close|crash [JOURNAL]
 *
 * Makes a pool in FILE with the engine and puts a random history into it:
 * writes, trims, zeroes, snapshots, clones, rollbacks, renames, resizes,
 * removals, reclaim in small steps.  Then it closes the pool, or begins an
 * import and leaves all as a crash would after the last commit.  JOURNAL: so
 * many blocks of the pool are its journal.  The same arguments give the same
 * volumes with the same contents.
 *
 * For tests that compare what several readers make of a pool, and for
 * tests/fixtures/make.  Operations that the pool refuses (full, exists) are
 * part of the history.
 */

#include <stdlib.h>
#include <unistd.h>

#include "devices.h"
#include "pool.h"

#define MAX_NAMES 32
#define MAX_WRITE (64 * 1024)

struct history {
  struct pool *p;
  struct base_rng rng;
  char name[MAX_NAMES][POOL_NAME_MAX + 1];
  uint64_t size[MAX_NAMES];
  unsigned n;
  unsigned made;
};

static void
fatal (const char *what)
{
  fprintf (stderr, "pool-history: %s: %s\n", what, base_error_text ());
  exit (1);
}

/* What a full or busy pool may say. */
static void
allow (int r, const char *what)
{
  if (r < 0 && r != -ENOSPC && r != -EEXIST && r != -EBUSY && r != -EINVAL)
    fatal (what);
}

static uint64_t
below (struct history *h, uint64_t n)
{
  return base_rng_below (&h->rng, n);
}

static int
keep_name (void *opaque, const struct pool_volume_info *info)
{
  struct history *h = opaque;

  if (h->n < MAX_NAMES) {
    strcpy (h->name[h->n], info->name);
    h->size[h->n++] = info->size;
  }
  return 0;
}

/* A volume (not a snapshot), -1 if there is none. */
static int
choose (struct history *h, bool snapshot)
{
  unsigned tries;

  h->n = 0;
  if (pool_list (h->p, false, keep_name, h) < 0)
    fatal ("list");
  for (tries = 0; tries < 50 && h->n > 0; tries++) {
    const unsigned i = below (h, h->n);

    if ((strchr (h->name[i], '@') != NULL) == snapshot)
      return i;
  }
  return -1;
}

/* Mostly near the start, so that blocks are met again. */
static void
range (struct history *h, uint64_t size, uint64_t *off, uint64_t *len)
{
  *off = below (h, below (h, 4) ? BASE_MIN (size, 300000U) : size);
  *len = 1 + below (h, below (h, 3) ? 9000 : MAX_WRITE);
  if (below (h, 2)) {
    *off &= ~UINT64_C (4095);
    *len = (*len + 4095) & ~UINT64_C (4095);
  }
  *len = BASE_MIN (*len, size - *off);
}

static void
change_volume (struct history *h, unsigned what)
{
  static uint8_t buf[MAX_WRITE + 4096];
  const int i = choose (h, false);
  const uint64_t stamp = base_rng_u64 (&h->rng);
  struct vdev *d;
  uint64_t off, len, k;
  int r;

  if (i < 0)
    return;
  if (pool_volume_open (h->p, h->name[i], false, NULL, &d) < 0)
    fatal (h->name[i]);
  range (h, h->size[i], &off, &len);
  if (what == 0)
    r = vdev_trim (d, len, off, 0);
  else if (what == 1)
    r = vdev_zero (d, len, off, VDEV_MAY_TRIM);
  else {
    for (k = 0; k < len; k++)
      buf[k] = (stamp + (off + k) / 64) >> k % 8 * 8;
    r = vdev_write (d, buf, len, off, 0);
  }
  allow (r, "write");
  if (below (h, 4) == 0 && vdev_flush (d) < 0)
    fatal ("flush");
  vdev_unref (d);
}

static void
make_snapshot (struct history *h)
{
  char name[POOL_NAME_MAX + 1];
  const char *names[1] = { name };
  const int i = choose (h, false);

  if (i < 0)
    return;
  snprintf (name, sizeof name, "%.200s@s%u", h->name[i], h->made++);
  allow (pool_snapshot (h->p, names, 1, 0), "snapshot");
}

static void
change_names (struct history *h, unsigned what)
{
  char name[32];
  const int i = choose (h, below (h, 2));

  if (i < 0)
    return;
  snprintf (name, sizeof name, "v%u", h->made++);
  switch (what) {
  case 0:
    allow (pool_clone (h->p, h->name[i], name, 0), "clone");
    break;
  case 1:
    if (strchr (h->name[i], '@') == NULL)
      allow (pool_rename (h->p, h->name[i], name), "rename");
    else
      allow (pool_rollback (h->p, h->name[i], 0), "rollback");
    break;
  case 2:
    if (h->n > 3)
      allow (pool_remove (h->p, h->name[i], POOL_RECURSIVE), "remove");
    break;
  default:
    if (strchr (h->name[i], '@') == NULL)
      allow (pool_resize (h->p, h->name[i], 1 + below (h, 3000000),
                          POOL_SHRINK | POOL_FORCE), "resize");
    break;
  }
}

static void
operation (struct history *h)
{
  char name[32];

  switch (below (h, 20)) {
  case 0:
    snprintf (name, sizeof name, "v%u", h->made++);
    allow (pool_create (h->p, name, 1 + below (h, 3000000), 0), "create");
    break;
  case 1: case 2:
    make_snapshot (h);
    break;
  case 3: case 4: case 5: case 6:
    change_names (h, below (h, 4));
    break;
  case 7:
    if (pool_work (h->p) < 0)
      fatal ("work");
    break;
  case 8: case 9:
    change_volume (h, below (h, 2));
    break;
  default:
    change_volume (h, 2);
    break;
  }
}

static struct vdev *
make_pool (const char *path, uint64_t blocks, uint32_t bs, uint64_t journal)
{
  const struct pool_format_options o = {
    .block_size = bs, .capacity = blocks * bs, .journal_size = journal * bs,
  };
  struct vdev *d;

  if (unlink (path) < 0 && errno != ENOENT)
    fatal (path);
  if (devices_file_open (path, VDEV_OPEN_CREATE, &d) < 0 ||
      pool_format (d, &o) < 0)
    fatal (path);
  return d;
}

/* An import that the crash finds half way. */
static void
half_import (struct pool *p)
{
  static const char text[] = "half of an import";
  struct pool_import *i;
  struct vdev *d;
  int r;

  r = pool_import_begin (p, "incoming", 5000, &i);
  if (r < 0) {
    allow (r, "import");
    return;
  }
  d = pool_import_vdev (i);
  r = vdev_resize (d, 2000000);
  if (r == 0)
    r = vdev_write (d, text, sizeof text, 1900000, 0);
  allow (r, "import");
}

int
main (int argc, char **argv)
{
  struct history h = { .made = 0 };
  struct vdev *d;
  uint64_t n;

  if (argc != 7 && argc != 8) {
    fprintf (stderr, "usage: pool-history FILE BLOCKS BLOCK-SIZE SEED "
             "OPERATIONS close|crash [JOURNAL]\n");
    return 2;
  }
  d = make_pool (argv[1], strtoull (argv[2], NULL, 10), atoi (argv[3]),
                 argc > 7 ? strtoull (argv[7], NULL, 10) : 0);
  base_rng_seed (&h.rng, strtoull (argv[4], NULL, 10));
  if (pool_open (d, NULL, &h.p) < 0)
    fatal (argv[1]);
  if (pool_create (h.p, "root", 2000000, 0) < 0)
    fatal ("create");
  for (n = strtoull (argv[5], NULL, 10); n > 0; n--)
    operation (&h);
  if (strcmp (argv[6], "crash") == 0)
    half_import (h.p);
  if (pool_flush (h.p) < 0)
    fatal ("flush");
  if (strcmp (argv[6], "crash") == 0)
    pool_abandon (h.p);
  else if (pool_close (h.p) < 0)
    fatal ("close");
  return 0;
}
