/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The oracle; oracle.h is the manual.
 *
 * Contents are a table of chunks of 64 pages; table, chunks and pages are
 * counted, and copied when they change while somebody else holds them.  Each
 * chunk also says which of its pages are exclusive, see oracle_exclusive.
 */

#include <config.h>

#include <stdlib.h>

#include "oracle.h"

#define CHUNK 64

struct page {
  union {
    unsigned refs;
    struct page *next;          /* when free */
  };
  uint8_t bytes[ORACLE_PAGE];
};

struct chunk {
  unsigned refs;
  uint64_t exclusive;
  struct page *page[CHUNK];     /* NULL = zeroes */
};

struct oracle_data {
  unsigned refs;
  size_t nchunks;
  struct chunk *chunk[];        /* NULL = zeroes, not exclusive */
};

static struct page *free_pages;

static void *
need (void *p)
{
  if (p == NULL) {
    fprintf (stderr, "oracle: out of memory\n");
    abort ();
  }
  return p;
}

/* ---- contents ---------------------------------------------------------- */

static struct page *
page_new (const struct page *from)
{
  struct page *p = free_pages;

  if (p)
    free_pages = p->next;
  else
    p = need (malloc (sizeof *p));
  p->refs = 1;
  if (from)
    memcpy (p->bytes, from->bytes, ORACLE_PAGE);
  else
    memset (p->bytes, 0, ORACLE_PAGE);
  return p;
}

static void
page_unref (struct page *p)
{
  if (p && --p->refs == 0) {
    p->next = free_pages;
    free_pages = p;
  }
}

static void
chunk_unref (struct chunk *c)
{
  size_t i;

  if (c == NULL || --c->refs > 0)
    return;
  for (i = 0; i < CHUNK; i++)
    page_unref (c->page[i]);
  free (c);
}

static size_t
chunks_of (uint64_t size)
{
  return base_div_up (size, CHUNK * ORACLE_PAGE);
}

static struct oracle_data *
data_new (uint64_t size)
{
  size_t n = chunks_of (size);
  struct oracle_data *d = need (calloc (1, sizeof *d + n * sizeof (void *)));

  d->refs = 1;
  d->nchunks = n;
  return d;
}

struct oracle_data *
oracle_data_ref (struct oracle_data *d)
{
  d->refs++;
  return d;
}

void
oracle_data_unref (struct oracle_data *d)
{
  size_t i;

  if (--d->refs > 0)
    return;
  for (i = 0; i < d->nchunks; i++)
    chunk_unref (d->chunk[i]);
  free (d);
}

const uint8_t *
oracle_data_page (const struct oracle_data *d, size_t i)
{
  const struct chunk *c = i / CHUNK < d->nchunks ? d->chunk[i / CHUNK] : NULL;

  return c && c->page[i % CHUNK] ? c->page[i % CHUNK]->bytes : NULL;
}

/* *DP, ours alone, with N chunks. */
static struct oracle_data *
data_own (struct oracle_data **dp, size_t n)
{
  struct oracle_data *d = *dp, *e;
  size_t i;

  if (d->refs == 1 && d->nchunks == n)
    return d;
  e = need (calloc (1, sizeof *e + n * sizeof (void *)));
  e->refs = 1;
  e->nchunks = n;
  for (i = 0; i < BASE_MIN (n, d->nchunks); i++) {
    e->chunk[i] = d->chunk[i];
    if (e->chunk[i])
      e->chunk[i]->refs++;
  }
  oracle_data_unref (d);
  return *dp = e;
}

static struct chunk *
chunk_own (struct oracle_data *d, size_t n)
{
  struct chunk *c = d->chunk[n], *e;
  size_t i;

  if (c && c->refs == 1)
    return c;
  e = need (calloc (1, sizeof *e));
  e->refs = 1;
  if (c) {
    e->exclusive = c->exclusive;
    for (i = 0; i < CHUNK; i++) {
      e->page[i] = c->page[i];
      if (e->page[i])
        e->page[i]->refs++;
    }
    chunk_unref (c);
  }
  return d->chunk[n] = e;
}

/* Bytes of one page; BUF NULL = zeroes. */
static void
page_put (struct oracle_data *d, const uint8_t *buf, size_t len, uint64_t off)
{
  size_t nr = off / ORACLE_PAGE, in = off % ORACLE_PAGE;
  struct chunk *c = d->chunk[nr / CHUNK];
  struct page *p = c ? c->page[nr % CHUNK] : NULL;

  if (p == NULL && (buf == NULL || base_is_zero (buf, len)))
    return;
  c = chunk_own (d, nr / CHUNK);
  if (p == NULL || p->refs > 1) {
    c->page[nr % CHUNK] = page_new (p);
    page_unref (p);
    p = c->page[nr % CHUNK];
  }
  if (buf)
    memcpy (p->bytes + in, buf, len);
  else
    memset (p->bytes + in, 0, len);
  if ((buf == NULL || base_is_zero (buf, len)) &&
      base_is_zero (p->bytes, ORACLE_PAGE)) {
    page_unref (p);
    c->page[nr % CHUNK] = NULL;
  }
}

