/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Model-based tests; crash-model.h is the manual.
 */

#include <config.h>

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crash-model.h"

#define CHILD_SECONDS 120

static struct model_result *
shared (void)
{
  static struct model_result *r;

  if (r == NULL) {
    r = mmap (NULL, sizeof *r, PROT_READ | PROT_WRITE,
              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r == MAP_FAILED) {
      perror ("mmap");
      exit (EXIT_FAILURE);
    }
  }
  return r;
}

static uint64_t
seconds (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec;
}

/* ---- one case, in the child -------------------------------------------- */

/* What OP touched, and a little around it. */
static bool
look (struct crash_actor *a, const struct crash_op *op)
{
  struct crash_op rd = { .kind = CRASH_READ, .vol = op->vol,
                         .on_snapshot = op->on_snapshot, .snap = op->snap };
  uint64_t around = a->w->block;

  if (op->kind > CRASH_ZERO)
    return true;
  rd.off = op->off - BASE_MIN (op->off, around);
  rd.len = op->off - rd.off + op->len + around;
  return crash_do (a, &rd);
}

static bool
step (struct crash_actor *a, const struct model_case *c, unsigned i,
      const struct crash_op *op, struct model_result *r)
{
  struct crash_world *w = a->w;
  unsigned often = c->blocks <= 256 ? 100 : c->blocks <= 4096 ? 1000 : 4000;

  if (!model_do (a, op) || !look (a, op))
    return false;
  r->steps++;
  r->refused = w->refused;
  if (w->e->full && w->pool)
    r->full_steps += w->e->full (w->pool);
  if (i % often == often - 1) {
    r->compared++;
    return crash_world_compare (w) && crash_world_check (w, i % 3 == 0);
  }
  return true;
}

/* The mix for full pools, and this one is not, or no longer. */
static bool
wants_filling (const struct crash_world *w, const struct model_case *c)
{
  return c->mix == &crash_mix_full && w->e->full && w->pool
    && !w->e->full (w->pool);
}

static bool
perform (const struct model_case *c, struct model_result *r, bool again)
{
  struct image *image = image_new (c->blocks * c->block);
  struct pool_format_options o = { .block_size = c->block,
    .journal_size = c->journal * c->block };
  struct crash_op op = { .kind = CRASH_CREATE, .len = 8 * c->block };
  struct crash_world w;
  struct crash_actor a;
  struct base_rng rng;
  unsigned i;
  bool ok;

  crash_determine (c->seed);
  base_rng_seed (&rng, c->seed);
  crash_world_init (&w, c->e, image, false);
  w.cache_size = 1 << 20;
  w.grow_limit = image->size + image->size / 8;
  w.largest_volume = c->blocks / 3;
  w.largest_write = BASE_MAX (c->blocks / 16, 24);
  crash_actor_init (&a, &w, 0);
  ok = crash_world_format (&w, &o);
  if (ok && c->e->fixed_volumes == 0)
    ok = crash_do (&a, &op);
  for (i = 0; ok && i < (again ? r->nops : c->steps); i++) {
    if (!again) {
      if (c->reopen && i % c->reopen == c->reopen - 1)
        crash_op_make (&a, CRASH_REOPEN, &rng, &op);
      else if (wants_filling (&w, c) && base_rng_below (&rng, 3) > 0)
        crash_op_make (&a, CRASH_LARGE, &rng, &op);
      else
        model_op_random (&a, c->mix, &rng, &op);
      r->op[i] = op;
      r->nops = i + 1;
    }
    ok = step (&a, c, i, &r->op[i], r);
  }
  ok = ok && crash_world_compare (&w) && crash_world_check (&w, true);
  if (ok) {
    crash_actor_close (&a, 0);
    ok = crash_world_close (&w);
  }
  memcpy (r->failure, w.failure, sizeof r->failure);
  crash_actor_fini (&a);
  crash_world_fini (&w);
  image_free (image);
  return ok;
}

/* True if it passed. */
static bool
run_child (const struct model_case *c, bool again)
{
  struct model_result *r = shared ();
  int status;
  pid_t pid;

  r->steps = r->full_steps = r->refused = r->compared = 0;
  r->failure[0] = '\0';
  fflush (NULL);
  pid = fork ();
  if (pid == -1) {
    perror ("fork");
    exit (EXIT_FAILURE);
  }
  if (pid == 0) {
    alarm (CHILD_SECONDS);
    _exit (perform (c, r, again) ? 0 : 1);
  }
  if (waitpid (pid, &status, 0) != pid)
    exit (EXIT_FAILURE);
  if (WIFSIGNALED (status))
    snprintf (r->failure, sizeof r->failure, "%s (signal %d)",
              WTERMSIG (status) == SIGALRM ? "hangs" : "dies",
              WTERMSIG (status));
  else if (WEXITSTATUS (status) > 1)
    snprintf (r->failure, sizeof r->failure, "ends with exit code %d",
              WEXITSTATUS (status));
  return status == 0;
}

