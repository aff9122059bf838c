/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scrub: everything a pool holds is read and verified, beside all else.
 *
 * Reading finds rot only in what is read.  A scrub reads the rest: the copies
 * of the superblock, the pool's own trees, and each node and block of data of
 * all volumes and snapshots, and verifies it against the check that its
 * parent holds.  Not the journal: what it holds is in memory as well, and its
 * blocks are gone with the next checkpoint; nor the maps of volumes that were
 * removed, which nobody can read any more.
 *
 * It is made of steps.  In each it is a reader, like a request: what it has
 * looked up is not reused until it has read it, at most SCRUB_STEP bytes and
 * the nodes on the way to them.  Between two steps it holds nothing, and so
 * it may take hours and rest as long as it likes: nobody waits for it, not
 * even in a full pool.  That is why it does not walk one commit, as check
 * does, which has to hold back reuse until it is through.  It follows the
 * maps as they are now: each step begins at the root again and goes on at
 * the logical block where the last one ended.  What was replaced in between
 * is not there any more, and what replaced it may be met or not; it was
 * written meanwhile.  Volumes go by their ids, and a snapshot or clone that
 * was made meanwhile has a higher one than all before it, so that none is
 * missed.
 *
 * What several volumes share is read once.  A bit per block says that it was
 * verified, and of a node, that all below it was.  The bit goes when the
 * place is given back (places.c); while the scrub is a reader that cannot
 * happen to what it looks at.  What is damaged gets no bit, nor do the nodes
 * above it: the next volume that shares it comes by again, and is named too.
 *
 * Mending takes two proofs: the bytes below are wrong, and those in memory
 * are right, both by the check in the parent.  Then they are written to where
 * they belong, flushed, and read again.  A block that cannot be read at all
 * is no such proof and is only told of.  Of data there is no second copy.
 *
 * The pace: what was read is paid for with time, by the monotonic clock.  Less
 * than SLACK_NS is neither worth a rest nor forgotten, for a rest takes a
 * millisecond and a block a tenth of that; more is never saved up.  A run
 * belongs to its caller and ends with him; a server that stops, and `nbdvol
 * scrub --stop`, end it between two steps.
 */

#include <config.h>

#include <stdlib.h>

#include "scrub-internal.h"

#define SLICE_MS 100            /* how long nobody is asked whether to stop */
#define SLACK_NS (UINT64_C (10) * 1000000)
#define NS UINT64_C (1000000000)

/* ---- pace ---------------------------------------------------------------- */

static int
look_up_stop (struct scrub_job *job)
{
  struct scrub *s = &job->p->scrub;
  LOCK_FOR_SCOPE (&s->lock);

  s->info = job->info;
  return s->stop;
}

/* What ends a run from outside. */
static int
interrupted (struct scrub_job *job)
{
  const struct pool_scrub_options *o = job->options;

  if (look_up_stop (job))
    return base_fail (ECANCELED, "ended by `nbdvol scrub --stop`");
  if (o->progress
      && o->progress (o->opaque, job->info.done, job->info.total) != 0)
    return base_fail (ECANCELED, "interrupted");
  if (pool_poisoned (job->p) < 0)
    return base_fail (EIO, "poisoned after an earlier error");
  return 0;
}

static void
rest (struct scrub_job *job, uint64_t ns)
{
  struct scrub *s = &job->p->scrub;
  const uint64_t ms = BASE_MIN (ns / 1000000 + 1, (uint64_t) SLICE_MS);
  LOCK_FOR_SCOPE (&s->lock);

  if (!s->stop)
    base_cond_timedwait (&s->ended, &s->lock, ms);
}

int
scrub_pause (struct scrub_job *job)
{
  bool resting = false;
  uint64_t now;
  int r;

  job->due = BASE_MAX (job->due + SLACK_NS, job->began) - SLACK_NS
    + (uint64_t) ((double) job->read / (double) job->info.rate * NS);
  job->read = 0;
  for (;;) {
    r = interrupted (job);
    if (r < 0)
      return r;
    now = base_monotonic_ns ();
    if (now + (resting ? 0 : SLACK_NS) >= job->due)
      break;
    resting = true;
    rest (job, job->due - now);
  }
  job->began = now;
  return 0;
}

