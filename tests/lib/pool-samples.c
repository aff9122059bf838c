/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-samples: each function builds one shape; the table names them.
 */

#include <stdlib.h>

#include "pool-samples.h"

static struct pi *
empty (void)
{
  struct pi *p = pi_new (&(struct pi_options) { .blocks = 40,
                                                .generation = 1 });

  pi_finish (p);
  return p;
}

static struct pi *
one_volume (void)
{
  struct pi *p = pi_new (NULL);
  unsigned v = pi_volume (p, "root", 5000);

  pi_put (p, v, 0, 1);
  pi_put (p, v, 1, 2);
  pi_finish (p);
  return p;
}

/* A volume of several leaves; snapshots at three moments, a clone of one of
 * them and a clone of the volume; then everybody goes his way.
 */
static struct pi *
family (void)
{
  struct pi *p = pi_new (&(struct pi_options) { .blocks = 256 });
  unsigned root = pi_volume (p, "root", 1100 * 4096 - 100), c, d;
  const uint64_t at[] = { 0, 1, 255, 256, 511, 1024, 1099 };
  unsigned i;

  for (i = 0; i < 7; i++)
    pi_put (p, root, at[i], 10 + i);
  pi_snapshot (p, root, "a");
  pi_put (p, root, 255, 20);
  pi_put (p, root, 700, 21);
  pi_skip_slot (p);
  c = pi_snapshot (p, root, "b");
  c = pi_clone (p, c, "branch");
  pi_put (p, c, 0, 30);
  pi_put (p, c, 300, 31);
  pi_unmap (p, root, 1024);
  pi_unmap (p, root, 1099);
  pi_snapshot (p, root, "c");
  d = pi_clone (p, root, "twin");
  pi_put (p, d, 256, 40);
  pi_put (p, root, 256, 41);
  pi_volume (p, "nothing", 1);
  pi_finish (p);
  return p;
}

static struct pi *
big_blocks (void)
{
  struct pi *p = pi_new (&(struct pi_options) { .block_shift = 16,
                                                .blocks = 64 });
  unsigned v = pi_volume (p, "big", 5000 * 65536ULL);

  pi_put (p, v, 0, 1);
  pi_put (p, v, 4096, 2);
  pi_snapshot (p, v, "s");
  pi_put (p, v, 4999, 3);
  pi_finish (p);
  return p;
}

/* The deepest map, and one with levels to spare. */
static struct pi *
deep (void)
{
  struct pi *p = pi_new (&(struct pi_options) { .extra_levels = 1,
                                                .generation = 2 });
  unsigned v = pi_volume (p, "deep", FORMAT_MAX_VOLUME);
  unsigned w = pi_volume (p, "small", 1);

  pi_put (p, v, 0, 1);
  pi_put (p, v, (FORMAT_MAX_VOLUME >> 12) - 1, 2);
  pi_put (p, w, 0, 3);
  pi_snapshot (p, v, "s");
  pi_put (p, v, UINT64_C (1) << 39, 4);
  pi_finish (p);
  return p;
}

/* Removed volumes at all stages, and an import. */
static struct pi *
orphans (void)
{
  struct pi *p = pi_new (&(struct pi_options) { .blocks = 256 });
  unsigned a = pi_volume (p, "a", 4096 * 600), b, c, i;

  for (i = 0; i < 600; i += 40)
    pi_put (p, a, i, 100 + i);
  b = pi_snapshot (p, a, "gone");
  pi_put (p, a, 40, 7);
  pi_remove (p, b, 0);          /* its map is still shared */
  c = pi_clone (p, a, "half");
  for (i = 0; i < 600; i += 40)
    pi_put (p, c, i, 200 + i);
  pi_remove (p, c, 256);
  c = pi_volume (p, "all", 4096 * 600);
  pi_put (p, c, 599, 9);
  pi_remove (p, c, 512);
  p->record[c].f.size = 0;      /* means nothing any more */
  p->record[c].f.snap_epoch = UINT32_MAX;
  c = pi_volume (p, "incoming", 4096 * 10);
  pi_put (p, c, 3, 11);
  p->record[c].f.kind = FORMAT_INCOMPLETE;
  p->record[c].f.size = htole64 (1);    /* means nothing yet */
  pi_finish (p);
  return p;
}

static struct pi *
overlay (void)
{
  struct pi *p = pi_new (NULL);
  unsigned v = pi_volume (p, "over", 4096 * 9);

  p->record[v].f.flags = FORMAT_RECORD_OVERLAY | FORMAT_RECORD_READONLY;
  memset (p->record[v].f.base_uuid, 0x5b, 16);
  p->record[v].f.base_size = htole64 (12345);
  pi_put (p, v, 0, 1);
  pi_zero (p, v, 4);
  pi_snapshot (p, v, "s");
  pi_zero (p, v, 0);
  pi_put (p, v, 4, 2);
  pi_finish (p);
  return p;
}

/* Trees of more than one leaf everywhere: places far apart, small slabs,
 * many records.
 */
static struct pi *
wide (void)
{
  struct pi *p = pi_new (&(struct pi_options) { .blocks = 70000,
                                                .slab_shift = 3,
                                                .spread = 700 });
  char name[FORMAT_NAME_MAX + 1];
  unsigned v = 0, i;

  for (i = 0; i < 20; i++) {
    memset (name, 'a' + i, FORMAT_NAME_MAX);
    name[FORMAT_NAME_MAX - i] = '\0';
    v = pi_volume (p, name, 4096 * 300);
    pi_put (p, v, i * 10, 50 + i);
  }
  pi_snapshot (p, v, "1.2_3+4-5");
  pi_put (p, v, 280, 99);
  p->o.spread = 0;
  pi_finish (p);
  return p;
}

struct pi *
pool_sample (unsigned i, const char **name)
{
  static const struct {
    const char *name;
    struct pi *(*make) (void);
  } samples[] = {
    { "empty", empty },
    { "one-volume", one_volume },
    { "family", family },
    { "big-blocks", big_blocks },
    { "deep", deep },
    { "orphans", orphans },
    { "overlay", overlay },
    { "wide", wide },
  };

  if (i >= BASE_ARRAY_SIZE (samples))
    return NULL;
  *name = samples[i].name;
  return samples[i].make ();
}
