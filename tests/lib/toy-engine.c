/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The toy; toy-engine.h says what it is for.
 *
 * Blocks 0 and 1 are the superblock's two slots, by generation.  A slot names
 * the block of the table and carries its checksum; the table holds for each
 * volume and snapshot the places and checksums of its blocks.  A commit:
 * copy the table (the cut), write it to a free block, flush, write the slot,
 * flush; then what was freed before the cut may be used again.
 */

#include <config.h>

#include <stdlib.h>

#include "sim.h"
#include "toy-engine.h"

#define B 4096U
#define BLOCKS 8                /* of a volume */
#define OBJECTS 8
#define NAME 16
#define VOLUMES 2
#define MOST 4096               /* blocks of a pool */
#define RESERVE (BLOCKS + 3)    /* for overwrites and the table */

const char *const toy_bug_names[TOY_BUGS] = {
  "right", "no-flush-1", "no-flush-2", "reuse-at-once", "reuse-at-cut",
  "in-place", "no-compare", "flush-ignores-commit", "refuses-half",
  "cut-moves", "not-woken", "edge", "snapshot-not-counted", "no-rewrite",
  "verb-uncommitted", "flush-retried",
};
enum toy_bug toy_bug;

struct entry { uint32_t place, crc; };          /* place 0 = hole */
struct object {
  char name[NAME];   /* "" = unused */
  uint64_t id;
  struct entry map[BLOCKS];
};
struct table { uint64_t next_id; struct object o[OBJECTS]; };
struct slot { char magic[8]; uint64_t generation; uint32_t table, crc, self; };

struct toy {
  struct vdev *b;
  struct pool_watch watch;
  struct base_mutex lock;       /* of everything below */
  struct base_cond changed;
  struct table t;
  uint32_t nblocks, nfree, table_place;
  uint8_t refs[MOST];           /* references; 0 = free or in limbo */
  bool used[MOST];
  uint64_t limbo[MOST];         /* transaction that freed it, 0 = none */
  uint64_t open_gen, durable;
  bool dirty, committing, poisoned;
  unsigned inflight;
};

struct handle { struct vdev d; struct toy *t; struct object *o; };

/* ---- space ------------------------------------------------------------- */

static uint32_t
take (struct toy *t)
{
  uint32_t i;

  for (i = 2; i < t->nblocks && t->used[i]; i++)
    ;
  assert (i < t->nblocks);
  t->used[i] = true;
  t->nfree--;
  return i;
}

static void
give (struct toy *t, uint32_t place)
{
  t->used[place] = false;
  t->limbo[place] = 0;
  t->nfree++;
}

static void
drop (struct toy *t, uint32_t place)
{
  if (place == 0 || --t->refs[place] > 0)
    return;
  t->limbo[place] = t->open_gen;
  if (toy_bug == TOY_REUSE_AT_ONCE)
    give (t, place);
}

/* ---- commit ------------------------------------------------------------ */

static int
write_slot (struct toy *t, uint64_t generation, uint32_t place, uint32_t crc)
{
  uint8_t buf[B] = { 0 };
  struct slot s = { "toypool", generation, place, crc, 0 };

  s.self = base_crc32c (&s, sizeof s);
  memcpy (buf, &s, sizeof s);
  return vdev_write (t->b, buf, B, generation % 2 * B, 0);
}

static void
release (struct toy *t, uint64_t generation)
{
  uint32_t i;

  for (i = 2; i < t->nblocks; i++)
    if (t->limbo[i] != 0 && t->limbo[i] <= generation)
      give (t, i);
}

/* Lock held and given up in between.  The caller has set `committing'. */
static int
commit_one (struct toy *t)
{
  uint8_t buf[B] = { 0 };
  uint64_t generation = t->open_gen++;
  uint32_t place = take (t);
  int r = 0;

  memcpy (buf, &t->t, sizeof t->t);
  t->dirty = false;
  if (t->watch.cut)
    t->watch.cut (t->watch.opaque, generation);
  base_mutex_unlock (&t->lock);
  if (toy_bug == TOY_CUT_MOVES)
    memcpy (buf, &t->t, sizeof t->t);
  r = vdev_write (t->b, buf, B, (uint64_t) place * B, 0);
  if (r == 0 && toy_bug != TOY_NO_FLUSH_1)
    r = vdev_flush (t->b);
  if (toy_bug == TOY_REUSE_AT_CUT) {
    base_mutex_lock (&t->lock);
    release (t, generation);
    base_mutex_unlock (&t->lock);
  }
  if (r == 0)
    r = write_slot (t, generation, place, base_crc32c (buf, B));
  if (r == 0 && toy_bug != TOY_NO_FLUSH_2)
    r = vdev_flush (t->b);
  base_mutex_lock (&t->lock);
  if (r < 0) {
    if (toy_bug == TOY_FLUSH_RETRIED)
      atomic_store (&t->b->sticky, 0);
    else
      t->poisoned = true;
    give (t, place);
  }
  else {
    release (t, generation);
    give (t, t->table_place);
    t->table_place = place;
    t->durable = generation;
  }
  return r;
}

