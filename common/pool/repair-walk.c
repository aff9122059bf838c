/* SPDX-License-Identifier: BSD-3-Clause
 *
 * repair-walk: what the maps name, and how often.
 *
 * The reference counts are not believed, so two walks are made.  The first
 * sets a bit for each block that is named and another for those that are
 * named again; a node is entered by the first entry that it proves right for.
 * The second counts: a hash table holds only the blocks with the second bit,
 * with the entry and position they are right for, and for nodes what their
 * subtree holds, so that it is not walked again for each snapshot.  Whoever
 * names such a block otherwise is in conflict with its owner.
 *
 * Not one table of counts by place: four bytes for each block of a large pool
 * is more memory than the machine may have.
 *
 * Below a node that cannot be read nothing is known: those maps keep their
 * numbers (`bad`), and what is not reached is not called leaked (`blind`).
 */

#include <config.h>

#include <stdlib.h>

#include "repair.h"

#define FIRST_TABLE 256

struct map {
  struct repair_record *record;
  uint32_t owner;               /* index of record */
  uint64_t start, end;          /* logical blocks that count */
};

struct subtree { uint64_t data, nodes, shared; bool bad; };

/* ---- entries ------------------------------------------------------------- */

bool
repair_entry_ok (struct repair *re, const struct format_entry *e,
                 unsigned types, uint32_t birth)
{
  const unsigned type = format_type (e);

  return (types & 1U << type) != 0
    && le64toh (e->word) >> (FORMAT_TYPE_SHIFT + 4) == 0
    && format_birth (e) <= birth
    && format_place (e) < pool_blocks (re->p)
    && !format_is_fixed (&re->p->super, format_place (e));
}

uint64_t
repair_map_start (const struct format_record *f)
{
  return f->kind == FORMAT_ORPHAN ? le64toh (f->cursor) : 0;
}

uint64_t
repair_map_end (const struct repair *re, const struct format_record *f)
{
  if (f->kind == FORMAT_ORPHAN || f->kind == FORMAT_INCOMPLETE)
    return UINT64_MAX;
  return base_div_up (le64toh (f->size), re->p->block_size);
}

static void
name_block (struct repair *re, uint64_t place)
{
  if (bit_get (re->named, place))
    bit_set (re->twice, place);
  bit_set (re->named, place);
}

/* Does the child of index I, below a node of LEVEL at BASE, count? */
static bool
child_counts (const struct repair *re, const struct map *m, unsigned level,
              uint64_t base, uint32_t i, uint64_t *first)
{
  const uint64_t span = level == 0 ? 1 : tree_span (re->p, level - 1);

  *first = base + i * span;
  return *first < m->end
    && (*first >= m->start || m->start - *first < span);
}

/* ---- what is named ------------------------------------------------------- */

/* True if something in the subtree is lost. */
static bool
reach (struct repair *re, const struct map *m, const struct format_entry *e,
       unsigned level, uint64_t base, uint32_t birth)
{
  const uint64_t place = format_place (e);
  struct format_entry child;
  bool lost = false;
  uint64_t first;
  uint32_t i;
  int r;

  if (!repair_entry_ok (re, e, 1 << FORMAT_NODE, birth)) {
    re->blind = true;
    return true;
  }
  name_block (re, place);
  if (bit_get (re->entered, place))
    return bit_get (re->tainted, place);
  r = repair_read (re, e, re->buf[level]);
  if (r != 0) {
    re->blind = true;
    bit_set (re->tainted, place);
    return true;
  }
  bit_clear (re->tainted, place);
  bit_set (re->entered, place);
  for (i = 0; i < re->p->fan && re->stop == 0; ++i) {
    memcpy (&child, re->buf[level] + i * sizeof child, sizeof child);
    if (base_is_zero (&child, sizeof child)
        || !child_counts (re, m, level, base, i, &first))
      continue;
    if (level > 0)
      lost |= reach (re, m, &child, level - 1, first, format_birth (e));
    else if (format_type (&child) == FORMAT_ZERO)
      ;
    else if (repair_entry_ok (re, &child, 1 << FORMAT_DATA, format_birth (e)))
      name_block (re, format_place (&child));
    else
      lost = re->blind = true;
  }
  if (lost)
    bit_set (re->tainted, place);
  return lost;
}

