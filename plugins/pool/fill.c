/* SPDX-License-Identifier: BSD-3-Clause
 *
 * fill-command=: what is run when the pool reaches a threshold of fill.
 *
 * The engine says so in an event, on whatever thread has met it; all that
 * happens there is that the threshold is noted.  A thread of its own runs the
 * command, so no request waits for it, and no lock is held meanwhile.  One
 * runs at a time: what is reached while it runs is called for when it has
 * ended, the highest threshold alone.
 *
 * No shell is between, so nothing in a pool's name means anything to one, and
 * COMMAND has no arguments but the two it is given.  It is a program by its
 * path, looked at while nbdkit is configuring, when the user sees what is
 * wrong with it.  It is started by posix_spawn, which copies nothing of a
 * server's memory and does not run handlers of fork in the child; with no
 * file but stderr (the log) and /dev/null, with no signal blocked or ignored
 * (nbdkit ignores SIGPIPE, and our threads block all), and in a process group
 * of its own, so that Ctrl-C on the server is not meant for it.  It gets the
 * server's environment; of the parameters it gets what it is given.
 *
 * Nobody else in the process may take the child's exit code, and we must take
 * no one else's: waitpid for that one pid.  Where SIGCHLD is ignored, as a
 * parent may have left it, there is no code, and that is no failure.
 *
 * A command that hangs is not killed, for it may be in the middle of making
 * room.  When the server ends it is waited for PATIENCE_MS, while the control
 * socket still answers it, and then left alone.
 */

#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "face.h"

#define LOOK_MS 20              /* how often, for its end */
#define PATIENCE_MS 1000

extern char **environ;

static struct {
  struct base_mutex mutex;
  struct base_cond changed;
  struct base_thread thread;
  bool running;                 /* the thread is; before and after it */
  bool stop;                    /* lock: mutex */
  unsigned wanted;              /* threshold to call for, 0 none; lock: mutex */
} fill;

void
face_fill_init (void)
{
  base_mutex_init (&fill.mutex);
  base_cond_init (&fill.changed);
}

/* ---- the parameter ------------------------------------------------------- */

int
face_fill_check (const char *command)
{
  struct stat st;

  if (stat (command, &st) == -1) {
    nbdkit_error ("pool: fill-command=%s: %m", command);
    return -1;
  }
  if (!S_ISREG (st.st_mode) || access (command, X_OK) == -1) {
    nbdkit_error ("pool: fill-command=%s: not a program that may be run",
                  command);
    return -1;
  }
  return 0;
}

/* ---- events -------------------------------------------------------------- */

void
face_fill_event (const struct pool_event *event)
{
  if (event->kind != POOL_EVENT_FILLING || face_config.fill_command == NULL)
    return;
  LOCK_FOR_SCOPE (&fill.mutex);
  fill.wanted = event->percent;
  base_cond_signal (&fill.changed);
}

/* ---- the child ----------------------------------------------------------- */

/* One line of the log. */
static void BASE_PRINTF (1, 2)
complain (const char *fs, ...)
{
  char text[512];
  va_list args;

  va_start (args, fs);
  vsnprintf (text, sizeof text, fs, args);
  va_end (args);
  nbdkit_error ("nbdvol: %s: fill-command %s: %s", face_config.given,
                face_config.fill_command, text);
}

/* What the child begins with. */
static int
set_up (posix_spawn_file_actions_t *files, posix_spawnattr_t *attr)
{
  sigset_t none, all;
  int r;

  sigemptyset (&none);
  sigfillset (&all);
  r = posix_spawn_file_actions_addopen (files, STDIN_FILENO, "/dev/null",
                                        O_RDONLY, 0);
  if (r == 0)
    r = posix_spawn_file_actions_addopen (files, STDOUT_FILENO, "/dev/null",
                                          O_WRONLY, 0);
  if (r == 0)
    r = posix_spawn_file_actions_addclosefrom_np (files, STDERR_FILENO + 1);
  if (r == 0)
    r = posix_spawnattr_setsigmask (attr, &none);
  if (r == 0)
    r = posix_spawnattr_setsigdefault (attr, &all);
  if (r == 0)
    r = posix_spawnattr_setflags (attr, POSIX_SPAWN_SETSIGMASK
                                  | POSIX_SPAWN_SETSIGDEF
                                  | POSIX_SPAWN_SETPGROUP);
  return r;
}

