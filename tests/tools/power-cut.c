/* SPDX-License-Identifier: BSD-3-Clause
 *
 * power-cut --socket=PATH [--cycles=N] [--writers=N] [--ms=N] [--seed=N]
 *           [--verb=COMMAND] -- SERVER...
 *
 * Starts SERVER, which serves NBD on PATH, lets writers work, kills it
 * with SIGKILL after up to N milliseconds, starts it again and looks whether
 * what the volume holds is one of the states that may be left: nothing lost
 * that a FLUSH on any connection or a FUA write acknowledged, and all
 * sectors from one moment (the rules of history.h).  Then the next cycle
 * goes on from there.
 *
 * With a device below that keeps in memory what was not flushed, this is a
 * power cut; over a plain file it is not.  "%d" in SERVER and COMMAND is a
 * number that differs in each cycle.  COMMAND runs again and again beside
 * the writers; whether it succeeds does not matter.
 *
 * The last line is "N cycles, N writes, N flushes, N violations"; exit code
 * 1 if there are any.
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libnbd.h>

#include "history.h"
#include "tool.h"

#define SECTORS 4096            /* 2 MiB: 512 blocks of 4 KiB */
#define MAX_SECTORS 96
#define MAX_WRITERS 64
#define MAX_WORDS 64

struct run {
  struct history h;
  const char *socket;
  char **server;                /* the words of SERVER */
  const char *verb;             /* NULL = none */
  uint64_t seed;
  unsigned cycle;
  pid_t pid;
  _Atomic bool killed;          /* errors are expected from now on */
  _Atomic uint64_t writes, flushes;
};

struct writer {
  struct run *run;
  unsigned number;
  struct base_thread thread;
};

/* ---- the server --------------------------------------------------------- */

static void
start_server (struct run *run)
{
  char *words[MAX_WORDS];
  size_t n;

  for (n = 0; run->server[n]; ++n) {
    if (n == MAX_WORDS - 1)
      die ("SERVER has too many words");
    words[n] = expand (run->server[n], run->cycle + 1);
  }
  words[n] = NULL;
  unlink (run->socket);
  run->pid = fork ();
  if (run->pid == -1)
    die ("fork: %m");
  if (run->pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    execvp (words[0], words);
    die ("%s: %m", words[0]);
  }
  while (n > 0)
    free (words[--n]);
}

static void
kill_server (struct run *run)
{
  run->killed = true;
  kill (run->pid, SIGKILL);
  if (waitpid (run->pid, NULL, 0) == -1)
    die ("wait: %m");
}

/* A connection, or NULL when the server is dead and may be. */
static struct nbd_handle *
connect_to (struct run *run)
{
  struct nbd_handle *nbd = NULL;
  int status;
  unsigned i;

  for (i = 0; i < 1000; ++i) {
    nbd = nbd_create ();
    if (nbd == NULL)
      die ("%s", nbd_get_error ());
    nbd_set_export_name (nbd, "root");
    if (nbd_connect_unix (nbd, run->socket) == 0)
      return nbd;
    nbd_close (nbd);
    if (run->killed)
      return NULL;
    if (waitpid (run->pid, &status, WNOHANG) == run->pid)
      die ("cycle %u: the server ended by itself, status %d", run->cycle,
           status);
    pass_time (10);
  }
  die ("cycle %u: no connection in 10 s", run->cycle);
}

/* ---- the load ----------------------------------------------------------- */

static int
change_something (struct run *run, struct nbd_handle *nbd,
                  struct base_rng *rng, uint8_t *buf)
{
  bool fua = base_rng_below (rng, 16) == 0;
  uint32_t flags = fua ? LIBNBD_CMD_FLAG_FUA : 0;
  uint64_t count = 1 + base_rng_below (rng, MAX_SECTORS);
  uint64_t first, stamp, kind = base_rng_below (rng, 16);
  int r;

  if (base_rng_below (rng, 4) != 0)
    count = 1 + count % 16;
  first = base_rng_below (rng, SECTORS - count + 1);
  stamp = history_issue (&run->h, first, count, kind < 2, fua);
  if (kind == 0)
    r = nbd_trim (nbd, count * HISTORY_SECTOR, first * HISTORY_SECTOR, flags);
  else if (kind == 1)
    r = nbd_zero (nbd, count * HISTORY_SECTOR, first * HISTORY_SECTOR, flags);
  else {
    history_fill (buf, stamp, first, count);
    r = nbd_pwrite (nbd, buf, count * HISTORY_SECTOR, first * HISTORY_SECTOR,
                    flags);
  }
  if (r == 0) {
    history_answer (&run->h, stamp);
    run->writes++;
  }
  return r;
}

static int
flush (struct run *run, struct nbd_handle *nbd)
{
  uint64_t issued = history_tick (&run->h);

  if (nbd_flush (nbd, 0) == -1)
    return -1;
  history_flushed (&run->h, issued);
  run->flushes++;
  return 0;
}

