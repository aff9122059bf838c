/* SPDX-License-Identifier: BSD-3-Clause
 *
 * info: facts about the pool and its volumes.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

/* ---- volumes ------------------------------------------------------------- */

/* What a clone was made from: its name now, or as it was then. */
static void
origin_name (struct pool *p, const struct volume *v, char *text, size_t size)
{
  const uint64_t id = le64toh (v->rec.origin);
  const struct volume *o = id ? volume_by_id_locked (p, id) : NULL;

  if (o && o->rec.kind != FORMAT_ORPHAN)
    snprintf (text, size, "%s", o->label);
  else
    snprintf (text, size, "%.*s", (int) sizeof v->rec.origin_name,
              v->rec.origin_name);
}

static void
fill_info (struct pool *p, struct volume *v, struct pool_volume_info *info)
{
  memset (info, 0, sizeof *info);
  snprintf (info->name, sizeof info->name, "%s", v->label);
  info->snapshot = v->rec.kind == FORMAT_SNAPSHOT;
  info->readonly = info->snapshot
    || (v->rec.flags & FORMAT_RECORD_READONLY);
  info->id = v->id;
  info->size = le64toh (v->rec.size);
  info->created = (int64_t) le64toh ((uint64_t) v->rec.created);
  info->connections = v->handles;
  info->exclusive = UINT64_MAX;
  origin_name (p, v, info->origin, sizeof info->origin);
  base_rwlock_rdlock (&v->lock);
  info->used = v->mapped * p->block_size;
  base_rwlock_unlock (&v->lock);
}

static int
fill_exclusive (struct pool *p, struct volume *v,
                struct pool_volume_info *info)
{
  uint64_t blocks;
  int r = walk_exclusive (v, &blocks);

  if (r == 0)
    info->exclusive = blocks * p->block_size;
  return r;
}

/* A volume before its snapshots: '@' sorts before every character of a
 * name here.
 */
static int
by_name (const void *a, const void *b)
{
  const struct pool_volume_info *x = a, *y = b;
  const char *s = x->name, *t = y->name;

  for (; *s && *s == *t; ++s, ++t)
    ;
  if (*s == *t)
    return 0;
  if (*s == '\0' || *t == '\0')
    return *s == '\0' ? -1 : 1;
  if (*s == '@' || *t == '@')
    return *s == '@' ? -1 : 1;
  return (unsigned char) *s < (unsigned char) *t ? -1 : 1;
}

/* All of them, sorted; *LIST to be freed. */
static int
take_list (struct pool *p, bool exclusive, struct pool_volume_info **list,
           size_t *n)
{
  struct volume *v;
  size_t count = 0;
  int r = 0;
  LOCK_FOR_SCOPE (&p->table_lock);

  for (v = p->volumes; v; v = v->next)
    count += volume_is_named (v);
  *list = base_calloc (BASE_MAX (count, 1), sizeof **list);
  if (*list == NULL)
    return base_fail (ENOMEM, "out of memory");
  if (exclusive) {
    r = commit_hold_clean (p);
    if (r < 0)
      return r;
  }
  *n = 0;
  for (v = p->volumes; v && r == 0; v = v->next)
    if (volume_is_named (v)) {
      fill_info (p, v, &(*list)[*n]);
      if (exclusive)
        r = fill_exclusive (p, v, &(*list)[*n]);
      ++*n;
    }
  if (exclusive)
    commit_release (p);
  if (*n > 1)
    qsort (*list, *n, sizeof **list, by_name);
  return r;
}

int
pool_list (struct pool *p, bool exclusive,
           int (*fn) (void *opaque, const struct pool_volume_info *info),
           void *opaque)
{
  CLEANUP_FREE struct pool_volume_info *list = NULL;
  size_t n = 0, i;
  int r;

  r = take_list (p, exclusive, &list, &n);
  for (i = 0; i < n && r == 0; ++i)
    r = fn (opaque, &list[i]);
  return r;
}

