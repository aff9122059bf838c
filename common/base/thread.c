/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads, locks and clocks of the operating system.
 *
 * Thin covers of pthreads whose misuse aborts at once: a deadlock of a
 * thread with itself or an unlock by a stranger is a bug that must not turn
 * into a hang of a server.  The check costs about a nanosecond.
 *
 * A test program can link another file with the same functions that runs the
 * threads one at a time in an order chosen by a seed.  So this file holds
 * exactly the functions of the part "threads, locks, clocks" of base.h, apart
 * from the cleanup functions, and nothing else.
 */

#include <config.h>

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base.h"

#define SPINS 50

static void
must (int err, const char *call)
{
  if (__builtin_expect (err == 0, 1))
    return;
  fprintf (stderr, "nbdvol: %s: %s\n", call, base_strerror (err));
  abort ();
}

void
base_mutex_init (struct base_mutex *m)
{
  pthread_mutexattr_t attr;

  must (pthread_mutexattr_init (&attr), "pthread_mutexattr_init");
  must (pthread_mutexattr_settype (&attr, PTHREAD_MUTEX_ERRORCHECK),
        "pthread_mutexattr_settype");
  must (pthread_mutex_init (&m->m, &attr), "pthread_mutex_init");
  pthread_mutexattr_destroy (&attr);
  m->sim = NULL;
}

void
base_mutex_destroy (struct base_mutex *m)
{
  must (pthread_mutex_destroy (&m->m), "pthread_mutex_destroy");
}

/* Most locks are held for less time than it takes to go to sleep and to be
 * woken: try again for about a microsecond first.  *N counts; true = once more.
 */
static bool
spin (unsigned *n)
{
  if (*n == SPINS)
    return false;
  ++*n;
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause ();
#endif
  return true;
}

void
base_mutex_lock (struct base_mutex *m)
{
  unsigned n = 0;

  do
    if (pthread_mutex_trylock (&m->m) == 0)
      return;
  while (spin (&n));
  must (pthread_mutex_lock (&m->m), "pthread_mutex_lock");
}

bool
base_mutex_trylock (struct base_mutex *m)
{
  int err = pthread_mutex_trylock (&m->m);

  if (err == EBUSY)
    return false;
  must (err, "pthread_mutex_trylock");
  return true;
}

void
base_mutex_unlock (struct base_mutex *m)
{
  must (pthread_mutex_unlock (&m->m), "pthread_mutex_unlock");
}

void
base_cond_init (struct base_cond *c)
{
  pthread_condattr_t attr;

  must (pthread_condattr_init (&attr), "pthread_condattr_init");
  must (pthread_condattr_setclock (&attr, CLOCK_MONOTONIC),
        "pthread_condattr_setclock");
  must (pthread_cond_init (&c->c, &attr), "pthread_cond_init");
  pthread_condattr_destroy (&attr);
  c->sim = NULL;
}

void
base_cond_destroy (struct base_cond *c)
{
  must (pthread_cond_destroy (&c->c), "pthread_cond_destroy");
}

void
base_cond_wait (struct base_cond *c, struct base_mutex *m)
{
  must (pthread_cond_wait (&c->c, &m->m), "pthread_cond_wait");
}

bool
base_cond_timedwait (struct base_cond *c, struct base_mutex *m, uint64_t ms)
{
  struct timespec ts;
  int err;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  ts.tv_sec += (time_t) (BASE_MIN (ms, UINT64_C (1) << 40) / 1000);
  ts.tv_nsec += (long) (ms % 1000) * 1000000;
  if (ts.tv_nsec >= 1000000000) {
    ts.tv_sec++;
    ts.tv_nsec -= 1000000000;
  }
  err = pthread_cond_timedwait (&c->c, &m->m, &ts);
  if (err == ETIMEDOUT)
    return false;
  must (err, "pthread_cond_timedwait");
  return true;
}

void
base_cond_signal (struct base_cond *c)
{
  must (pthread_cond_signal (&c->c), "pthread_cond_signal");
}

void
base_cond_broadcast (struct base_cond *c)
{
  must (pthread_cond_broadcast (&c->c), "pthread_cond_broadcast");
}

void
base_rwlock_init (struct base_rwlock *l)
{
  pthread_rwlockattr_t attr;

  must (pthread_rwlockattr_init (&attr), "pthread_rwlockattr_init");
  /* The GNU C library ignores PREFER_WRITER_NP without NONRECURSIVE. */
  must (pthread_rwlockattr_setkind_np
        (&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP),
        "pthread_rwlockattr_setkind_np");
  must (pthread_rwlock_init (&l->rw, &attr), "pthread_rwlock_init");
  pthread_rwlockattr_destroy (&attr);
  l->sim = NULL;
}

void
base_rwlock_destroy (struct base_rwlock *l)
{
  must (pthread_rwlock_destroy (&l->rw), "pthread_rwlock_destroy");
}

void
base_rwlock_rdlock (struct base_rwlock *l)
{
  unsigned n = 0;

  do
    if (pthread_rwlock_tryrdlock (&l->rw) == 0)
      return;
  while (spin (&n));
  must (pthread_rwlock_rdlock (&l->rw), "pthread_rwlock_rdlock");
}

void
base_rwlock_wrlock (struct base_rwlock *l)
{
  unsigned n = 0;

  do
    if (pthread_rwlock_trywrlock (&l->rw) == 0)
      return;
  while (spin (&n));
  must (pthread_rwlock_wrlock (&l->rw), "pthread_rwlock_wrlock");
}

void
base_rwlock_unlock (struct base_rwlock *l)
{
  must (pthread_rwlock_unlock (&l->rw), "pthread_rwlock_unlock");
}

int
base_thread_create (struct base_thread *t, void *(*fn) (void *), void *arg)
{
  sigset_t all, old;
  int err;

  /* Signals belong to the program, which waits for them in its own threads.
   * A new thread inherits the mask.
   */
  sigfillset (&all);
  must (pthread_sigmask (SIG_SETMASK, &all, &old), "pthread_sigmask");
  err = pthread_create (&t->t, NULL, fn, arg);
  must (pthread_sigmask (SIG_SETMASK, &old, NULL), "pthread_sigmask");
  t->sim = NULL;
  if (err != 0)
    return base_fail_errno (err, "cannot create a thread");
  return 0;
}

void
base_thread_join (struct base_thread *t)
{
  must (pthread_join (t->t, NULL), "pthread_join");
}

void
base_thread_yield (void)
{
  sched_yield ();
}

unsigned
base_thread_number (void)
{
  static _Atomic unsigned last;
  static __thread unsigned mine;        /* 0: not yet */

  if (mine == 0)
    mine = 1 + atomic_fetch_add_explicit (&last, 1, memory_order_relaxed);
  return mine;
}

uint64_t
base_monotonic_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

int64_t
base_wall_seconds (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_REALTIME, &ts);
  return ts.tv_sec;
}
