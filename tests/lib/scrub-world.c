/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The world of the scrub's tests; scrub-world.h is the manual.
 */

#include <config.h>

#include "format.h"
#include "scrub-world.h"
#include "sim.h"
#include "test.h"

#define B WORLD_BLOCK
#define FAN (B / sizeof (struct format_entry))

/* ---- the device ---------------------------------------------------------- */

struct watched {
  struct vdev_pass p;
  struct scrub_world *w;
};

static struct scrub_world *
world_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct watched, p.d)->w;
}

static int
watched_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  struct scrub_world *w = world_of (d);
  const uint64_t at = w->unreadable * B;

  w->bytes_read += len;
  if (w->slow > 0 && --w->slow == 0)
    sim_set_now (sim_now () + UINT64_C (100000000000));
  if (w->unreadable > 0 && off < at + B && off + len > at)
    return base_fail (EIO, "sector cannot be read");
  return vdev_pass_read (d, buf, len, off);
}

static int
watched_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
               uint32_t flags)
{
  world_of (d)->writes++;
  return vdev_pass_write (d, buf, len, off, flags);
}

static const struct vdev_ops watched_ops = {
  .kind = "watched",
  .read = watched_read,
  .write = watched_write,
  .flush = vdev_pass_flush,
  .trim = vdev_pass_trim,
  .zero = vdev_pass_zero,
  .extents = vdev_pass_extents,
  .cache = vdev_pass_cache,
  .resize = vdev_pass_resize,
  .start = vdev_pass_start,
  .kick = vdev_pass_kick,
  .stat = vdev_pass_stat,
  .describe = vdev_pass_describe,
  .close = vdev_pass_close,
};

static struct vdev *
watch (struct scrub_world *w, struct vdev *child)
{
  struct watched *d = base_calloc (1, sizeof *d);

  CHECK (d != NULL);
  d->w = w;
  CHECK (vdev_pass_init (&d->p, &watched_ops, child, 0, 0) == 0);
  return &d->p.d;
}

/* ---- making -------------------------------------------------------------- */

static void
put (struct scrub_world *w, const char *name, uint64_t block, uint64_t n,
     uint8_t seed)
{
  uint8_t buf[B];
  struct vdev *d;
  uint64_t i, j;

  CHECK (pool_volume_open (w->p, name, false, NULL, &d) == 0);
  for (i = block; i < block + n; ++i) {
    for (j = 0; j < B; ++j)
      buf[j] = (uint8_t) (seed + 3 * i + j * j);
    CHECK_EQ_INT (vdev_write (d, buf, B, i * B, 0), 0);
  }
  vdev_unref (d);
}

static void
on_event (void *opaque, const struct pool_event *event)
{
  struct scrub_world *w = opaque;

  if (event->kind != POOL_EVENT_REPAIRED && event->kind != POOL_EVENT_CHECKSUM)
    return;
  w->event = *event;
  w->nevents++;
}

static void
open_it (struct scrub_world *w, bool readonly)
{
  struct pool_options o = { .readonly = readonly, .event = on_event,
                            .event_opaque = w };

  CHECK_MSG (pool_open (vdev_ref (w->disk), &o, &w->p) == 0, "%s",
             base_error_text ());
}