/* Make generation WANTED durable; lock held. */
static int
commit_to (struct toy *t, uint64_t wanted)
{
  int r = 0;

  while (t->durable < wanted && !t->poisoned && r == 0) {
    if (t->committing) {
      base_cond_wait (&t->changed, &t->lock);
      continue;
    }
    t->committing = true;
    r = commit_one (t);
    t->committing = false;
    if (toy_bug != TOY_NOT_WOKEN)
      base_cond_broadcast (&t->changed);
  }
  return t->poisoned || r < 0 ? base_fail (EIO, "toy: poisoned") : 0;
}

static int
toy_flush (struct pool *p)
{
  struct toy *t = (struct toy *) p;
  LOCK_FOR_SCOPE (&t->lock);

  if (t->poisoned)
    return base_fail (EIO, "toy: poisoned");
  if (t->dirty)
    return commit_to (t, t->open_gen);
  if (toy_bug == TOY_FLUSH_IGNORES_COMMIT)
    return 0;
  return commit_to (t, t->open_gen - 1);
}

/* ---- volumes ----------------------------------------------------------- */

static int
toy_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  struct handle *h = BASE_CONTAINER_OF (d, struct handle, d);
  uint8_t block[B], *b = buf;

  while (len > 0) {
    size_t in = off % B, n = BASE_MIN (len, B - in);
    struct entry e, again;
    int r;

    do {
      base_mutex_lock (&h->t->lock);
      e = h->o->map[off / B];
      base_mutex_unlock (&h->t->lock);
      memset (block, 0, B);
      r = e.place ? vdev_read (h->t->b, block, B, (uint64_t) e.place * B) : 0;
      if (r < 0)
        return r;
      base_mutex_lock (&h->t->lock);
      again = h->o->map[off / B];
      base_mutex_unlock (&h->t->lock);
    } while (memcmp (&e, &again, sizeof e) != 0);
    if (e.place && base_crc32c (block, B) != e.crc)
      return base_fail (EBADMSG, "toy: block %u is damaged", e.place);
    memcpy (b, block + in, n);
    b += n;
    off += n;
    len -= n;
  }
  return 0;
}

/* Room for N blocks, GROWTH of which are more than before; lock held. */
static int
admit (struct toy *t, unsigned n, unsigned growth)
{
  while (t->nfree < n + (growth ? RESERVE : 1)) {
    uint32_t i, waiting = 0;

    if (t->poisoned)
      return base_fail (EIO, "toy: poisoned");
    for (i = 2; i < t->nblocks; i++)
      waiting += t->limbo[i] != 0;
    if (waiting == 0 && t->inflight == 0 && !t->committing)
      return base_fail (ENOSPC, "toy: full");
    if (waiting > 0 || t->committing) {
      if (commit_to (t, waiting ? t->open_gen : t->open_gen - 1) < 0)
        return -EIO;
    }
    else
      base_cond_wait (&t->changed, &t->lock);
  }
  return 0;
}

struct piece { struct entry was, now; };

/* Write the new blocks of a request, merging what it covers in part. */
static int
prepare (struct handle *h, const uint8_t *buf, size_t len, uint64_t off,
         struct piece *piece)
{
  uint64_t first = off / B, end = off + len, i;
  uint8_t block[B];
  int r;