static void
put (struct oracle_data *d, const uint8_t *buf, uint64_t len, uint64_t off)
{
  while (len > 0) {
    uint64_t n = BASE_MIN (len, ORACLE_PAGE - off % ORACLE_PAGE);

    /* Whole chunks of nothing are skipped fast: trims can be long. */
    if (buf == NULL && d->chunk[off / ORACLE_PAGE / CHUNK] == NULL)
      n = BASE_MIN (len, CHUNK * ORACLE_PAGE - off % (CHUNK * ORACLE_PAGE));
    else
      page_put (d, buf, n, off);
    if (buf)
      buf += n;
    off += n;
    len -= n;
  }
}

static bool
page_exclusive (const struct oracle_data *d, size_t i)
{
  const struct chunk *c = i / CHUNK < d->nchunks ? d->chunk[i / CHUNK] : NULL;

  return c && (c->exclusive >> i % CHUNK & 1);
}

/* The blocks that [off, off + len) touches belong to nobody else now, unless
 * they became zero and so are not there at all.
 */
static void
mark (struct oracle_data *d, uint64_t len, uint64_t off, uint32_t block)
{
  uint64_t at, end = off + len;
  size_t i, per = block / ORACLE_PAGE;

  for (at = off - off % block; at < end; at += block) {
    size_t first = at / ORACLE_PAGE;
    bool any = false;

    if (d->chunk[first / CHUNK] == NULL) {
      at += (CHUNK - first % CHUNK) * ORACLE_PAGE - block;
      continue;
    }
    for (i = first; i < first + per; i++)
      any |= oracle_data_page (d, i) != NULL;
    for (i = first; i < first + per && i / CHUNK < d->nchunks; i++)
      if (any != page_exclusive (d, i))
        chunk_own (d, i / CHUNK)->exclusive ^= UINT64_C (1) << i % CHUNK;
  }
}

/* ---- states ------------------------------------------------------------ */

struct oracle_state *
oracle_state_new (void)
{
  struct oracle_state *s = need (calloc (1, sizeof *s));

  s->refs = 1;
  return s;
}

struct oracle_state *
oracle_state_ref (struct oracle_state *s)
{
  s->refs++;
  return s;
}

void
oracle_state_unref (struct oracle_state *s)
{
  size_t i;

  if (s == NULL || --s->refs > 0)
    return;
  for (i = 0; i < s->n; i++)
    oracle_data_unref (s->v[i].data);
  free (s);
}

/* *SP, ours alone, with room for MORE volumes. */
static struct oracle_state *
state_own (struct oracle_state **sp, size_t more)
{
  struct oracle_state *s = *sp, *e;
  size_t i;

  if (s->refs == 1)
    return *sp = need (realloc (s, sizeof *s
                                + (s->n + more) * sizeof s->v[0]));
  e = need (malloc (sizeof *e + (s->n + more) * sizeof e->v[0]));
  memcpy (e, s, sizeof *s + s->n * sizeof s->v[0]);
  e->refs = 1;
  for (i = 0; i < e->n; i++)
    e->v[i].data->refs++;
  s->refs--;
  return *sp = e;
}

struct oracle_volume *
oracle_find (const struct oracle_state *s, const char *name)
{
  size_t i;

  for (i = 0; i < s->n; i++)
    if (strcmp (s->v[i].name, name) == 0)
      return (struct oracle_volume *) &s->v[i];
  return NULL;
}

struct oracle_volume *
oracle_find_key (const struct oracle_state *s, uint64_t key)
{
  size_t i;

  for (i = 0; i < s->n; i++)
    if (s->v[i].key == key)
      return (struct oracle_volume *) &s->v[i];
  return NULL;
}

static struct oracle_volume *
own_volume (struct oracle_state **sp, uint64_t key)
{
  return need (oracle_find_key (state_own (sp, 0), key));
}

/* As pool_list sorts: a volume, then its snapshots, then the next volume. */
static int
by_name (const void *a, const void *b)
{
  const struct oracle_volume *x = a, *y = b;
  size_t nx = strcspn (x->name, "@"), ny = strcspn (y->name, "@");
  int r = memcmp (x->name, y->name, BASE_MIN (nx, ny));

  if (r == 0 && nx != ny)
    r = nx < ny ? -1 : 1;
  return r ? r : strcmp (x->name, y->name);
}