int
pool_volume_info (struct pool *p, const char *name, bool exclusive,
                  struct pool_volume_info *info)
{
  struct volume *v;
  int r;

  r = pool_check_name (name, 2);
  if (r < 0)
    return r;
  LOCK_FOR_SCOPE (&p->table_lock);
  v = volume_find_locked (p, name);
  if (v == NULL)
    return base_fail (ENOENT, "%s: no such %s", name,
                      strchr (name, '@') ? "snapshot" : "volume");
  fill_info (p, v, info);
  if (!exclusive)
    return 0;
  r = commit_hold_clean (p);
  if (r == 0) {
    r = fill_exclusive (p, v, info);
    commit_release (p);
  }
  return r;
}

/* ---- the pool ------------------------------------------------------------ */

static void
count_requests (const struct pool_counters *c, struct pool_info *info)
{
  info->reads = c->reads;
  info->writes = c->writes;
  info->trims = c->trims;
  info->zeroes = c->zeroes;
  info->flushes = c->flushes;
  info->bytes_read = c->bytes_read;
  info->bytes_written = c->bytes_written;
  info->errors = c->errors;
}

static void
count_volumes (struct pool *p, struct pool_info *info)
{
  struct pool_counters counters;
  struct volume *v;
  LOCK_FOR_SCOPE (&p->table_lock);

  counters = p->totals.gone;
  for (v = p->volumes; v; v = v->next) {
    stats_add_locked (v, &counters);
    info->volumes += v->rec.kind == FORMAT_VOLUME;
    info->snapshots += v->rec.kind == FORMAT_SNAPSHOT;
    if (v->rec.kind == FORMAT_ORPHAN && !atomic_load (&v->reaped))
      info->reclaiming += v->mapped * p->block_size;
  }
  count_requests (&counters, info);
}

static void
fill_space (struct pool *p, struct pool_info *info)
{
  struct space *s = &p->space;
  const uint64_t let_go = journal_let_go (p);
  LOCK_FOR_SCOPE (&s->lock);
  const uint64_t bs = p->block_size;
  const uint64_t blocks = pool_blocks (p);
  /* As if all slabs were backed, so that backing some changes nothing. */
  const uint64_t unbacked = blocks - s->backed_blocks
    - format_fixed_blocks (&p->super);
  const uint64_t reserve = space_reserve_locked (p, pool_slabs (p));
  struct fill_figures fill;

  /* Readers may have left since. */
  limbo_drain_locked (p);
  fill_figures_locked (p, &fill);
  info->capacity = blocks * bs;
  info->available = fill.available;
  info->usable = fill.usable;
  info->percent = fill.percent;
  info->threshold = p->fill.reached > 0
    ? pool_fill_thresholds[p->fill.reached - 1] : 0;
  memcpy (info->crossed, p->fill.crossed, sizeof info->crossed);
  info->used = blocks - s->free - unbacked;
  info->used = (info->used - BASE_MIN (info->used, let_go)) * bs;
  info->reserved = (reserve + s->shared) * bs;
  info->backed = (s->backed_blocks + format_fixed_blocks (&p->super)) * bs;
  info->maximum = POOL_ADVISED_MAXIMUM;
  info->space_waits = s->waits;
  if (s->full)
    info->state = POOL_FULL;
}

static void
fill_owner (struct pool *p, struct pool_info *info)
{
  struct pool_owner o;

  if (pool_read_owner (p->backing, &o) == 0)
    snprintf (info->owner, sizeof info->owner, "host %s, pid %" PRIi64
              "%s%s", o.host, o.pid, o.socket[0] ? ", socket " : "",
              o.socket);
}

static void
fill_counters (struct pool *p, struct pool_info *info)
{
  info->checkpoints = atomic_load (&p->totals.checkpoints);
  info->syncs = atomic_load (&p->totals.syncs);
  info->metadata_bytes = atomic_load (&p->n_metadata_bytes);
  info->checksum_errors = atomic_load (&p->n_checksum_errors);
}

