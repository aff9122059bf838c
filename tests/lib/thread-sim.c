/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The thread part of base.h for simulations; sim.h is the manual.
 *
 * Each simulated thread is a real one that waits on its own semaphore until
 * it is its turn, so there is never more than one that touches `sim` or the
 * locks, and none of it needs a lock of its own.  The semaphores order the
 * memory of one turn before the next.
 *
 * The word `sim` of a lock: a mutex holds its owner, a rwlock a struct of
 * its own, a condition nothing (who waits is known from the threads).
 */

#include <config.h>

#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "base.h"
#include "sim.h"

enum state { FREE, READY, ON_MUTEX, ON_RDLOCK, ON_WRLOCK, ON_COND, ON_JOIN,
             DONE };
static const char *const state_names[] = {
  "unused", "can run", "waits for a mutex", "waits to share a lock",
  "waits to own a lock", "waits on a condition", "waits for a thread's end",
  "has ended",
};

struct thread {
  enum state state;
  const void *object;           /* what it waits for */
  const void *where;            /* the caller of base_* */
  bool timed, timed_out;
  uint64_t deadline;
  uint64_t priority;
  sem_t go;
  pthread_t t;
  void *(*fn) (void *);
  void *arg;
};

struct rwlock {
  unsigned readers;
  struct thread *writer;
};

static struct {
  bool active, held;
  struct sim_options o;
  struct base_rng rng;
  struct thread thread[SIM_MAX_THREADS];        /* [0] started it */
  unsigned n;
  struct sim_result result;
  uint64_t now;                 /* ns */
  void (*epitaph) (void);
} sim = { .now = UINT64_C (1000000000) };

static __thread struct thread *self_;

static struct thread *
self (void)
{
  return self_ ? self_ : &sim.thread[0];
}

#define CALLER __builtin_return_address (0)

extern const char __executable_start[];

static void
say (const char *name, const struct thread *t, const void *where)
{
  fprintf (stderr, "sim: thread %d %s %p at +0x%lx%s\n",
           (int) (t - sim.thread), name, t->object,
           (unsigned long) ((const char *) where - __executable_start),
           t == self () ? " (the last to run)" : "");
}

static void __attribute__ ((__noreturn__))
finish (int code)
{
  fprintf (stderr, "sim: `addr2line -pfe PROGRAM ADDRESS' tells the lines\n");
  if (sim.epitaph)
    sim.epitaph ();
  fflush (NULL);
  _exit (code);
}

static void __attribute__ ((__noreturn__))
misuse (const char *what, const void *where)
{
  fprintf (stderr, "sim: misuse: %s\n", what);
  say ("is", self (), where);
  finish (SIM_EXIT_MISUSE);
}

static void __attribute__ ((__noreturn__))
deadlock (void)
{
  unsigned i;

  fprintf (stderr, "sim: deadlock: nobody can run\n");
  for (i = 0; i < sim.n; i++)
    if (sim.thread[i].state != DONE && sim.thread[i].state != FREE)
      say (state_names[sim.thread[i].state], &sim.thread[i],
           sim.thread[i].where);
  finish (SIM_EXIT_DEADLOCK);
}

/* ---- the scheduler ----------------------------------------------------- */

static bool
chance (unsigned of_256)
{
  return (base_rng_u64 (&sim.rng) >> 32 & 255) < of_256;
}

static void
time_out (struct thread *t)
{
  if (sim.now < t->deadline)
    sim.now = t->deadline;
  t->timed_out = true;
  t->state = READY;
}

/* Now and then somebody wakes who was not called. */
static void
disturb (void)
{
  struct thread *t = &sim.thread[base_rng_below (&sim.rng, sim.n)];

  if (t->state != ON_COND)
    return;
  if (t->timed && chance (128))
    time_out (t);
  else
    t->state = READY;
}

static struct thread *
earliest (void)
{
  struct thread *r = NULL;
  unsigned i;

  for (i = 0; i < sim.n; i++) {
    struct thread *t = &sim.thread[i];
    if (t->state == ON_COND && t->timed &&
        (r == NULL || t->deadline < r->deadline))
      r = t;
  }
  return r;
}

static struct thread *
pick (const struct thread *not_this)
{
  struct thread *best = NULL;
  unsigned i, nready = 0;

  for (i = 0; i < sim.n; i++) {
    struct thread *t = &sim.thread[i];
    if (t->state != READY || t == not_this)
      continue;
    nready++;
    if (sim.o.policy == SIM_PRIORITY) {
      if (best == NULL || t->priority > best->priority)
        best = t;
    }
    else if (base_rng_below (&sim.rng, nready) == 0)
      best = t;
  }
  return best;
}

static void
run (struct thread *t)
{
  struct thread *me = self ();
  const bool done = me->state == DONE;  /* T may change it once it runs */

  if (t == me)
    return;
  sim.result.switches++;
  sem_post (&t->go);
  if (!done)
    while (sem_wait (&me->go) == -1)
      ;
}