/* 0 or an errno. */
static int
start (unsigned percent, pid_t *pid)
{
  char *command = face_config.fill_command, number[16];
  const char *path = face_plain_path ();
  char *argv[] = { command, (char *) (path ? path : face_config.file),
    number, NULL };
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attr;
  int r;

  snprintf (number, sizeof number, "%u", percent);
  r = posix_spawn_file_actions_init (&files);
  if (r != 0)
    return r;
  r = posix_spawnattr_init (&attr);
  if (r == 0) {
    r = set_up (&files, &attr);
    if (r == 0)
      r = posix_spawn (pid, command, &files, &attr, argv, environ);
    posix_spawnattr_destroy (&attr);
  }
  posix_spawn_file_actions_destroy (&files);
  return r;
}

/* True if PID has ended; then its status is judged. */
static bool
ended (pid_t pid, unsigned percent)
{
  int status = 0;
  pid_t r;

  do
    r = waitpid (pid, &status, WNOHANG);
  while (r == -1 && errno == EINTR);
  if (r == 0)
    return false;
  if (r == -1)                  /* ECHILD: nobody knows how it ended */
    return true;
  if (WIFSIGNALED (status))
    complain ("ended by signal %d at %u%%", WTERMSIG (status), percent);
  else if (WEXITSTATUS (status) != 0)
    complain ("failed with exit code %d at %u%%", WEXITSTATUS (status),
              percent);
  return true;
}

/* Until PID has ended, or does not end when the server does.  The lock is
 * held on entry and exit.
 */
static void
wait_locked (pid_t pid, unsigned percent)
{
  uint64_t until = UINT64_MAX;
  unsigned told = 0, wanted;
  bool done;

  for (;;) {
    if (fill.stop && until == UINT64_MAX)
      until = base_monotonic_ns () + PATIENCE_MS * UINT64_C (1000000);
    wanted = fill.wanted;
    base_mutex_unlock (&fill.mutex);
    done = ended (pid, percent);
    if (!done && wanted != told)
      complain ("still runs for %u%% (pid %ld); it is called for %u%% once "
                "it has ended", percent, (long) pid, wanted);
    told = wanted;
    if (!done && base_monotonic_ns () >= until) {
      complain ("still runs for %u%% (pid %ld) and is left alone", percent,
                (long) pid);
      done = true;
    }
    base_mutex_lock (&fill.mutex);
    if (done)
      return;
    base_cond_timedwait (&fill.changed, &fill.mutex, LOOK_MS);
  }
}

static void *
fill_thread (void *arg BASE_UNUSED)
{
  unsigned percent;
  pid_t pid;
  int r;

  base_mutex_lock (&fill.mutex);
  while (!fill.stop) {
    percent = fill.wanted;
    if (percent == 0) {
      base_cond_wait (&fill.changed, &fill.mutex);
      continue;
    }
    fill.wanted = 0;
    base_mutex_unlock (&fill.mutex);
    r = start (percent, &pid);
    if (r != 0)
      complain ("cannot be started at %u%%: %s", percent, strerror (r));
    base_mutex_lock (&fill.mutex);
    if (r == 0)
      wait_locked (pid, percent);
  }
  base_mutex_unlock (&fill.mutex);
  return NULL;
}

int
face_fill_start (void)
{
  int r;

  if (face_config.fill_command == NULL)
    return 0;
  r = base_thread_create (&fill.thread, fill_thread, NULL);
  if (r < 0) {
    nbdkit_error ("pool: fill-command thread: %s", strerror (-r));
    return -1;
  }
  fill.running = true;
  return 0;
}

void
face_fill_stop (void)
{
  if (!fill.running)
    return;
  base_mutex_lock (&fill.mutex);
  fill.stop = true;
  base_cond_signal (&fill.changed);
  base_mutex_unlock (&fill.mutex);
  base_thread_join (&fill.thread);
  fill.running = false;
}
