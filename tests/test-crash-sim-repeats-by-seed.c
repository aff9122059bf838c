/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The simulation of threads: the same seed gives the same order, other seeds
 * other orders, every order is a possible one, and what can go wrong with
 * locks is found: a lost update, a lost wakeup, a deadlock.
 */

#include <config.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "sim.h"
#include "test.h"

#define THREADS 4
#define ROUNDS 8

static struct base_mutex lock, other;
static struct base_cond cond;
static struct base_rwlock rw;
static char trace[THREADS * ROUNDS + 1];
static unsigned ntrace, counter, inside, readers;
static bool flag;

static void *
trace_body (void *arg)
{
  unsigned i;

  for (i = 0; i < ROUNDS; i++) {
    base_mutex_lock (&lock);
    trace[ntrace++] = *(char *) arg;
    base_mutex_unlock (&lock);
  }
  return NULL;
}

/* Reads and writes back, with a point in between and no lock. */
static void *
update_body (void *arg)
{
  unsigned i, c;

  (void) arg;
  for (i = 0; i < ROUNDS; i++) {
    c = counter;
    sim_point ();
    counter = c + 1;
  }
  return NULL;
}

static void *
rw_body (void *arg)
{
  unsigned i;

  for (i = 0; i < ROUNDS; i++)
    if (*(char *) arg % 2) {
      base_rwlock_wrlock (&rw);
      CHECK (inside == 0 && readers == 0);
      inside++;
      sim_point ();
      inside--;
      base_rwlock_unlock (&rw);
    }
    else {
      base_rwlock_rdlock (&rw);
      CHECK (inside == 0);
      readers++;
      sim_point ();
      readers--;
      base_rwlock_unlock (&rw);
    }
  return NULL;
}

static void *
wait_body (void *arg)
{
  base_mutex_lock (&lock);
  while (!flag)
    base_cond_wait (&cond, &lock);
  base_mutex_unlock (&lock);
  return arg;
}

/* Looks at the flag without the lock: the wakeup can be lost. */
static void *
bad_wait_body (void *arg)
{
  if (!flag) {
    sim_point ();
    base_mutex_lock (&lock);
    base_cond_wait (&cond, &lock);
    base_mutex_unlock (&lock);
  }
  return arg;
}

static void *
set_body (void *arg)
{
  base_mutex_lock (&lock);
  flag = true;
  base_cond_signal (&cond);
  base_mutex_unlock (&lock);
  return arg;
}

static void *
cross_body (void *arg)
{
  struct base_mutex *a = *(char *) arg % 2 ? &lock : &other;
  struct base_mutex *b = a == &lock ? &other : &lock;

  base_mutex_lock (a);
  base_mutex_lock (b);
  base_mutex_unlock (b);
  base_mutex_unlock (a);
  return NULL;
}

static void
simulate (uint64_t seed, enum sim_policy policy, unsigned n,
          void *(*const *bodies) (void *), struct sim_result *result)
{
  static char names[] = "abcdefgh";
  struct sim_options o = {
    .seed = seed, .policy = policy, .stay = policy == SIM_RANDOM ? 64 : 200,
  };
  struct base_thread t[8];
  unsigned i;

  ntrace = counter = 0;
  flag = false;
  memset (trace, 0, sizeof trace);
  sim_start (&o);
  for (i = 0; i < n; i++)
    CHECK (base_thread_create (&t[i], bodies[i], &names[i]) == 0);
  for (i = 0; i < n; i++)
    base_thread_join (&t[i]);
  sim_stop (result);
}

static void
check_repeats (void)
{
  void *(*bodies[]) (void *) = { trace_body, trace_body, trace_body,
                                 trace_body };
  char first[2][sizeof trace];
  struct sim_result r1, r2;
  unsigned seed, policy, differ = 0;

  for (policy = SIM_RANDOM; policy <= SIM_PRIORITY; policy++)
    for (seed = 1; seed <= 20; seed++) {
      simulate (seed, policy, THREADS, bodies, &r1);
      memcpy (first[0], trace, sizeof trace);
      simulate (seed, policy, THREADS, bodies, &r2);
      CHECK (strcmp (first[0], trace) == 0);
      CHECK (strlen (trace) == THREADS * ROUNDS);
      CHECK (r1.points == r2.points && r1.switches == r2.switches);
      if (seed > 1 && strcmp (first[1], trace) != 0)
        differ++;
      memcpy (first[1], trace, sizeof trace);
    }
  CHECK (differ > 30);
}

static void
check_finds_lost_update (void)
{
  void *(*bodies[]) (void *) = { update_body, update_body };
  unsigned seed, lost = 0;

  for (seed = 1; seed <= 20; seed++) {
    simulate (seed, SIM_RANDOM, 2, bodies, NULL);
    CHECK (counter <= 2 * ROUNDS && counter >= 2);
    lost += counter < 2 * ROUNDS;
  }
  CHECK (lost > 15);
}

/* The exit code of a program that runs BODIES under many seeds. */
static int
run_apart (void *(*const *bodies) (void *), unsigned n)
{
  unsigned seed;
  int status;
  pid_t pid;

  fflush (NULL);
  pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0) {
    fclose (stderr);
    for (seed = 1; seed <= 100; seed++)
      simulate (seed, SIM_RANDOM, n, bodies, NULL);
    _exit (0);
  }
  CHECK (waitpid (pid, &status, 0) == pid);
  CHECK (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static void
check_waits (void)
{
  void *(*good[]) (void *) = { wait_body, set_body, trace_body };
  void *(*bad[]) (void *) = { bad_wait_body, set_body, trace_body };
  void *(*cross[]) (void *) = { cross_body, cross_body };
  void *(*rws[]) (void *) = { rw_body, rw_body, rw_body, rw_body };
  struct sim_options o = { .seed = 1 };
  uint64_t before;

  CHECK (run_apart (good, 3) == 0);
  CHECK (run_apart (rws, 4) == 0);
  CHECK (run_apart (bad, 3) == SIM_EXIT_DEADLOCK);
  CHECK (run_apart (cross, 2) == SIM_EXIT_DEADLOCK);

  /* A timed wait ends when nothing else can happen, and time has passed. */
  sim_start (&o);
  before = base_monotonic_ns ();
  base_mutex_lock (&lock);
  CHECK (!base_cond_timedwait (&cond, &lock, 5000));
  base_mutex_unlock (&lock);
  CHECK (base_monotonic_ns () - before >= UINT64_C (5000000000));
  sim_stop (NULL);
}

TEST_MAIN
{
  base_mutex_init (&lock);
  base_mutex_init (&other);
  base_cond_init (&cond);
  base_rwlock_init (&rw);
  check_repeats ();
  check_finds_lost_update ();
  check_waits ();
  CHECK (!sim_active ());
}