/* ---- blocks with more than one name -------------------------------------- */

static size_t
home (const struct repair *re, uint64_t place)
{
  return (place * UINT64_C (0x9e3779b97f4a7c15) >> 24)
    & (re->table_size - 1);
}

static struct repair_shared *
slot_of (const struct repair *re, uint64_t place)
{
  size_t i = home (re, place);

  while (re->table[i].place != 0 && re->table[i].place != place)
    i = (i + 1) & (re->table_size - 1);
  return &re->table[i];
}

struct repair_shared *
repair_find (const struct repair *re, uint64_t place)
{
  struct repair_shared *s = re->table_size > 0 ? slot_of (re, place) : NULL;

  return s && s->place != 0 ? s : NULL;
}

static bool
grow_table (struct repair *re)
{
  struct repair_shared *old = re->table;
  const size_t size = re->table_size;
  size_t i;

  re->table_size = BASE_MAX (2 * size, FIRST_TABLE);
  re->table = base_calloc (re->table_size, sizeof *re->table);
  if (re->table == NULL) {
    re->table = old;
    re->table_size = size;
    repair_no_memory (re);
    return false;
  }
  for (i = 0; i < size; ++i)
    if (old[i].place != 0)
      *slot_of (re, old[i].place) = old[i];
  free (old);
  return true;
}

/* NULL: no memory, and the repair stops. */
static struct repair_shared *
find_or_add (struct repair *re, uint64_t place)
{
  struct repair_shared *s;

  if (re->table_used * 4 >= re->table_size * 3 && !grow_table (re))
    return NULL;
  s = slot_of (re, place);
  if (s->place == 0) {
    s->place = place;
    s->bad = true;
    re->table_used++;
  }
  return s;
}

bool
repair_is_owner (const struct repair_shared *s, const struct format_entry *e,
                 unsigned level, uint64_t base)
{
  return format_entry_same (&s->entry, e) && s->level == level
    && s->base == base;
}

static const char *
owner_name (const struct repair *re, const struct repair_shared *s)
{
  return s->level == REPAIR_OWN ? "the pool itself"
    : re->records.ptr[s->owner].name;
}

static void
own_node (struct repair *re, const struct format_entry *e)
{
  struct repair_shared *s;

  if (!bit_get (re->twice, format_place (e)))
    return;
  s = find_or_add (re, format_place (e));
  if (s == NULL)
    return;
  s->entry = *e;
  s->level = REPAIR_OWN;
  s->named++;
}

static void
say_parted (struct repair *re, const char *loser, uint64_t base,
            uint64_t place, const char *owner)
{
  re->conflicts++;
  re->blind = true;
  repair_say (re, "%s: block %" PRIu64 " of the pool, named for block %" PRIu64
              ", belongs to %s: parted", loser, place, base, owner);
}

/* M names with E, at LEVEL and BASE, a block that is named more than once.
 * True: it is right to, and *S is the block's.
 */
static bool
claim (struct repair *re, const struct map *m, const struct format_entry *e,
       unsigned level, uint64_t base, struct repair_shared **ret)
{
  struct repair_shared *s = find_or_add (re, format_place (e));
  char *buf = level == REPAIR_DATA ? re->spare : re->buf[level];
  const bool empty = s && format_type (&s->entry) == FORMAT_HOLE;

  *ret = s;
  if (s == NULL)
    return false;
  s->named++;
  if (!empty && repair_is_owner (s, e, level, base))
    return true;
  /* The first keeps it unless another one alone proves right. */
  if (empty || (s->level != REPAIR_OWN
                && repair_read (re, &s->entry, buf) != 0
                && repair_read (re, e, buf) == 0)) {
    if (!empty)
      say_parted (re, owner_name (re, s), s->base, s->place, m->record->name);
    s->entry = *e;
    s->level = (uint8_t) level;
    s->base = base;
    s->owner = m->owner;
    s->nodes = 0;
    return true;
  }
  say_parted (re, m->record->name, base, s->place, owner_name (re, s));
  return false;
}