void
world_make (struct scrub_world *w)
{
  char name[8];
  unsigned i;

  memset (w, 0, sizeof *w);
  w->image = image_new (WORLD_BLOCKS * B);
  w->inner = image_vdev (w->image);
  w->disk = watch (w, w->inner);
  CHECK (pool_format (w->disk, &(struct pool_format_options) { 0 }) == 0);
  open_it (w, false);
  CHECK (pool_create (w->p, "v", 400 * B - 100, 0) == 0);
  put (w, "v", 0, 10, 1);
  put (w, "v", 300, 5, 2);
  CHECK (pool_snapshot (w->p, &(const char *) { "v@s" }, 1, 0) == 0);
  put (w, "v", 2, 3, 3);        /* 2, 3 and 4 are the snapshot's alone */
  CHECK (pool_clone (w->p, "v@s", "c", 0) == 0);
  put (w, "c", 302, 1, 4);
  for (i = 0; i < 8; ++i) {     /* so that the table has two leaves */
    snprintf (name, sizeof name, "x%u", i);
    CHECK (pool_create (w->p, name, 3 * B, 0) == 0);
  }
  put (w, "x3", 0, 3, 5);
  for (i = 0; i < 3; ++i) {     /* no two side by side */
    put (w, "x6", i, 1, 6);
    put (w, "x7", i, 1, 7);
  }
  CHECK (pool_checkpoint (w->p) == 0);
  world_look (w);
}

void
world_reopen (struct scrub_world *w, bool readonly)
{
  CHECK (pool_close (w->p) == 0);
  open_it (w, readonly);
}

void
world_end (struct scrub_world *w)
{
  CHECK (pool_close (w->p) == 0);
  vdev_unref (w->disk);
  image_free (w->image);
}

void
world_abandon (struct scrub_world *w)
{
  pool_abandon (w->p);
  vdev_unref (w->disk);
  image_free (w->image);
}

/* ---- looking ------------------------------------------------------------- */

static struct world_block *
claim (struct scrub_world *w, uint64_t place, enum world_kind kind,
       const char *name)
{
  struct world_block *b = &w->block[place];

  CHECK (place < WORLD_BLOCKS);
  CHECK (b->kind == WORLD_FREE || b->kind == kind);
  b->kind = kind;
  snprintf (b->name, sizeof b->name, "%s", name);
  return b;
}

static void
look_fixed (struct scrub_world *w, const struct format_super *s)
{
  static const char *const markers[] = { "marker 0", "marker 1", "marker 2",
                                         "marker 3" };
  const uint64_t start = le64toh (s->journal_start);
  uint64_t i;

  claim (w, FORMAT_SLOT_A / B, WORLD_FIXED, "superblock slot A");
  claim (w, FORMAT_SLOT_B / B, WORLD_FIXED, "superblock slot B");
  claim (w, FORMAT_OWNER / B, WORLD_FIXED, "owner record");
  claim (w, le64toh (s->twin_a), WORLD_FIXED, "superblock twin A");
  claim (w, le64toh (s->twin_b), WORLD_FIXED, "superblock twin B");
  for (i = 0; i < le64toh (s->journal_length); ++i)
    if (i < FORMAT_MARKERS)
      claim (w, start + i, WORLD_FIXED, markers[i]);
    else
      claim (w, start + i, WORLD_RING, "");
}

static void
look_tree (struct scrub_world *w, const struct format_entry *e, int level,
           const char *name)
{
  struct format_entry node[FAN];
  unsigned i;

  if (format_type (e) == FORMAT_HOLE)
    return;
  claim (w, format_place (e), WORLD_TREE, name);
  image_read (w->image, node, B, format_place (e) * B);
  for (i = 0; level > 0 && i < FAN; ++i)
    look_tree (w, &node[i], level - 1, name);
}

struct volume_at { const char *name; uint64_t id, size; };

static void
add_range (struct world_block *b, const struct volume_at *v, uint64_t block,
           uint64_t span)
{
  const uint64_t end = base_div_up (v->size, B);
  struct world_range r = { .id = v->id, .offset = block * B };
  unsigned i;

  snprintf (r.volume, sizeof r.volume, "%s", v->name);
  r.length = BASE_MIN (span, end - block) * B;
  CHECK (b->n < WORLD_RANGES);
  for (i = b->n++; i > 0 && b->range[i - 1].id > v->id; --i)
    b->range[i] = b->range[i - 1];
  b->range[i] = r;
}