/* ---- blocks -------------------------------------------------------------- */

int
scrub_read (struct scrub_job *job, uint64_t place, uint64_t n, void *buf)
{
  const uint64_t bs = job->p->block_size;

  job->read += n * bs;
  return vdev_read (job->p->backing, buf, n * bs, place * bs);
}

bool
scrub_is_damage (int r)
{
  return r == -EIO || r == -EBADMSG || r == -ERANGE;
}

int
scrub_prove (const struct pool *p, const struct format_entry *e,
             const void *buf)
{
  return (base_crc32c (buf, p->block_size)
          ^ pool_mix (p, format_place (e), format_birth (e)))
    == le32toh (e->check) ? 0 : -EBADMSG;
}

int
scrub_rewrite (struct scrub_job *job, const struct format_entry *e,
               const void *good)
{
  struct pool *p = job->p;
  const uint64_t bs = p->block_size;
  int r;

  if (p->options.readonly || scrub_prove (p, e, good) < 0)
    return 0;
  r = vdev_write (p->backing, good, bs, format_place (e) * bs, 0);
  if (r < 0)
    return 0;
  r = backing_sync (p);
  if (r < 0)
    return commit_poison (p, -r, "flush failed");
  r = scrub_read (job, format_place (e), 1, job->block);
  return r == 0 && scrub_prove (p, e, job->block) == 0;
}

void
scrub_done (struct scrub_job *job, uint64_t n)
{
  job->info.done += n * job->p->block_size;
  job->info.total = BASE_MAX (job->info.total, job->info.done);
}

/* ---- damage -------------------------------------------------------------- */

/* How many of the blocks were not found before? */
static uint64_t
count_new (struct scrub_job *job, uint64_t place, uint64_t n)
{
  uint64_t i, fresh = 0;

  for (i = place; i < place + n; ++i)
    if (i >= job->nbad)
      fresh++;
    else if (!bit_get (job->bad, i)) {
      bit_set (job->bad, i);
      fresh++;
    }
  return fresh;
}

/* As reading would say it. */
static void
log_damage (struct scrub_job *job, const struct pool_scrub_damage *d, int r)
{
  struct pool *p = job->p;
  char what[128];

  if (strcmp (d->what, "data") == 0)
    snprintf (what, sizeof what, "bytes %" PRIu64 "..%" PRIu64, d->offset,
              d->offset + d->length - 1);
  else if (d->length > 0)
    snprintf (what, sizeof what, "a map node, over bytes %" PRIu64 "..%"
              PRIu64, d->offset, d->offset + d->length - 1);
  else
    snprintf (what, sizeof what, "the %s", d->what);
  if (d->repaired) {
    atomic_fetch_add (&p->n_checksum_errors, 1);
    event_log (p, POOL_EVENT_REPAIRED, d->volume, "%s in %s (block %" PRIu64
               " of the pool): written anew from a good copy", d->why, what,
               d->block);
  }
  else if (r == -EBADMSG)
    event_checksum (p, d->volume, d->block, "%s", what);
  else
    event_backing (p, d->volume, d->block);
}

void
scrub_tell (struct scrub_job *job, struct pool_scrub_damage *d,
            uint64_t nblocks, int r)
{
  const uint64_t fresh = count_new (job, d->block, nblocks);

  d->why = r == -EBADMSG ? "checksum error" : "cannot be read";
  job->info.found += fresh;
  if (d->repaired)
    job->info.repaired += fresh;
  log_damage (job, d, r);
  if (job->options->damage)
    job->options->damage (job->options->opaque, d);
}

/* ---- one run ------------------------------------------------------------- */

static int
begin (struct scrub_job *job)
{
  struct scrub *s = &job->p->scrub;
  LOCK_FOR_SCOPE (&s->lock);

  if (s->running)
    return base_fail (EBUSY, "a scrub is running already; wait, or end it "
                      "with `nbdvol scrub --stop`");
  s->running = true;
  s->stop = false;
  s->info = job->info;
  return 0;
}