/* ---- what maps hold ------------------------------------------------------ */

static void
note_shared (struct map *m, const struct format_entry *e)
{
  m->record->youngest = BASE_MAX (m->record->youngest, format_birth (e));
}

static void
count_data (struct repair *re, struct map *m, const struct format_entry *e,
            uint64_t base, uint32_t birth, bool shared, struct subtree *out)
{
  struct repair_shared *s;

  if (!repair_entry_ok (re, e, 1 << FORMAT_DATA, birth)) {
    out->bad |= format_type (e) != FORMAT_ZERO;
    return;
  }
  out->data++;
  if (bit_get (re->twice, format_place (e))) {
    shared = true;
    /* In the second walk each node is entered once: so is this entry. */
    (void) claim (re, m, e, REPAIR_DATA, base, &s);
  }
  if (shared)
    note_shared (m, e);
}

static void count_node (struct repair *re, struct map *m,
                        const struct format_entry *e, unsigned level,
                        uint64_t base, uint32_t birth, bool shared,
                        struct subtree *out);

static void
count_children (struct repair *re, struct map *m, const struct format_entry *e,
                unsigned level, uint64_t base, bool shared,
                struct subtree *out)
{
  struct format_entry child;
  uint64_t first;
  uint32_t i;

  for (i = 0; i < re->p->fan && re->stop == 0; ++i) {
    memcpy (&child, re->buf[level] + i * sizeof child, sizeof child);
    if (base_is_zero (&child, sizeof child)
        || !child_counts (re, m, level, base, i, &first))
      continue;
    if (level > 0)
      count_node (re, m, &child, level - 1, first, format_birth (e), shared,
                  out);
    else
      count_data (re, m, &child, first, format_birth (e), shared, out);
  }
}

static void
count_node (struct repair *re, struct map *m, const struct format_entry *e,
            unsigned level, uint64_t base, uint32_t birth, bool shared,
            struct subtree *out)
{
  const uint64_t place = format_place (e);
  struct repair_shared *s = NULL;
  struct subtree sub = { .nodes = 1 };

  if (!repair_entry_ok (re, e, 1 << FORMAT_NODE, birth)) {
    out->bad = true;
    return;
  }
  if (bit_get (re->twice, place)) {
    shared = true;
    if (!claim (re, m, e, level, base, &s)) {
      out->bad = true;
      note_shared (m, e);
      return;
    }
  }
  if (shared)
    note_shared (m, e);
  if (s && s->nodes > 0) {      /* counted already */
    out->data += s->data;
    out->nodes += s->nodes;
    out->shared += s->nodes;
    out->bad |= s->bad;
    return;
  }
  sub.shared = shared;
  if (repair_read (re, e, re->buf[level]) != 0)
    sub.bad = true;
  else
    count_children (re, m, e, level, base, shared, &sub);
  /* The table may have moved. */
  s = s ? repair_find (re, place) : NULL;
  if (s) {
    s->data = sub.data;
    s->nodes = sub.nodes;
    s->bad = sub.bad;
  }
  out->data += sub.data;
  out->nodes += sub.nodes;
  out->shared += sub.shared;
  out->bad |= sub.bad;
}

/* ---- records ------------------------------------------------------------- */

static const struct format_record *
record_by_id (const struct repair *re, uint64_t id)
{
  uint32_t i;

  for (i = 0; i < re->p->slots; ++i)
    if (re->p->table[i].kind == FORMAT_VOLUME
        && le64toh (re->p->table[i].id) == id)
      return &re->p->table[i];
  return NULL;
}

