/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Locks exclude, conditions wake and time out, threads block signals and
 * have numbers of their own; misuse of a mutex aborts instead of hanging.
 */

#include <config.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base.h"
#include "test.h"

static struct base_mutex mutex;
static struct base_cond cond;
static struct base_rwlock rwlock;
static uint64_t counter, shared;        /* lock: mutex; rwlock */
static bool go;                         /* lock: mutex */
static unsigned numbers[4];

static void *
worker (void *opaque)
{
  const size_t me = (size_t) (uintptr_t) opaque;
  sigset_t set;
  int i;

  CHECK (pthread_sigmask (SIG_BLOCK, NULL, &set) == 0);
  CHECK (sigismember (&set, SIGTERM) == 1 && sigismember (&set, SIGHUP) == 1);
  numbers[me] = base_thread_number ();
  CHECK (numbers[me] == base_thread_number ());
  {
    LOCK_FOR_SCOPE (&mutex);
    while (!go)
      base_cond_wait (&cond, &mutex);
  }
  for (i = 0; i < 20000; ++i) {
    LOCK_FOR_SCOPE (&mutex);
    counter++;
  }
  for (i = 0; i < 5000; ++i) {
    if (i % 4 == 0) {
      WRLOCK_FOR_SCOPE (&rwlock);
      shared++;
    }
    else {
      RDLOCK_FOR_SCOPE (&rwlock);
      CHECK (shared <= 5000);
    }
  }
  return NULL;
}

static void
lock_twice (void)
{
  base_mutex_lock (&mutex);
  base_mutex_lock (&mutex);
}

static void
unlock_free (void)
{
  base_mutex_unlock (&mutex);
}

/* FN ends the process by SIGABRT. */
static void
aborts (void (*fn) (void))
{
  int status;
  pid_t pid = fork ();

  CHECK (pid >= 0);
  if (pid == 0) {
    signal (SIGABRT, SIG_DFL);
    alarm (20);
    fclose (stderr);
    fn ();
    _exit (0);
  }
  CHECK (waitpid (pid, &status, 0) == pid);
  CHECK (WIFSIGNALED (status) && WTERMSIG (status) == SIGABRT);
}

static void
time_out (void)
{
  uint64_t before, after;

  LOCK_FOR_SCOPE (&mutex);
  before = base_monotonic_ns ();
  CHECK (!base_cond_timedwait (&cond, &mutex, 30));
  after = base_monotonic_ns ();
  CHECK (after - before >= 29 * UINT64_C (1000000));
  CHECK (!base_cond_timedwait (&cond, &mutex, 0));
}

TEST_MAIN
{
  struct base_thread threads[4];
  size_t i, j;

  base_mutex_init (&mutex);
  base_cond_init (&cond);
  base_rwlock_init (&rwlock);
  aborts (lock_twice);
  aborts (unlock_free);

  CHECK (base_mutex_trylock (&mutex));
  CHECK (!base_mutex_trylock (&mutex));
  base_mutex_unlock (&mutex);
  time_out ();

  for (i = 0; i < 4; ++i)
    CHECK_EQ_INT (base_thread_create (&threads[i], worker, (void *) i), 0);
  {
    LOCK_FOR_SCOPE (&mutex);
    go = true;
    base_cond_broadcast (&cond);
  }
  for (i = 0; i < 4; ++i)
    base_thread_join (&threads[i]);
  CHECK_EQ_INT (counter, 80000);
  CHECK_EQ_INT (shared, 5000);
  for (i = 0; i < 4; ++i) {
    for (j = 0; j < i; ++j)
      CHECK (numbers[i] != numbers[j]);
  }
  CHECK (base_wall_seconds () > 1600000000);
  base_mutex_destroy (&mutex);
  base_cond_destroy (&cond);
  base_rwlock_destroy (&rwlock);
}