static void *
work (void *arg)
{
  struct writer *w = arg;
  struct run *run = w->run;
  struct nbd_handle *nbd = connect_to (run);
  uint8_t buf[MAX_SECTORS * HISTORY_SECTOR];
  struct base_rng rng;
  int r = 0;

  base_rng_seed (&rng, (run->seed + run->cycle) * MAX_WRITERS + w->number);
  while (nbd && r == 0) {
    if (base_rng_below (&rng, 8) == 0)
      r = flush (run, nbd);
    else
      r = change_something (run, nbd, &rng, buf);
  }
  if (nbd && !run->killed)
    die ("cycle %u: %s", run->cycle, nbd_get_error ());
  nbd_close (nbd);
  return NULL;
}

static void *
run_verbs (void *arg)
{
  struct run *run = arg;
  unsigned i;
  char *command;

  for (i = 0; !run->killed; ++i) {
    command = expand (run->verb, run->cycle * 1000 + i % 1000);
    if (system (command) == -1)
      die ("%s: %m", command);
    free (command);
  }
  return NULL;
}

/* ---- a cycle ------------------------------------------------------------ */

static void
read_image (struct run *run, struct history_image *image)
{
  struct nbd_handle *nbd = connect_to (run);
  uint8_t *buf = base_malloc (SECTORS * HISTORY_SECTOR);
  uint64_t s;

  if (buf == NULL ||
      nbd_pread (nbd, buf, SECTORS * HISTORY_SECTOR, 0, 0) == -1)
    die ("cycle %u: read: %s", run->cycle, nbd_get_error ());
  for (s = 0; s < SECTORS; ++s)
    if (!history_read (buf + s * HISTORY_SECTOR, s, &image->stamp[s]))
      die ("cycle %u: sector %" PRIu64 " is torn", run->cycle, s);
  free (buf);
  nbd_close (nbd);
}

static void
load_and_kill (struct run *run, unsigned nwriters, uint64_t ms)
{
  static struct writer writers[MAX_WRITERS];
  struct base_thread verbs;
  unsigned i;

  for (i = 0; i < nwriters; ++i) {
    writers[i].run = run;
    writers[i].number = i;
    if (base_thread_create (&writers[i].thread, work, &writers[i]) < 0)
      die ("%s", base_error_text ());
  }
  if (run->verb && base_thread_create (&verbs, run_verbs, run) < 0)
    die ("%s", base_error_text ());
  pass_time (ms);
  kill_server (run);
  for (i = 0; i < nwriters; ++i)
    base_thread_join (&writers[i].thread);
  if (run->verb)
    base_thread_join (&verbs);
}

static unsigned
run_cycles (struct run *run, unsigned ncycles, unsigned nwriters,
            uint64_t max_ms)
{
  struct history_image image = { .complete = HISTORY_NEVER };
  struct base_rng rng;
  unsigned bad = 0;

  base_rng_seed (&rng, run->seed);
  image.stamp = base_calloc (SECTORS, sizeof *image.stamp);
  if (image.stamp == NULL)
    die ("no memory");
  start_server (run);
  read_image (run, &image);
  history_restart (&run->h, &image);
  for (run->cycle = 0; bad == 0 && run->cycle < ncycles; run->cycle++) {
    run->killed = false;
    load_and_kill (run, nwriters, 20 + base_rng_below (&rng, max_ms));
    run->killed = false;
    start_server (run);
    snprintf (image.name, sizeof image.name, "cycle %u", run->cycle);
    read_image (run, &image);
    bad += history_check (&run->h, &image, true);
    history_restart (&run->h, &image);
  }
  kill (run->pid, SIGTERM);
  waitpid (run->pid, NULL, 0);
  free (image.stamp);
  return bad;
}

int
main (int argc, char **argv)
{
  static const struct option options[] = {
    { "socket", 1, NULL, 'p' }, { "cycles", 1, NULL, 'n' },
    { "writers", 1, NULL, 'w' }, { "ms", 1, NULL, 't' },
    { "seed", 1, NULL, 's' }, { "verb", 1, NULL, 'c' }, { NULL, 0, NULL, 0 },
  };
  unsigned ncycles = 10, nwriters = 4, bad;
  static struct run run;
  uint64_t max_ms = 400;
  int c;

  for (;;) {
    c = getopt_long (argc, argv, "+", options, NULL);
    if (c == -1)
      break;
    switch (c) {
    case 'p': run.socket = optarg; break;
    case 'n': ncycles = number_option (optarg); break;
    case 'w': nwriters = number_option (optarg); break;
    case 't': max_ms = number_option (optarg); break;
    case 's': run.seed = number_option (optarg); break;
    case 'c': run.verb = optarg; break;
    default: die ("usage: see tests/tools/power-cut.c");
    }
  }
  if (run.socket == NULL || optind == argc || nwriters > MAX_WRITERS ||
      max_ms == 0)
    die ("usage: see tests/tools/power-cut.c");
  run.server = argv + optind;
  history_init (&run.h, SECTORS);
  bad = run_cycles (&run, ncycles, nwriters, max_ms);
  printf ("%u cycles, %" PRIu64 " writes, %" PRIu64 " flushes, "
          "%u violations\n", run.cycle, run.writes, run.flushes, bad);
  history_free (&run.h);
  return bad > 0;
}