/* The calling thread has just left READY. */
static void
leave (void)
{
  struct thread *t = pick (NULL);

  if (t == NULL) {
    t = earliest ();
    if (t == NULL)
      deadlock ();
    time_out (t);
  }
  run (t);
}

static void
block (enum state state, const void *object, const void *where)
{
  struct thread *me = self ();

  me->state = state;
  me->object = object;
  me->where = where;
  if (!sim.active) {
    sim.n = 1;
    deadlock ();
  }
  leave ();
}

static void
wake_all (const void *object)
{
  unsigned i;

  for (i = 0; i < sim.n; i++)
    if (sim.thread[i].object == object &&
        sim.thread[i].state >= ON_MUTEX && sim.thread[i].state <= ON_JOIN)
      sim.thread[i].state = READY;
}

void
sim_point (void)
{
  struct thread *t;

  if (!sim.active || sim.held)
    return;
  sim.result.points++;
  if (!chance (sim.o.stay)) {
    if (sim.o.spurious && chance (16))
      disturb ();
    if (sim.o.policy == SIM_PRIORITY)
      self ()->priority = base_rng_u64 (&sim.rng) >> 32;
  }
  else if (sim.o.policy == SIM_RANDOM)
    return;
  t = pick (NULL);
  run (t);
}

void
sim_start (const struct sim_options *options)
{
  if (sim.active || self_ != NULL)
    misuse ("sim_start inside a simulation", CALLER);
  memset (sim.thread, 0, sizeof sim.thread);
  sim.o = *options;
  base_rng_seed (&sim.rng, options->seed);
  memset (&sim.result, 0, sizeof sim.result);
  sim.n = 1;
  sim.thread[0].state = READY;
  sim.thread[0].priority = base_rng_u64 (&sim.rng);
  sem_init (&sim.thread[0].go, 0, 0);
  sim.active = true;
}

void
sim_stop (struct sim_result *result)
{
  unsigned i;

  if (!sim.active || self_ != NULL)
    misuse ("sim_stop outside a simulation", CALLER);
  for (i = 1; i < sim.n; i++)
    if (sim.thread[i].state != FREE)
      misuse ("sim_stop with a thread that was not joined", CALLER);
  sem_destroy (&sim.thread[0].go);
  sim.active = false;
  sim.result.threads = sim.n;
  if (result)
    *result = sim.result;
}

bool
sim_active (void)
{
  return sim.active;
}

void
sim_hold (bool hold)
{
  sim.held = hold;
}

void
sim_set_epitaph (void (*fn) (void))
{
  sim.epitaph = fn;
}

uint64_t
sim_now (void)
{
  return sim.now;
}

void
sim_set_now (uint64_t ns)
{
  sim.now = ns;
}

/* ---- mutexes ----------------------------------------------------------- */

void
base_mutex_init (struct base_mutex *m)
{
  m->sim = NULL;
}

void
base_mutex_destroy (struct base_mutex *m)
{
  if (m->sim != NULL)
    misuse ("a mutex is destroyed while held", CALLER);
}

static void
lock_from (struct base_mutex *m, const void *where)
{
  while (m->sim != NULL) {
    if (m->sim == self ())
      misuse ("a mutex is locked twice by one thread", where);
    block (ON_MUTEX, m, where);
  }
  m->sim = self ();
}

static void
unlock_from (struct base_mutex *m, const void *where)
{
  if (m->sim != self ())
    misuse ("a mutex is unlocked by another than its owner", where);
  m->sim = NULL;
  wake_all (m);
}

void
base_mutex_lock (struct base_mutex *m)
{
  sim_point ();
  lock_from (m, CALLER);
}

bool
base_mutex_trylock (struct base_mutex *m)
{
  sim_point ();
  if (m->sim != NULL)
    return false;
  m->sim = self ();
  return true;
}

void
base_mutex_unlock (struct base_mutex *m)
{
  unlock_from (m, CALLER);
  sim_point ();
}

/* ---- conditions -------------------------------------------------------- */

void
base_cond_init (struct base_cond *c)
{
  c->sim = NULL;
}

void
base_cond_destroy (struct base_cond *c)
{
  unsigned i;

  for (i = 0; i < sim.n; i++)
    if (sim.thread[i].state == ON_COND && sim.thread[i].object == c)
      misuse ("a condition is destroyed while somebody waits", CALLER);
}

static bool
wait_from (struct base_cond *c, struct base_mutex *m, bool timed, uint64_t ms,
           const void *where)
{
  struct thread *me = self ();

  if (m->sim != me)
    misuse ("a wait without holding the mutex", where);
  if (timed && !sim.active) {
    sim.now += ms * 1000000;
    return false;
  }
  me->timed = timed;
  me->timed_out = false;
  me->deadline = sim.now + BASE_MIN (ms, UINT64_C (1) << 40) * 1000000;
  unlock_from (m, where);
  block (ON_COND, c, where);
  me->timed = false;
  lock_from (m, where);
  return !me->timed_out;
}

void
base_cond_wait (struct base_cond *c, struct base_mutex *m)
{
  sim_point ();
  wait_from (c, m, false, 0, CALLER);
}