const struct model_result *
model_run (const struct model_case *c)
{
  struct model_result *r = shared ();

  r->nops = 0;
  if (run_child (c, false))
    r->failure[0] = '\0';
  return r;
}

/* ---- smaller ----------------------------------------------------------- */

static void
take_away (struct model_result *r, const struct crash_op *all, size_t n,
           size_t from, size_t count)
{
  memcpy (r->op, all, from * sizeof *all);
  memcpy (r->op + from, all + from + count,
          (n - from - count) * sizeof *all);
  r->nops = n - count;
}

const struct model_result *
model_minimise (const struct model_case *c, unsigned limit)
{
  struct model_result *r = shared ();
  CLEANUP_FREE struct crash_op *all = malloc (sizeof r->op);
  uint64_t end = seconds () + limit;
  char failure[sizeof r->failure];
  size_t n = r->nops, chunk, from;

  if (all == NULL)
    abort ();
  memcpy (all, r->op, n * sizeof *all);
  memcpy (failure, r->failure, sizeof failure);
  for (chunk = n; chunk > 0; chunk = chunk > 1 ? (chunk + 1) / 2 : 0)
    for (from = 0; from < n && seconds () < end; ) {
      size_t count = BASE_MIN (chunk, n - from);

      if (count == n) {         /* not all of them */
        from = n;
        continue;
      }
      take_away (r, all, n, from, count);
      if (run_child (c, true))
        from += count;
      else {
        n = r->nops;
        memcpy (all, r->op, n * sizeof *all);
        memcpy (failure, r->failure, sizeof failure);
      }
    }
  memcpy (r->op, all, n * sizeof *all);
  memcpy (r->failure, failure, sizeof failure);
  r->nops = n;
  return r;
}

void
model_print (const struct model_case *c, const struct model_result *r)
{
  char text[200];
  size_t i;

  printf ("%s, seed %" PRIu64 ", %" PRIu64 " blocks of %u, journal %" PRIu64
          ": %s\n%zu operations:\n", c->e->name, c->seed, c->blocks, c->block,
          c->journal, r->failure, r->nops);
  for (i = 0; i < r->nops; i++) {
    model_op_text (&r->op[i], text, sizeof text);
    printf ("  %s\n", text);
  }
}

/* ---- shapes ------------------------------------------------------------ */

/* A ring of any length that fits in one of two pools; the others have what
 * their size gives them, which in small ones is none.
 */
static void
draw_journal (struct model_case *c, struct base_rng *rng)
{
  const uint64_t fixed = 131072 / c->block + 1 + 2, markers = 4;
  uint64_t most = BASE_MIN (c->blocks / 5, 400);

  if (!c->e->journal || base_rng_below (rng, 2) == 0)
    return;
  /* 24 blocks are for what the pool is about. */
  most = BASE_MIN (most, c->blocks - BASE_MIN (c->blocks, fixed + 24));
  if (most > markers + 2)
    c->journal = markers + 2 + base_rng_below (rng, most - markers - 1);
}

void
model_case_make (struct model_case *c, const struct crash_engine *e,
                 uint64_t seed)
{
  /* A step in the largest takes 50 times as long as one in the smallest. */
  static const struct { uint16_t blocks; uint16_t steps; } shapes[] = {
    { 40, 6000 }, { 100, 6000 }, { 48, 6000 }, { 1024, 4000 }, { 64, 6000 },
    { 256, 6000 }, { 40, 6000 }, { 4096, 4000 }, { 80, 6000 }, { 56, 6000 },
    { 160, 6000 }, { 16384, 3000 } };
  static const struct crash_mix *const mixes[] = {
    &crash_mix_full, &crash_mix_plain, &crash_mix_full,
    &crash_mix_full, &crash_mix_verbs, &crash_mix_full };
  const unsigned nmixes = BASE_ARRAY_SIZE (mixes);
  struct base_rng rng;
  unsigned i;

  base_rng_seed (&rng, seed);
  /* Seeds in a row go through all shapes and mixes. */
  i = seed / nmixes % BASE_ARRAY_SIZE (shapes);
  memset (c, 0, sizeof *c);
  c->e = e;
  c->seed = seed;
  c->blocks = shapes[i].blocks;
  if (c->blocks < 16384)
    c->blocks += base_rng_below (&rng, c->blocks / 32 + 1) * 8;
  c->steps = shapes[i].steps;
  c->block = ORACLE_PAGE;
  if (e->fixed_volumes == 0 && c->blocks < 1000)
    c->block <<= base_rng_below (&rng, 8) / 5 * base_rng_below (&rng, 5);
  draw_journal (c, &rng);
  c->mix = mixes[seed % nmixes];
  c->reopen = base_rng_below (&rng, 2) ? 500 : 0;
}