  for (i = first; i * B < end; i++) {
    struct piece *p = &piece[i - first];
    uint64_t from = BASE_MAX (off, i * B), to = BASE_MIN (end, i * B + B);

    if (p->now.place == 0)
      continue;
    memset (block, 0, B);
    if (to - from < B && p->was.place) {
      r = vdev_read (h->t->b, block, B, (uint64_t) p->was.place * B);
      if (r < 0)
        return r;
    }
    if (buf)
      memcpy (block + from % B, buf + (from - off), to - from);
    else if (toy_bug != TOY_EDGE || from != off)
      memset (block + from % B, 0, to - from);
    p->now.crc = base_crc32c (block, B);
    r = vdev_write (h->t->b, block, B, (uint64_t) p->now.place * B, 0);
    if (r < 0)
      return r;
  }
  return 0;
}

/* Write BUF, or zeroes if it is NULL. */
static int
change (struct handle *h, const uint8_t *buf, size_t len, uint64_t off)
{
  struct toy *t = h->t;
  struct piece piece[BLOCKS + 1] = { 0 };
  uint64_t first = off / B, end = off + len, i;
  unsigned n = 0, growth = 0;
  bool again, partial;
  int r = 0;
  LOCK_FOR_SCOPE (&t->lock);

  for (i = first; i * B < end; i++) {
    partial = off > i * B || end < i * B + B;
    if (buf == NULL && !partial)
      continue;
    n++;
    if (h->o->map[i].place == 0 || t->refs[h->o->map[i].place] > 1)
      growth++;
  }
  if (!t->poisoned && toy_bug == TOY_REFUSES_HALF &&
      t->nfree < n + RESERVE && growth) {
    if (t->watch.published)
      t->watch.published (t->watch.opaque, h->o->id, off, 1);
    return base_fail (ENOSPC, "toy: full");
  }
  r = t->poisoned ? base_fail (EIO, "toy: poisoned") : admit (t, n, growth);
  if (r < 0)
    return r;
  for (i = first; i * B < end; i++) {
    partial = off > i * B || end < i * B + B;
    piece[i - first].was = h->o->map[i];
    if (toy_bug == TOY_IN_PLACE && h->o->map[i].place != 0 &&
        t->refs[h->o->map[i].place] == 1)
      piece[i - first].now = h->o->map[i];
    else if (buf != NULL || partial)
      piece[i - first].now.place = take (t);
  }
  t->inflight++;
  do {
    base_mutex_unlock (&t->lock);
    r = prepare (h, buf, len, off, piece);
    base_mutex_lock (&t->lock);
    for (again = false, i = first; i * B < end; i++)
      if (memcmp (&piece[i - first].was, &h->o->map[i], sizeof (struct entry))
          && toy_bug != TOY_NO_COMPARE) {
        again = r == 0;
        piece[i - first].was = h->o->map[i];
      }
  } while (again);
  t->inflight--;
  base_cond_broadcast (&t->changed);
  for (i = first; i * B < end; i++) {
    struct piece *p = &piece[i - first];
    if (p->now.place && p->now.place == h->o->map[i].place) {
      h->o->map[i] = p->now;
      continue;
    }
    if (r < 0 && p->now.place)
      give (t, p->now.place);
    if (r < 0)
      continue;
    drop (t, h->o->map[i].place);
    h->o->map[i] = p->now;
    t->refs[p->now.place] = 1;
  }
  if (r == 0) {
    t->dirty = true;
    if (t->watch.published)
      t->watch.published (t->watch.opaque, h->o->id, off, len);
  }
  return r;
}

static int
toy_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
           uint32_t flags BASE_UNUSED)
{
  return change (BASE_CONTAINER_OF (d, struct handle, d), buf, len, off);
}

static int
toy_zero (struct vdev *d, uint64_t len, uint64_t off,
          uint32_t flags BASE_UNUSED)
{
  return change (BASE_CONTAINER_OF (d, struct handle, d), NULL, len, off);
}

static int
toy_handle_flush (struct vdev *d)
{
  struct handle *h = BASE_CONTAINER_OF (d, struct handle, d);

  return toy_flush ((struct pool *) h->t);
}

static void
toy_handle_close (struct vdev *d)
{
  vdev_fini (d);
  free (BASE_CONTAINER_OF (d, struct handle, d));
}

static const struct vdev_ops handle_ops = {
  .kind = "toy", .read = toy_read, .write = toy_write, .trim = toy_zero,
  .zero = toy_zero, .flush = toy_handle_flush, .close = toy_handle_close,
};

static struct object *
find (struct toy *t, const char *name)
{
  int i;

  for (i = 0; i < OBJECTS; i++)
    if (strcmp (t->t.o[i].name, name) == 0)
      return &t->t.o[i];
  return NULL;
}