static char *
record_name (const struct repair *re, const struct format_record *f)
{
  const int length = BASE_MIN (f->name_length, FORMAT_NAME_MAX);
  const struct format_record *parent;

  if (f->kind == FORMAT_ORPHAN)
    return base_asprintf ("removed volume %" PRIu64, le64toh (f->id));
  if (f->kind != FORMAT_SNAPSHOT)
    return base_asprintf ("%.*s", length, f->name);
  parent = record_by_id (re, le64toh (f->parent));
  return base_asprintf ("%.*s@%.*s", parent ? BASE_MIN (parent->name_length,
                                                        FORMAT_NAME_MAX) : 1,
                        parent ? parent->name : "?", length, f->name);
}

static void
add_records (struct repair *re, bool orphans)
{
  uint32_t i;

  for (i = 0; i < re->p->slots && re->stop == 0; ++i) {
    struct repair_record r = { .slot = i };

    if (re->p->table[i].kind == FORMAT_FREE
        || (re->p->table[i].kind == FORMAT_ORPHAN) != orphans)
      continue;
    r.name = record_name (re, &re->p->table[i]);
    if (r.name == NULL || repair_record_vector_append (&re->records, r) < 0) {
      free (r.name);
      repair_no_memory (re);
    }
  }
}

static struct map
map_of (const struct repair *re, uint32_t i)
{
  struct repair_record *r = &re->records.ptr[i];
  const struct format_record *f = &re->p->table[r->slot];

  return (struct map) { .record = r, .owner = i,
    .start = repair_map_start (f), .end = repair_map_end (re, f) };
}

/* A map that can be walked at all. */
static bool
root_of (const struct repair *re, uint32_t i, const struct format_root **root)
{
  *root = &re->p->table[re->records.ptr[i].slot].root;
  return (*root)->levels >= 1 && (*root)->levels <= FORMAT_MAX_LEVELS
    && (*root)->levels * re->p->fan_shift < 64;
}

void
repair_walk_reset (struct repair *re)
{
  size_t i;

  for (i = 0; i < re->records.len; ++i)
    free (re->records.ptr[i].name);
  repair_record_vector_reset (&re->records);
  free (re->table);
  re->table = NULL;
  re->table_size = re->table_used = 0;
  re->conflicts = 0;
}

/* No map may enter it. */
static void
name_own (struct repair *re, const struct format_entry *e)
{
  name_block (re, format_place (e));
  bit_set (re->entered, format_place (e));
  bit_set (re->tainted, format_place (e));
}

void
repair_walk (struct repair *re)
{
  const struct format_root *root;
  struct subtree sub;
  struct map m;
  uint32_t i;
  const size_t bytes = base_div_up (pool_blocks (re->p), 64) * 8;

  repair_walk_reset (re);
  memset (re->named, 0, bytes);
  memset (re->twice, 0, bytes);
  memset (re->entered, 0, bytes);
  memset (re->tainted, 0, bytes);
  add_records (re, false);
  add_records (re, true);
  repair_own_nodes (re, name_own);
  for (i = 0; i < re->records.len && re->stop == 0; ++i) {
    m = map_of (re, i);
    if (!root_of (re, i, &root))
      re->blind = m.record->bad = true;
    else if (!base_is_zero (&root->entry, sizeof root->entry)
             && m.start < tree_span (re->p, root->levels - 1))
      reach (re, &m, &root->entry, root->levels - 1, 0, re->p->epoch);
  }
  repair_own_nodes (re, own_node);
  for (i = 0; i < re->records.len && re->stop == 0; ++i) {
    m = map_of (re, i);
    sub = (struct subtree) { .bad = m.record->bad };
    if (root_of (re, i, &root)
        && !base_is_zero (&root->entry, sizeof root->entry)
        && m.start < tree_span (re->p, root->levels - 1))
      count_node (re, &m, &root->entry, root->levels - 1, 0, re->p->epoch,
                  false, &sub);
    m.record->data = sub.data;
    m.record->nodes = sub.nodes;
    m.record->shared = sub.shared;
    m.record->bad = sub.bad;
  }
}
