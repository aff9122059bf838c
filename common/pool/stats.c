/* SPDX-License-Identifier: BSD-3-Clause
 *
 * stats: what requests did and how long they took, volume by volume.
 *
 * A request is counted on the way of its answer, by the thread that made it,
 * with two relaxed additions: one in the bucket of its latency, which is also
 * the number of such requests, and one for its bytes.  Each volume has 16
 * shards on cache lines of their own, and a thread always uses the same one,
 * so that many threads on one volume do not pass a line around; who asks adds
 * the shards up.  The sum is not of one moment, but nothing in it ever gets
 * smaller, and the number of reads is the sum of their buckets by definition.
 *
 * A volume gets its shards with its first handle: a pool may have thousands of
 * snapshots that nobody reads.  The counters are the volume's, not its name's:
 * a rename keeps them, and a new volume of an old name begins at 0.  What the
 * pool did in all is the sum over its volumes, and over those that are gone.
 *
 * The two looks at the clock cost ten times as much as the counting.
 *
 * Buckets are powers of two because latencies are compared by factors, and
 * because finding one takes a shift.  Trims and zeroes are counted but not
 * timed: a request of 4 GiB and one of 4 KiB have nothing in common.
 */

#include <config.h>

#include <stdlib.h>

#include "pool-internal.h"

#define SHARDS 16
#define LINE 64

struct stats_shard {
  atomic_uint_fast64_t latency[POOL_LATENCIES][POOL_LATENCY_BUCKETS];
  atomic_uint_fast64_t trims, zeroes, bytes_read, bytes_written, errors;
} __attribute__ ((__aligned__ (LINE)));

void
stats_begin (struct pool *p)
{
  p->totals.first_seq = p->journal.durable;
  atomic_store (&p->totals.checkpoints, 0);
  atomic_store (&p->totals.syncs, 0);
}

/* table_lock held.  Before V's first handle is there. */
int
stats_attach_locked (struct volume *v)
{
  if (v->stats == NULL)
    v->stats = base_memalign (LINE, SHARDS * sizeof v->stats[0]);
  return v->stats ? 0 : base_fail (ENOMEM, "out of memory");
}

void
stats_free (struct volume *v)
{
  free (v->stats);
}

/* ---- counting ------------------------------------------------------------ */

static void
add (atomic_uint_fast64_t *counter, uint64_t n)
{
  atomic_fetch_add_explicit (counter, n, memory_order_relaxed);
}

/* Bucket 0 is less than 1 us, bucket i less than 2^i us, the last one all
 * that is more.
 */
static unsigned
bucket (uint64_t ns)
{
  const uint64_t us = ns / 1000;

  return us == 0 ? 0 : BASE_MIN (base_log2 (us) + 1, POOL_LATENCY_BUCKETS - 1);
}

static struct stats_shard *
shard (struct volume *v)
{
  return &v->stats[base_thread_number () % SHARDS];
}

void
stats_timed (struct volume *v, enum pool_latency what, uint64_t since,
             uint64_t bytes, int r)
{
  struct stats_shard *s = shard (v);

  add (&s->latency[what][bucket (base_monotonic_ns () - since)], 1);
  if (r < 0)
    add (&s->errors, 1);
  else if (what == POOL_LATENCY_READ)
    add (&s->bytes_read, bytes);
  else if (what == POOL_LATENCY_WRITE)
    add (&s->bytes_written, bytes);
}

void
stats_trim (struct volume *v, int r)
{
  struct stats_shard *s = shard (v);

  add (&s->trims, 1);
  if (r < 0)
    add (&s->errors, 1);
}

void
stats_zero (struct volume *v, int r)
{
  struct stats_shard *s = shard (v);

  add (&s->zeroes, 1);
  if (r < 0)
    add (&s->errors, 1);
}

/* ---- adding up ----------------------------------------------------------- */

static uint64_t
get (const atomic_uint_fast64_t *counter)
{
  return atomic_load_explicit (counter, memory_order_relaxed);
}

static void
add_shard (struct pool_counters *c, const struct stats_shard *s)
{
  uint64_t *const requests[POOL_LATENCIES] = {
    [POOL_LATENCY_READ] = &c->reads,
    [POOL_LATENCY_WRITE] = &c->writes,
    [POOL_LATENCY_FLUSH] = &c->flushes,
  };
  unsigned i, k;

  for (i = 0; i < POOL_LATENCIES; ++i)
    for (k = 0; k < POOL_LATENCY_BUCKETS; ++k) {
      const uint64_t n = get (&s->latency[i][k]);

      c->latency[i][k] += n;
      *requests[i] += n;
    }
  c->trims += get (&s->trims);
  c->zeroes += get (&s->zeroes);
  c->bytes_read += get (&s->bytes_read);
  c->bytes_written += get (&s->bytes_written);
  c->errors += get (&s->errors);
}

void
stats_add_locked (const struct volume *v, struct pool_counters *c)
{
  unsigned i;

  for (i = 0; v->stats && i < SHARDS; ++i)
    add_shard (c, &v->stats[i]);
}

int
pool_volume_counters (struct pool *p, const char *name,
                      struct pool_counters *c)
{
  struct volume *v;
  int r;

  memset (c, 0, sizeof *c);
  r = pool_check_name (name, 2);
  if (r < 0)
    return r;
  LOCK_FOR_SCOPE (&p->table_lock);
  v = volume_find_locked (p, name);
  if (v == NULL)
    return base_fail (ENOENT, "%s: no such %s", name,
                      strchr (name, '@') ? "snapshot" : "volume");
  stats_add_locked (v, c);
  return 0;
}

/* ---- latencies ----------------------------------------------------------- */

uint64_t
pool_latency_bound (const uint64_t buckets[POOL_LATENCY_BUCKETS],
                    unsigned per_mille)
{
  uint64_t total = 0, rank;
  unsigned i;

  for (i = 0; i < POOL_LATENCY_BUCKETS; ++i)
    total += buckets[i];
  if (total == 0)
    return 0;
  /* So many requests have to be below the bound. */
  rank = total / 1000 * per_mille
    + base_div_up (total % 1000 * per_mille, 1000);
  for (i = 0; i < POOL_LATENCY_BUCKETS - 1; ++i) {
    if (buckets[i] >= rank)
      return UINT64_C (1) << i;
    rank -= buckets[i];
  }
  return UINT64_MAX;
}