static void
look_map (struct scrub_world *w, const struct volume_at *v,
          const struct format_entry *e, int level, uint64_t block)
{
  struct format_entry node[FAN];
  uint64_t span = 1;
  unsigned i;
  int k;

  if (format_type (e) == FORMAT_HOLE)
    return;
  for (k = 0; k <= level; ++k)
    span *= FAN;
  add_range (claim (w, format_place (e), level < 0 ? WORLD_DATA : WORLD_NODE,
                    ""), v, block, span);
  if (level < 0)
    return;
  image_read (w->image, node, B, format_place (e) * B);
  for (i = 0; i < FAN; ++i)
    look_map (w, v, &node[i], level - 1, block + i * (span / FAN));
}

static void
look_record (struct scrub_world *w, const struct format_record *r,
             const struct format_record *parent)
{
  char name[POOL_NAME_MAX + 1];
  struct volume_at v = { name, le64toh (r->id), le64toh (r->size) };

  snprintf (name, sizeof name, "%.*s%s%.*s",
            parent ? parent->name_length : 0, parent ? parent->name : "",
            parent ? "@" : "", r->name_length, r->name);
  look_map (w, &v, &r->root.entry, r->root.levels - 1, 0);
}

static void
look_records (struct scrub_world *w, const struct format_super *s)
{
  const unsigned per_leaf = B / FORMAT_RECORD_SIZE;
  struct format_record r[16];
  struct format_entry root[FAN];
  unsigned i, j;

  CHECK_EQ_INT (s->table.levels, 2);
  memset (r, 0, sizeof r);
  image_read (w->image, root, B, format_place (&s->table.entry) * B);
  for (i = 0; i < 2; ++i)
    image_read (w->image, r + i * per_leaf, B, format_place (&root[i]) * B);
  for (i = 0; i < 16; ++i) {
    const struct format_record *parent = NULL;

    for (j = 0; j < 16; ++j)
      if (r[i].kind == FORMAT_SNAPSHOT && r[j].id == r[i].parent)
        parent = &r[j];
    if (r[i].kind != FORMAT_FREE)
      look_record (w, &r[i], parent);
  }
}

void
world_look (struct scrub_world *w)
{
  struct format_super a, b;

  memset (w->block, 0, sizeof w->block);
  image_read (w->image, &a, sizeof a, FORMAT_SLOT_A);
  image_read (w->image, &b, sizeof b, FORMAT_SLOT_B);
  CHECK (format_super_valid (&a) && format_super_valid (&b));
  if (le64toh (b.generation) > le64toh (a.generation))
    a = b;
  look_fixed (w, &a);
  look_tree (w, &a.space.entry, a.space.levels - 1, "space tree");
  look_tree (w, &a.refs.entry, a.refs.levels - 1, "refs tree");
  look_tree (w, &a.backed.entry, a.backed.levels - 1, "backed tree");
  look_tree (w, &a.table.entry, a.table.levels - 1, "table tree");
  look_records (w, &a);
}

/* ---- scrubbing ----------------------------------------------------------- */

static void
on_damage (void *opaque, const struct pool_scrub_damage *d)
{
  struct scrub_world *w = opaque;
  struct world_damage *to = &w->damage[w->ndamage];

  CHECK (w->ndamage++ < WORLD_DAMAGE);
  to->d = *d;
  snprintf (to->volume, sizeof to->volume, "%s", d->volume);
  snprintf (to->what, sizeof to->what, "%s", d->what);
  snprintf (to->why, sizeof to->why, "%s", d->why);
}

int
world_scrub (struct scrub_world *w, const struct pool_scrub_options *options)
{
  struct pool_scrub_options o = { .rate = UINT64_C (1) << 50 };

  if (options)
    o = *options;
  o.damage = on_damage;
  o.opaque = w;
  w->ndamage = w->nevents = 0;
  memset (&w->event, 0, sizeof w->event);
  w->bytes_read = w->writes = 0;
  return pool_scrub (w->p, &o, &w->result);
}
