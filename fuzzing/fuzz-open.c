/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fuzz-open: whatever a pool looks like, the engine opens it or refuses it,
 * and then serves what it can: reads, extents, writes, trims, verbs, reclaim
 * and close end with a result, in bounded time and memory.
 *
 * And the check and the engine agree: a pool in which the check finds
 * nothing opens, every byte of its volumes can be read, it takes all of the
 * above, and is still clean afterwards.
 */

#include <stdlib.h>

#include "devices.h"
#include "fuzz-image.h"
#include "pool.h"
#include "pool-verdict.h"

#define WORK_STEPS 40
#define READ_BYTES (256 * 1024)

/* The last things the engine said, for must. */
static char said[4][512];
static unsigned nsaid;

static void
keep_event (void *opaque, const struct pool_event *event)
{
  (void) opaque;
  snprintf (said[nsaid++ % 4], sizeof said[0], "%s", event->text);
}

static void
must (bool sound, int r, const char *what)
{
  unsigned i;

  if (!sound || r >= 0 || r == -ENOSPC || r == -EROFS)
    return;
  fprintf (stderr, "%s: %s although the check found nothing\n", what,
           base_error_text ());
  for (i = nsaid < 4 ? 0 : nsaid - 4; i < nsaid; i++)
    fprintf (stderr, "  event: %s\n", said[i % 4]);
  abort ();
}

static struct vdev *
backing_of (const struct fuzz_image *f)
{
  struct vdev *d;
  size_t i, n;
  uint64_t at;

  if (devices_mem_open (f->size, &d) < 0)
    abort ();
  for (i = 0; i < f->nused; i++) {
    at = f->used[i] * f->bs;
    n = at < f->size ? BASE_MIN (f->bs, f->size - at) : 0;
    if (n > 0 && vdev_write (d, f->image + at, n, at, 0) < 0)
      abort ();
  }
  return d;
}

static int
ignore_extent (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  (void) opaque;
  (void) offset;
  (void) length;
  (void) type;
  return 0;
}

static void
use_volume (struct pool *p, const struct pool_volume_info *info, bool sound)
{
  static char buf[READ_BYTES];
  const uint64_t n = BASE_MIN (info->size, (uint64_t) sizeof buf);
  const uint64_t half = BASE_MIN (info->size, UINT64_C (1) << 22);
  const uint64_t much = BASE_MIN (info->size, UINT64_C (1) << 27);
  struct vdev *d;
  int r;

  r = pool_volume_open (p, info->name, false, NULL, &d);
  must (sound, r, info->name);
  if (r < 0)
    return;
  must (sound, vdev_read (d, buf, n, 0), "read");
  must (sound, vdev_read (d, buf, n, info->size - n), "read at the end");
  must (sound, vdev_extents (d, much, 0, 0, ignore_extent, NULL), "extents");
  if (!info->snapshot && !info->readonly) {
    memset (buf, 0x5a, sizeof buf);
    must (sound, vdev_write (d, buf, BASE_MIN (n, 9000U), info->size -
                             BASE_MIN (n, 9000U), 0), "write");
    must (sound, vdev_write (d, buf, BASE_MIN (n, 100U), 0, VDEV_FUA),
          "write with FUA");
    must (sound, vdev_trim (d, half, 0, 0), "trim");
    must (sound, vdev_zero (d, n, info->size - n, VDEV_MAY_TRIM), "zero");
  }
  must (sound, vdev_flush (d), "flush");
  vdev_unref (d);
}

#define MAX_NAMES 12
struct names {
  struct pool_volume_info info[MAX_NAMES];
  unsigned n;
};

static int
keep_name (void *opaque, const struct pool_volume_info *info)
{
  struct names *names = opaque;

  if (names->n < MAX_NAMES)
    names->info[names->n++] = *info;
  return 0;
}

static void
verbs (struct pool *p, const struct names *names, bool sound)
{
  const char *volume = NULL, *snap[1];
  unsigned i;

  for (i = 0; i < names->n; i++)
    if (!names->info[i].snapshot)
      volume = names->info[i].name;
  if (volume) {
    CLEANUP_FREE char *name = base_asprintf ("%s@fuzz-new", volume);
    CLEANUP_FREE char *clone = base_strdup ("fuzz-clone");

    snap[0] = name;
    must (sound, pool_snapshot (p, snap, 1, 0), "snapshot");
    (void) pool_clone (p, name, clone, 0);
    (void) pool_rollback (p, name, 0);
    (void) pool_resize (p, clone, 5000, POOL_SHRINK | POOL_FORCE);
  }
  if (names->n > 0)
    (void) pool_remove (p, names->info[0].name, POOL_RECURSIVE | POOL_FORCE);
  for (i = 0; i < WORK_STEPS && pool_work (p) > 0; i++)
    ;
  must (sound, pool_flush (p), "flush");
}

static void
count_problem (void *opaque, const struct pool_check_problem *problem)
{
  fprintf (stderr, "%s\n", problem->text);
  ++*(unsigned *) opaque;
}

static void
use_pool (struct pool *p, bool sound)
{
  static struct names names;
  unsigned problems = 0, i;
  const struct pool_check_options o = {
    .data = true, .problem = sound ? count_problem : NULL, .opaque = &problems,
  };
  struct pool_check_result result;
  struct pool_info info;

  names.n = 0;
  pool_get_info (p, &info);
  must (sound, pool_list (p, true, keep_name, &names), "list");
  for (i = 0; i < names.n; i++)
    use_volume (p, &names.info[i], sound);
  verbs (p, &names, sound);
  must (sound, pool_check (p, &o, &result), "check");
  if (sound && (problems > 0 || result.errors > 0 || result.leaks > 0))
    abort ();
}

void
fuzz_open (const uint8_t *data, size_t size)
{
  static struct verdict v;
  struct pool_options o = { .event = keep_event };
  struct fuzz_image f;
  struct vdev *d;
  struct pool *p;
  bool sound;
  int r;

  if (!fuzz_image_make (&f, data, size))
    return;
  verdict_of (&v, f.image, f.size, f.super, true);
  nsaid = 0;
  /* What was judged is what the engine opens. */
  sound = v.r.errors == 0 && v.r.leaks == 0 && f.newest;
  d = backing_of (&f);
  o.readonly = f.flags & 4;
  r = pool_open (d, &o, &p);
  must (sound, r, "open");
  if (r < 0) {
    vdev_unref (d);
    return;
  }
  use_pool (p, sound);
  r = pool_close (p);
  must (sound, r, "close");
}