static void
end (struct scrub_job *job, int r)
{
  struct scrub *s = &job->p->scrub;
  LOCK_FOR_SCOPE (&s->lock);

  job->info.ended = base_wall_seconds ();
  job->info.state = r == 0 ? POOL_SCRUB_DONE
    : r == -ECANCELED ? POOL_SCRUB_STOPPED : POOL_SCRUB_FAILED;
  /* What came and went meanwhile is not missing. */
  if (r == 0)
    job->info.total = job->info.done;
  s->info = job->info;
  s->running = false;
  base_cond_broadcast (&s->ended);
}

static int
job_alloc (struct scrub_job *job)
{
  struct pool *p = job->p;
  const uint64_t blocks = pool_blocks (p);
  const uint64_t words = base_div_up (blocks, 64);
  struct scrub_bits *bits;
  unsigned i;

  bits = base_calloc (1, sizeof *bits + words * sizeof bits->bit[0]);
  job->bad = base_calloc (words, sizeof job->bad[0]);
  job->nbad = blocks;
  job->data = base_malloc (SCRUB_STEP);
  job->block = base_malloc (p->block_size);
  job->leaf = base_malloc (p->block_size);
  for (i = 0; i < FORMAT_MAX_LEVELS; ++i)
    job->path[i].e = base_malloc (p->block_size);
  for (i = 0; i < FORMAT_MAX_LEVELS && job->path[i].e; ++i)
    ;
  if (bits == NULL || job->bad == NULL || job->data == NULL
      || job->block == NULL || job->leaf == NULL || i < FORMAT_MAX_LEVELS) {
    free (bits);
    return base_fail (ENOMEM, "scrub: out of memory");
  }
  bits->blocks = blocks;
  base_mutex_lock (&p->space.lock);
  p->space.scrubbed = bits;
  job->info.total = (p->space.backed_blocks - p->space.free) * p->block_size;
  base_mutex_unlock (&p->space.lock);
  return 0;
}

static void
job_free (struct scrub_job *job)
{
  struct pool *p = job->p;
  struct scrub_bits *bits;
  unsigned i;

  base_mutex_lock (&p->space.lock);
  bits = p->space.scrubbed;
  p->space.scrubbed = NULL;
  base_mutex_unlock (&p->space.lock);
  free (bits);
  free (job->bad);
  free (job->data);
  free (job->block);
  free (job->leaf);
  for (i = 0; i < FORMAT_MAX_LEVELS; ++i)
    free (job->path[i].e);
}

static int
run (struct scrub_job *job)
{
  int r;

  r = job_alloc (job);
  if (r == 0)
    r = scrub_pause (job);
  if (r == 0)
    r = scrub_fixed (job);
  if (r == 0)
    r = scrub_trees (job);
  if (r == 0)
    r = scrub_maps (job);
  job_free (job);
  return r;
}

int
pool_scrub (struct pool *p, const struct pool_scrub_options *options,
            struct pool_scrub_info *result)
{
  static const struct pool_scrub_options none;
  struct scrub_job job = { .p = p, .options = options ? options : &none };
  int r;

  job.info.state = POOL_SCRUB_RUNNING;
  job.info.started = base_wall_seconds ();
  job.info.rate = job.options->rate ? job.options->rate : POOL_SCRUB_RATE;
  job.began = job.due = base_monotonic_ns ();
  *result = job.info;
  r = begin (&job);
  if (r < 0)
    return r;
  r = run (&job);
  end (&job, r);
  *result = job.info;
  return r;
}

int
pool_scrub_stop (struct pool *p)
{
  struct scrub *s = &p->scrub;
  LOCK_FOR_SCOPE (&s->lock);

  if (!s->running)
    return 0;
  s->stop = true;
  base_cond_broadcast (&s->ended);
  /* A later one is none of ours. */
  while (s->running && s->stop)
    base_cond_wait (&s->ended, &s->lock);
  return 1;
}