static void
sort (struct oracle_state *s)
{
  qsort (s->v, s->n, sizeof s->v[0], by_name);
}

void
oracle_add (struct oracle_state **sp, const char *name, uint64_t key,
            uint64_t size, bool snapshot, const struct oracle_volume *from)
{
  struct oracle_data *data = from ? oracle_data_ref (from->data)
    : data_new (size);
  struct oracle_state *s = state_own (sp, 1);
  struct oracle_volume *v = &s->v[s->n++];

  memset (v, 0, sizeof *v);
  strncpy (v->name, name, ORACLE_NAME - 1);
  v->key = key;
  v->size = size;
  v->snapshot = snapshot;
  v->data = data;
  sort (s);
}

void
oracle_drop (struct oracle_state **sp, uint64_t key)
{
  struct oracle_state *s = state_own (sp, 0);
  size_t i;

  for (i = 0; i < s->n; i++)
    if (s->v[i].key == key) {
      oracle_data_unref (s->v[i].data);
      memmove (&s->v[i], &s->v[i + 1], (--s->n - i) * sizeof s->v[0]);
      return;
    }
}

void
oracle_rename (struct oracle_state **sp, uint64_t key, const char *name)
{
  struct oracle_volume *v = own_volume (sp, key);

  memset (v->name, 0, sizeof v->name);
  strncpy (v->name, name, ORACLE_NAME - 1);
  sort (*sp);
}

void
oracle_set_id (struct oracle_state **sp, uint64_t key, uint64_t id)
{
  own_volume (sp, key)->id = id;
}

void
oracle_set_hidden (struct oracle_state **sp, uint64_t key, bool hidden)
{
  own_volume (sp, key)->hidden = hidden;
}

/* A block of which nothing but zeroes was left is not there any more. */
static void
unmark_zero (struct oracle_data *d, uint64_t off, uint32_t block)
{
  size_t first = off / ORACLE_PAGE, i, end;

  end = BASE_MIN (first + block / ORACLE_PAGE, d->nchunks * CHUNK);
  for (i = first; i < end; i++)
    if (oracle_data_page (d, i) != NULL)
      return;
  for (i = first; i < end; i++)
    if (page_exclusive (d, i))
      chunk_own (d, i / CHUNK)->exclusive ^= UINT64_C (1) << i % CHUNK;
}

void
oracle_resize (struct oracle_state **sp, uint64_t key, uint64_t size,
               uint32_t block)
{
  struct oracle_volume *v = own_volume (sp, key);
  struct oracle_data *d;
  uint64_t at, end;

  d = data_own (&v->data, v->data->nchunks);
  if (size < v->size) {
    end = BASE_MIN (v->size, d->nchunks * CHUNK * ORACLE_PAGE);
    put (d, NULL, end - size, size);
    for (at = size - size % block; at < end; at += block)
      unmark_zero (d, at, block);
  }
  data_own (&v->data, chunks_of (size));
  v->size = size;
}

void
oracle_become (struct oracle_state **sp, uint64_t key, uint64_t from)
{
  struct oracle_volume *v = own_volume (sp, key);
  struct oracle_volume *f = oracle_find_key (*sp, from);
  struct oracle_data *d = oracle_data_ref (f->data);

  oracle_data_unref (v->data);
  v->data = d;
  v->size = f->size;
}

void
oracle_share (struct oracle_state **sp, uint64_t key)
{
  struct oracle_volume *v = own_volume (sp, key);
  struct oracle_data *d = data_own (&v->data, v->data->nchunks);
  size_t i;

  for (i = 0; i < d->nchunks; i++)
    if (d->chunk[i] && d->chunk[i]->exclusive)
      chunk_own (d, i)->exclusive = 0;
}

static uint64_t
chunk_exclusive (const struct oracle_data *d, size_t n)
{
  return n < d->nchunks && d->chunk[n] ? d->chunk[n]->exclusive : 0;
}

void
oracle_exclusive_in_both (struct oracle_state **sp,
                          const struct oracle_state *other)
{
  size_t i, n;

  for (i = 0; i < (*sp)->n; i++) {
    const struct oracle_volume *v = &(*sp)->v[i];
    const struct oracle_volume *o = oracle_find (other, v->name);

    for (n = 0; o && n < v->data->nchunks; n++) {
      const uint64_t mine = chunk_exclusive (v->data, n);
      const uint64_t both = mine & chunk_exclusive (o->data, n);
      struct oracle_volume *own;

      if (both == mine)
        continue;
      own = own_volume (sp, v->key);
      data_own (&own->data, own->data->nchunks);
      chunk_own (own->data, n)->exclusive = both;
      v = own;
    }
  }
}