void
pool_get_info (struct pool *p, struct pool_info *info)
{
  memset (info, 0, sizeof *info);
  snprintf (info->name, sizeof info->name, "%s", p->name);
  memcpy (info->uuid, p->super.uuid, sizeof info->uuid);
  info->readonly = p->options.readonly;
  info->version = FORMAT_VERSION;
  info->block_size = p->block_size;
  info->created = (int64_t) le64toh ((uint64_t) p->super.created);
  count_volumes (p, info);
  fill_space (p, info);
  base_rwlock_rdlock (&p->publish);
  info->epoch = p->epoch;
  base_rwlock_unlock (&p->publish);
  base_mutex_lock (&p->commit.lock);
  info->generation = p->commit.durable;
  base_mutex_unlock (&p->commit.lock);
  base_mutex_lock (&p->journal.lock);
  info->transaction = p->journal.durable;
  info->commits = p->journal.durable - p->totals.first_seq;
  base_mutex_unlock (&p->journal.lock);
  fill_owner (p, info);
  fill_counters (p, info);

  base_mutex_lock (&p->events.lock);
  memcpy (info->last_error, p->events.last_error, sizeof info->last_error);
  info->last_error_time = p->events.last_error_time;
  base_mutex_unlock (&p->events.lock);
  base_mutex_lock (&p->scrub.lock);
  info->scrub = p->scrub.info;
  base_mutex_unlock (&p->scrub.lock);
  if (atomic_load (&p->damaged))
    info->state = POOL_DAMAGED;
  if (pool_poisoned (p) < 0)
    info->state = POOL_POISONED;
}

/* ---- check --------------------------------------------------------------- */

#define PATIENCE_NS (UINT64_C (500) * 1000000)
#define ATTEMPTS 3

struct guard {
  struct pool *p;
  const struct pool_check_options *options;
  uint64_t since;               /* somebody waits for space since then; 0 */
  bool gave_up;
};

/* Requests that wait for what the check holds back are worth more than it. */
static int
guarded_progress (void *opaque, uint64_t done, uint64_t total)
{
  struct guard *g = opaque;

  if (atomic_load (&g->p->limbo_waiters) == 0)
    g->since = 0;
  else if (g->since == 0)
    g->since = base_monotonic_ns ();
  else if (base_monotonic_ns () - g->since > PATIENCE_NS) {
    g->gave_up = true;
    return 1;
  }
  return g->options->progress
    ? g->options->progress (g->options->opaque, done, total) : 0;
}

static void
guarded_problem (void *opaque, const struct pool_check_problem *problem)
{
  struct guard *g = opaque;

  if (g->options->problem)
    g->options->problem (g->options->opaque, problem);
}

static int
check_pinned (struct guard *g, struct pool_check_result *result)
{
  const struct pool_check_options options = { .data = g->options->data,
    .problem = guarded_problem, .progress = guarded_progress, .opaque = g };
  struct pool *p = g->p;
  struct format_super super;
  struct reader reader;
  int r;

  r = commit_hold (p);
  if (r < 0)
    return r;
  if (p->options.readonly)
    reader = reader_enter (p);
  else
    r = commit_run_pinned (p, &reader);
  super = p->super;
  commit_release (p);
  if (r < 0)
    return r;
  r = check_image (p->backing, &super, &options, result);
  reader_exit (p, reader);
  return r;
}

/* The last durable state, from the backing alone.  Being a reader all the
 * while keeps whatever that state names from being reused.
 */
int
pool_check (struct pool *p, const struct pool_check_options *options,
            struct pool_check_result *result)
{
  static const struct pool_check_options none;
  struct guard g = { .p = p, .options = options ? options : &none };
  unsigned i;
  int r;

  for (i = 0; i < ATTEMPTS; ++i) {
    g.since = 0;
    g.gave_up = false;
    r = check_pinned (&g, result);
    if (r != -ECANCELED || !g.gave_up)
      return r;
  }
  return base_fail (EBUSY, "too full to be checked while it is written to: "
                    "try again when less is going on");
}