static int
toy_volume_open (struct pool *p, const char *name, bool readonly,
                 const char *client BASE_UNUSED, struct vdev **ret)
{
  struct toy *t = (struct toy *) p;
  struct handle *h = calloc (1, sizeof *h);
  struct vdev_info info = {
    .name = strdup (name), .align = 1, .preferred = B,
    .caps = VDEV_FLUSH | VDEV_TRIM | VDEV_TRIM_ZEROES | VDEV_ZERO |
      VDEV_FAST_ZERO | VDEV_MULTI_CONN,
  };

  h->t = t;
  h->o = find (t, name);
  assert (h->o != NULL);
  if (readonly || strchr (name, '@'))
    info.caps |= VDEV_RO;
  *ret = &h->d;
  return vdev_init (&h->d, &handle_ops, &info, BLOCKS * B);
}

/* ---- verbs ------------------------------------------------------------- */

static int
verb_done (struct toy *t, uint64_t id)
{
  t->dirty = true;
  if (t->watch.published)
    t->watch.published (t->watch.opaque, id, 0, 0);
  return toy_bug == TOY_VERB_UNCOMMITTED ? 0 : commit_to (t, t->open_gen);
}

static int
toy_snapshot (struct pool *p, const char *const *names,
              size_t nnames BASE_UNUSED, unsigned flags BASE_UNUSED)
{
  struct toy *t = (struct toy *) p;
  char volume[NAME] = "";
  struct object *from, *o;
  int i;
  LOCK_FOR_SCOPE (&t->lock);

  if (t->poisoned)
    return base_fail (EIO, "toy: poisoned");
  memcpy (volume, names[0], strcspn (names[0], "@"));
  from = find (t, volume);
  o = find (t, "");
  if (o == NULL || t->nfree < RESERVE)
    return base_fail (ENOSPC, "toy: full");
  *o = *from;
  strcpy (o->name, names[0]);
  o->id = t->t.next_id++;
  for (i = 0; i < BLOCKS; i++)
    if (o->map[i].place && toy_bug != TOY_SNAPSHOT_NOT_COUNTED)
      t->refs[o->map[i].place]++;
  return verb_done (t, o->id);
}

static int
toy_remove (struct pool *p, const char *name, unsigned flags BASE_UNUSED)
{
  struct toy *t = (struct toy *) p;
  struct object *o;
  uint64_t id;
  int i;
  LOCK_FOR_SCOPE (&t->lock);

  if (t->poisoned)
    return base_fail (EIO, "toy: poisoned");
  o = find (t, name);
  id = o->id;
  for (i = 0; i < BLOCKS; i++)
    if (toy_bug != TOY_SNAPSHOT_NOT_COUNTED)
      drop (t, o->map[i].place);
  memset (o, 0, sizeof *o);
  return verb_done (t, id);
}

static int
toy_list (struct pool *p, bool exclusive BASE_UNUSED,
          int (*fn) (void *opaque, const struct pool_volume_info *info),
          void *opaque)
{
  struct toy *t = (struct toy *) p;
  struct pool_volume_info info;
  int i;

  for (i = 0; i < OBJECTS; i++) {
    if (t->t.o[i].name[0] == '\0')
      continue;
    memset (&info, 0, sizeof info);
    strcpy (info.name, t->t.o[i].name);
    info.snapshot = strchr (info.name, '@') != NULL;
    info.id = t->t.o[i].id;
    info.size = BLOCKS * B;
    fn (opaque, &info);
  }
  return 0;
}

/* ---- life -------------------------------------------------------------- */

static void
count (struct toy *t)
{
  uint32_t i, k;

  memset (t->refs, 0, sizeof t->refs);
  for (i = 0; i < OBJECTS; i++)
    for (k = 0; k < BLOCKS; k++)
      if (t->t.o[i].map[k].place)
        t->refs[t->t.o[i].map[k].place]++;
}

static int
toy_check (struct pool *p, const struct pool_check_options *options BASE_UNUSED,
           struct pool_check_result *result)
{
  struct toy *t = (struct toy *) p;
  uint8_t was[MOST];
  uint32_t i;

  memset (result, 0, sizeof *result);
  memcpy (was, t->refs, sizeof was);
  count (t);
  for (i = 2; i < t->nblocks; i++)
    if (t->refs[i] != was[i] || (t->refs[i] && !t->used[i]))
      result->errors++;
  return 0;
}