/* ---- bytes ------------------------------------------------------------- */

void
oracle_write (struct oracle_state **sp, uint64_t key, const void *buf,
              uint64_t len, uint64_t off, uint32_t block)
{
  struct oracle_volume *v = own_volume (sp, key);
  struct oracle_data *d = data_own (&v->data, v->data->nchunks);

  if (len == 0)
    return;
  assert (off + len <= v->size);
  put (d, buf, len, off);
  mark (d, len, off, block);
}

bool
oracle_exclusive (const struct oracle_volume *v, uint64_t len, uint64_t off,
                  uint32_t block)
{
  uint64_t at;

  for (at = off - off % block; at < off + len; at += block)
    if (!page_exclusive (v->data, at / ORACLE_PAGE))
      return false;
  return true;
}

bool
oracle_trimmable (const struct oracle_volume *v, uint64_t len, uint64_t off,
                  uint32_t block)
{
  uint64_t end = off + len;

  if (len == 0)
    return true;
  if (off % block != 0 && !oracle_exclusive (v, 1, off, block))
    return false;
  return end % block == 0 || end == v->size ||
    oracle_exclusive (v, 1, end - 1, block);
}

void
oracle_read (const struct oracle_volume *v, void *buf, size_t len,
             uint64_t off)
{
  uint8_t *b = buf;

  while (len > 0) {
    size_t in = off % ORACLE_PAGE, n = BASE_MIN (len, ORACLE_PAGE - in);
    const uint8_t *p = oracle_data_page (v->data, off / ORACLE_PAGE);

    if (p)
      memcpy (b, p + in, n);
    else
      memset (b, 0, n);
    b += n;
    off += n;
    len -= n;
  }
}

bool
oracle_same (const struct oracle_volume *v, const void *buf, size_t len,
             uint64_t off, uint64_t *where)
{
  const uint8_t *b = buf;
  size_t i;

  while (len > 0) {
    size_t in = off % ORACLE_PAGE, n = BASE_MIN (len, ORACLE_PAGE - in);
    const uint8_t *p = oracle_data_page (v->data, off / ORACLE_PAGE);

    if (p ? memcmp (b, p + in, n) != 0 : !base_is_zero (b, n)) {
      for (i = 0; b[i] == (p ? p[in + i] : 0); i++)
        ;
      *where = off + i;
      return false;
    }
    b += n;
    off += n;
    len -= n;
  }
  return true;
}

uint64_t
oracle_pages (const struct oracle_volume *v)
{
  uint64_t n = 0;
  size_t i;

  for (i = 0; i < v->data->nchunks * CHUNK; i++)
    n += oracle_data_page (v->data, i) != NULL;
  return n;
}

/* ---- timeline ---------------------------------------------------------- */

/* Not BASE_VECTOR: the harness must not be hit by allocations that a test
 * makes fail.
 */
static void *
grow (void *p, size_t n, size_t *cap, size_t size)
{
  if (n < *cap)
    return p;
  *cap = *cap * 2 + 16;
  return need (realloc (p, *cap * size));
}

void
oracle_add_cut (struct oracle_timeline *t, uint64_t position, uint64_t change,
                struct oracle_state *state)
{
  struct oracle_cut c = { position, change, state };

  t->cut = grow (t->cut, t->ncuts, &t->cap_cuts, sizeof c);
  t->cut[t->ncuts++] = c;
}

void
oracle_add_floor (struct oracle_timeline *t, uint64_t position,
                  uint64_t change)
{
  struct oracle_floor f = { position, change };

  if (t->nfloors > 0)
    f.change = BASE_MAX (f.change, t->floor[t->nfloors - 1].change);
  t->floor = grow (t->floor, t->nfloors, &t->cap_floors, sizeof f);
  t->floor[t->nfloors++] = f;
}

void
oracle_candidates (const struct oracle_timeline *t, uint64_t position,
                   size_t *first, size_t *end)
{
  uint64_t change = 0;
  size_t i;

  for (i = 0; i < t->nfloors && t->floor[i].position <= position; i++)
    change = t->floor[i].change;
  for (*end = 0; *end < t->ncuts && t->cut[*end].position <= position; ++*end)
    ;
  *first = *end;
  while (*first > 0 && t->cut[*first - 1].change >= change)
    --*first;
}

void
oracle_timeline_reset (struct oracle_timeline *t)
{
  size_t i;

  for (i = 0; i < t->ncuts; i++)
    oracle_state_unref (t->cut[i].state);
  free (t->cut);
  free (t->floor);
  memset (t, 0, sizeof *t);
}