bool
base_cond_timedwait (struct base_cond *c, struct base_mutex *m, uint64_t ms)
{
  sim_point ();
  return wait_from (c, m, true, ms, CALLER);
}

void
base_cond_signal (struct base_cond *c)
{
  struct thread *t = NULL;
  unsigned i, n = 0;

  for (i = 0; i < sim.n; i++)
    if (sim.thread[i].state == ON_COND && sim.thread[i].object == c &&
        base_rng_below (&sim.rng, ++n) == 0)
      t = &sim.thread[i];
  if (t)
    t->state = READY;
  sim_point ();
}

void
base_cond_broadcast (struct base_cond *c)
{
  wake_all (c);
  sim_point ();
}

/* ---- read-write locks -------------------------------------------------- */

void
base_rwlock_init (struct base_rwlock *l)
{
  l->sim = calloc (1, sizeof (struct rwlock));
  if (l->sim == NULL)
    abort ();
}

void
base_rwlock_destroy (struct base_rwlock *l)
{
  struct rwlock *w = l->sim;

  if (w->readers != 0 || w->writer != NULL)
    misuse ("a read-write lock is destroyed while held", CALLER);
  free (w);
  l->sim = NULL;
}

static bool
somebody_wants (const struct base_rwlock *l)
{
  unsigned i;

  for (i = 0; i < sim.n; i++)
    if (sim.thread[i].state == ON_WRLOCK && sim.thread[i].object == l)
      return true;
  return false;
}

void
base_rwlock_rdlock (struct base_rwlock *l)
{
  struct rwlock *w = l->sim;
  bool waited = false;

  sim_point ();
  /* A waiting writer goes first; one that came while this thread waited and
   * has been woken does not keep it out for ever.
   */
  while (w->writer != NULL || (!waited && somebody_wants (l))) {
    if (w->writer == self ())
      misuse ("the owner of a lock asks to share it", CALLER);
    waited = true;
    block (ON_RDLOCK, l, CALLER);
  }
  w->readers++;
}

void
base_rwlock_wrlock (struct base_rwlock *l)
{
  struct rwlock *w = l->sim;

  sim_point ();
  while (w->writer != NULL || w->readers > 0) {
    if (w->writer == self ())
      misuse ("a read-write lock is owned twice by one thread", CALLER);
    block (ON_WRLOCK, l, CALLER);
  }
  w->writer = self ();
}

void
base_rwlock_unlock (struct base_rwlock *l)
{
  struct rwlock *w = l->sim;

  if (w->writer == self ())
    w->writer = NULL;
  else if (w->writer == NULL && w->readers > 0)
    w->readers--;
  else
    misuse ("a read-write lock is unlocked by another than its owner", CALLER);
  if (w->readers == 0)
    wake_all (l);
  sim_point ();
}

/* ---- threads ----------------------------------------------------------- */

static void *
body (void *arg)
{
  struct thread *me = self_ = arg;

  while (sem_wait (&me->go) == -1)
    ;
  me->fn (me->arg);
  me->state = DONE;
  wake_all (me);
  leave ();
  return NULL;
}

int
base_thread_create (struct base_thread *bt, void *(*fn) (void *), void *arg)
{
  struct thread *t;
  unsigned i;
  int err;

  if (!sim.active)
    misuse ("a thread is made outside a simulation", CALLER);
  for (i = 1; i < sim.n; i++)
    if (sim.thread[i].state == FREE)
      break;
  if (i == SIM_MAX_THREADS)
    return base_fail (EAGAIN, "cannot create a thread");
  if (i == sim.n)
    sim.n++;
  t = &sim.thread[i];
  memset (t, 0, sizeof *t);
  sem_init (&t->go, 0, 0);
  t->fn = fn;
  t->arg = arg;
  t->priority = base_rng_u64 (&sim.rng);
  err = pthread_create (&t->t, NULL, body, t);
  if (err != 0)
    return base_fail_errno (err, "cannot create a thread");
  t->state = READY;
  bt->sim = t;
  sim_point ();
  return 0;
}

void
base_thread_join (struct base_thread *bt)
{
  struct thread *t = bt->sim;

  if (t == self ())
    misuse ("a thread joins itself", CALLER);
  while (t->state != DONE)
    block (ON_JOIN, t, CALLER);
  pthread_join (t->t, NULL);
  sem_destroy (&t->go);
  t->state = FREE;
}

void
base_thread_yield (void)
{
  struct thread *me = self (), *t;

  if (!sim.active)
    return;
  sim.result.points++;
  me->priority = 0;
  t = pick (me);
  if (t)
    run (t);
  else if (earliest ()) {
    time_out (earliest ());
    run (pick (me));
  }
}

unsigned
base_thread_number (void)
{
  return (unsigned) (self () - sim.thread) + 1;
}

/* ---- clocks ------------------------------------------------------------ */

uint64_t
base_monotonic_ns (void)
{
  return sim.now += 1000;
}

int64_t
base_wall_seconds (void)
{
  return INT64_C (1700000000) + (int64_t) (sim.now / 1000000000);
}