static int
toy_format (struct vdev *backing,
            const struct pool_format_options *options BASE_UNUSED)
{
  struct toy t = { .b = backing, .open_gen = 1, .table_place = 2 };
  uint8_t buf[B] = { 0 };
  int i, r;

  t.t.next_id = 1;
  for (i = 0; i < VOLUMES; i++) {
    t.t.o[i].name[0] = 'v';
    t.t.o[i].name[1] = (char) ('0' + i);
    t.t.o[i].id = t.t.next_id++;
  }
  memcpy (buf, &t.t, sizeof t.t);
  r = vdev_write (backing, buf, B, 2 * B, 0);
  if (r == 0)
    r = write_slot (&t, 1, 2, base_crc32c (buf, B));
  return r == 0 ? vdev_flush (backing) : r;
}

static int
load (struct toy *t)
{
  uint8_t buf[B];
  struct slot s, best = { .generation = 0 };
  uint32_t self, i;
  int r;

  for (i = 0; i < 2; i++) {
    r = vdev_read (t->b, buf, B, i * B);
    if (r < 0)
      return r;
    memcpy (&s, buf, sizeof s);
    self = s.self;
    s.self = 0;
    if (memcmp (s.magic, "toypool", 8) == 0 &&
        base_crc32c (&s, sizeof s) == self && s.generation > best.generation)
      best = s;
  }
  if (best.generation == 0)
    return base_fail (EBADMSG, "toy: no superblock");
  r = vdev_read (t->b, buf, B, (uint64_t) best.table * B);
  if (r == 0 && base_crc32c (buf, B) != best.crc)
    r = base_fail (EBADMSG, "toy: the table is damaged");
  if (r < 0)
    return r;
  memcpy (&t->t, buf, sizeof t->t);
  t->table_place = best.table;
  t->durable = best.generation;
  t->open_gen = best.generation + 1;
  if (toy_bug == TOY_NO_REWRITE)
    return 0;
  r = write_slot (t, best.generation, best.table, best.crc);
  return r == 0 ? vdev_flush (t->b) : r;
}

static int
toy_open (struct vdev *backing, const struct pool_options *options,
          struct pool **ret)
{
  struct toy *t = calloc (1, sizeof *t);
  uint32_t i;
  int r;

  t->b = backing;
  t->watch = options->watch;
  t->nblocks = (uint32_t) BASE_MIN (vdev_size (backing) / B, MOST);
  base_mutex_init (&t->lock);
  base_cond_init (&t->changed);
  r = load (t);
  if (r < 0) {
    free (t);
    return r;
  }
  count (t);
  for (i = 0; i < t->nblocks; i++) {
    t->used[i] = i < 2 || i == t->table_place || t->refs[i] > 0;
    t->nfree += !t->used[i];
  }
  *ret = (struct pool *) t;
  return 0;
}

static void
toy_abandon (struct pool *p)
{
  struct toy *t = (struct toy *) p;

  vdev_unref (t->b);
  free (t);
}

static int
toy_close (struct pool *p)
{
  int r = toy_flush (p);

  toy_abandon (p);
  return r;
}

static int
toy_work (struct pool *p BASE_UNUSED)
{
  return 0;
}

const struct crash_engine toy_engine = {
  .name = "toy",
  .kinds = 1 << CRASH_WRITE | 1 << CRASH_PARTIAL | 1 << CRASH_LARGE |
    1 << CRASH_FUA | 1 << CRASH_TRIM | 1 << CRASH_ZERO | 1 << CRASH_FLUSH |
    1 << CRASH_SNAPSHOT | 1 << CRASH_REMOVE | 1 << CRASH_READ |
    1 << CRASH_CHECK | 1 << CRASH_REOPEN | 1 << CRASH_KILL |
    1 << CRASH_BADFLUSH,
  .fixed_volumes = VOLUMES,
  .fixed_size = BLOCKS * B,
  .format = toy_format,
  .open = toy_open,
  .work = toy_work,
  .close = toy_close,
  .abandon = toy_abandon,
  .volume_open = toy_volume_open,
  .snapshot = toy_snapshot,
  .remove = toy_remove,
  .flush = toy_flush,
  .list = toy_list,
  .check = toy_check,
};
