/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Many histories in several processes; crash-run.h is the manual.
 *
 * The workers share one page-aligned piece of memory: the tally, what each
 * of them is doing, and the set of all image hashes.  Which worker runs which
 * history is by chance, what a history does is not.
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crash-run.h"
#include "sim.h"
#include "test.h"

#define MOST_WORKERS 64
#define HANG_SECONDS 30
#define SET_SIZE ((size_t) 1 << 24)     /* image hashes; 128 MiB, sparse */
#define GROUP 3                 /* histories of one kind, the first of which
                                 * has several threads */

struct shared {
  atomic_uint_fast64_t next, states, repeated, tried, sampled, histories,
    threaded, steps, refused, points, switches;
  atomic_uint_fast64_t cell[CRASH_SUBJECTS][CRASH_PHASES];
  atomic_bool stop;
  struct { atomic_uint_fast64_t history, state; } at[MOST_WORKERS];
  atomic_uint_fast64_t set[SET_SIZE];
};

static struct shared *shared;
static unsigned me;             /* number of this worker */
static const struct crash_run *epitaph_run;
static const char *program_name = "tests/pool-crash";

static struct shared *
shared_get (void)
{
  if (shared == NULL) {
    shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (shared == MAP_FAILED) {
      perror ("mmap");
      exit (EXIT_FAILURE);
    }
  }
  return shared;
}

static uint64_t
seconds (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec;
}

/* True if HASH was not in the set. */
static bool
new_image (uint64_t hash)
{
  size_t i, tries;

  hash |= 1;
  for (i = hash >> 8 & (SET_SIZE - 1), tries = 0; tries < SET_SIZE;
       i = (i + 1) & (SET_SIZE - 1), tries++) {
    uint64_t old = 0;
    if (atomic_compare_exchange_strong (&shared->set[i], &old, hash))
      return true;
    if (old == hash)
      return false;
  }
  return false;
}

/* ---- a worker ---------------------------------------------------------- */

static void
count (void *opaque, enum crash_kind kind, enum crash_phase phase,
       uint64_t hash)
{
  const struct crash_run *run = opaque;

  atomic_store (&shared->at[me].state, run->states);
  if (!new_image (hash)) {
    atomic_fetch_add (&shared->repeated, 1);
    return;
  }
  atomic_fetch_add (&shared->states, 1);
  if (kind < CRASH_SUBJECTS)
    atomic_fetch_add (&shared->cell[kind][phase], 1);
}

static void
say_again (const struct crash_run *run, uint64_t history, uint64_t state)
{
  printf ("repeat: %s --seed %" PRIu64 " --history %" PRIu64, program_name,
          run->seed, history);
  if (state > 0)
    printf (" --state %" PRIu64, state - 1);
  if (run->exhaustive)
    printf (" --exhaustive %u", run->exhaustive);
  if (run->after != 100)
    printf (" --after %u", run->after);
  if (run->share != CRASH_SHARE)
    printf (" --share %u", run->share);
  if (run->drop_flush)
    printf (" --drop-flush");
  printf (" --verbose\n");
}

/* A deadlock or misuse: the process ends behind this. */
static void
epitaph (void)
{
  printf ("FAILED: %s: the simulation stopped in history %" PRIu64 "\n",
          epitaph_run->e->name, epitaph_run->history);
  say_again (epitaph_run, epitaph_run->history, epitaph_run->states);
}

/* Can there be such a cell?  Verbs are not in the journal. */
static bool
is_cell (const struct crash_engine *e, unsigned kind, unsigned phase)
{
  if (!(e->kinds >> kind & 1))
    return false;
  /* Of an engine that says nothing of superblocks less is known. */
  if (phase == PHASE_TWIN || phase > PHASE_RECOVERY)
    return e->is_super != NULL;
  if (phase != PHASE_JOURNAL && phase != PHASE_FLUSH_J)
    return true;
  return e->journal && (kind <= CRASH_FLUSH || kind == CRASH_CHECKPOINT);
}

/* The smallest cell of a kind. */
static uint64_t
least_of (const struct crash_engine *e, unsigned kind)
{
  uint64_t least = UINT64_MAX;
  unsigned p;

  for (p = 0; p < CRASH_PHASES; p++)
    if (is_cell (e, kind, p))
      least = BASE_MIN (least, shared->cell[kind][p]);
  return least;
}

/* A history whose kind has its cells fuller than others is passed over, so
 * that these catch up.
 */
static bool
is_wanted (const struct crash_run *run, uint64_t history)
{
  uint64_t least = UINT64_MAX;
  unsigned k;

  for (k = 0; k < CRASH_SUBJECTS; k++)
    least = BASE_MIN (least, least_of (run->e, k));
  return least_of (run->e, crash_subject_kind (run, history)) <=
    least + least / 4 + 50;
}

static bool
cells_full (const struct crash_engine *e, uint64_t least)
{
  unsigned k, p;

  for (k = 0; k < CRASH_SUBJECTS; k++)
    for (p = 0; p < CRASH_PHASES; p++)
      if (is_cell (e, k, p) && shared->cell[k][p] < least)
        return false;
  return true;
}

static bool
enough (const struct crash_run *run, const struct crash_limits *l,
        uint64_t begun)
{
  if (shared->stop || (l->seconds && seconds () - begun >= l->seconds))
    return true;
  return l->states && shared->states >= l->states &&
    cells_full (run->e, l->cell);
}

/* Simulated threads hand over to each other all the time; between processors
 * that takes a hundred times as long as on one.
 */
static void
stay_here (void)
{
  cpu_set_t set, one;
  int i, n = 0;

  if (sched_getaffinity (0, sizeof set, &set) == -1)
    return;
  for (i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET (i, &set) && n++ == (int) me % CPU_COUNT (&set)) {
      CPU_ZERO (&one);
      CPU_SET (i, &one);
      sched_setaffinity (0, sizeof one, &one);
      return;
    }
}

static void
say_failed (const struct crash_run *run, const struct crash_limits *l)
{
  if (!l->keep_going)
    atomic_store (&shared->stop, true);
  printf ("FAILED: %s: seed %" PRIu64 ", history %" PRIu64 ", state %" PRIu64
          "%s\n  %s\n", run->e->name, run->seed, run->history,
          run->states ? run->states - 1 : 0,
          run->threads ? " (several threads)" : "", run->failure);
  say_again (run, run->history, run->states);
}

static bool
one_history (struct crash_run *run, const struct crash_limits *l,
             uint64_t history)
{
  bool ok;

  atomic_store (&shared->at[me].state, 0);
  atomic_store (&shared->at[me].history, history);
  ok = crash_history_run (run, history);
  if (!ok)
    say_failed (run, l);
  atomic_fetch_add (&shared->histories, 1);
  atomic_fetch_add (&shared->threaded, run->threads);
  atomic_fetch_add (&shared->tried, run->tried);
  atomic_fetch_add (&shared->sampled, run->sampled);
  atomic_fetch_add (&shared->steps, run->steps);
  atomic_fetch_add (&shared->refused, run->refused);
  atomic_fetch_add (&shared->points, run->points);
  atomic_fetch_add (&shared->switches, run->switches);
  run->steps = run->refused = run->points = run->switches = 0;
  return ok;
}

static int
work (const struct crash_run *how, const struct crash_limits *l,
      uint64_t begun)
{
  struct crash_run run = *how;
  uint64_t h, i, end = crash_histories (how);
  bool ok = true;

  if (l->histories && l->histories < end - l->first)
    end = l->first + l->histories;
  stay_here ();
  /* Pools come and go; do not get their memory from the kernel each time. */
  mallopt (M_MMAP_THRESHOLD, 1 << 30);
  mallopt (M_TRIM_THRESHOLD, 1 << 30);
  run.count = count;
  run.opaque = &run;
  epitaph_run = &run;
  sim_set_epitaph (epitaph);
  while ((ok || l->keep_going) && !enough (how, l, begun)) {
    h = atomic_fetch_add (&shared->next, GROUP);
    if (h >= end)
      break;
    if (l->states && !how->exhaustive && !is_wanted (how, h))
      continue;
    for (i = 0; i < GROUP && h + i < end && (ok || l->keep_going); i++)
      ok &= one_history (&run, l, h + i);
  }
  return ok ? 0 : CRASH_EXIT_FAILED;
}

/* ---- all workers ------------------------------------------------------- */

struct child { pid_t pid; uint64_t history, state, since; };

static int
verdict (const struct crash_run *run, unsigned i, int status)
{
  if (WIFEXITED (status))
    return WEXITSTATUS (status);
  printf ("FAILED: %s: the process died by signal %d\n", run->e->name,
          WTERMSIG (status));
  say_again (run, shared->at[i].history, 0);
  return CRASH_EXIT_DIED;
}

static bool
hangs (struct child *c, unsigned i)
{
  uint64_t h = shared->at[i].history, s = shared->at[i].state;

  if (h != c->history || s != c->state || c->since == 0) {
    c->history = h;
    c->state = s;
    c->since = seconds ();
  }
  return seconds () - c->since > HANG_SECONDS;
}

static int
watch (const struct crash_run *run, struct child *child, unsigned n,
       bool keep_going)
{
  unsigned i, left = n;
  int status, r = 0;

  while (left > 0) {
    poll (NULL, 0, 20);
    for (i = 0; i < n; i++) {
      if (child[i].pid <= 0)
        continue;
      if (waitpid (child[i].pid, &status, WNOHANG) > 0) {
        int v = verdict (run, i, status);
        child[i].pid = 0;
        left--;
        if (v != 0 && !keep_going)
          shared->stop = true;
        r = r ? r : v;
      }
      else if (hangs (&child[i], i)) {
        printf ("FAILED: %s: no progress for %d seconds\n", run->e->name,
                HANG_SECONDS);
        say_again (run, child[i].history, child[i].state + 1);
        kill (child[i].pid, SIGKILL);
        waitpid (child[i].pid, &status, 0);
        child[i].pid = 0;
        left--;
        shared->stop = true;
        r = CRASH_EXIT_HANGS;
      }
    }
  }
  return r;
}

static void
gather (struct crash_tally *t)
{
  unsigned k, p;

  t->histories = shared->histories;
  t->threaded = shared->threaded;
  t->states = shared->states;
  t->repeated = shared->repeated;
  t->tried = shared->tried;
  t->sampled = shared->sampled;
  t->steps = shared->steps;
  t->refused = shared->refused;
  t->points = shared->points;
  t->switches = shared->switches;
  for (k = 0; k < CRASH_SUBJECTS; k++)
    for (p = 0; p < CRASH_PHASES; p++)
      t->cell[k][p] = shared->cell[k][p];
}

int
crash_run_many (const struct crash_run *run, const struct crash_limits *limits,
                struct crash_tally *tally)
{
  struct child child[MOST_WORKERS] = { { 0 } };
  struct crash_limits l = *limits;
  uint64_t begun = seconds ();
  unsigned i;
  int r;

  shared_get ();
  shared->stop = false;
  shared->next = l.first;
  if (l.workers == 0)
    l.workers = (unsigned) BASE_MAX (sysconf (_SC_NPROCESSORS_ONLN), 1);
  l.workers = BASE_MIN (l.workers, MOST_WORKERS);
  for (i = 0; i < l.workers; i++) {
    fflush (NULL);
    child[i].pid = fork ();
    if (child[i].pid == 0) {
      me = i;
      r = work (run, &l, begun);
      fflush (NULL);
      _exit (r);
    }
    if (child[i].pid == -1) {
      perror ("fork");
      exit (EXIT_FAILURE);
    }
  }
  r = watch (run, child, l.workers, l.keep_going);
  gather (tally);
  if (r == 0 && l.states && !l.seconds && run->only_state == UINT64_MAX &&
      (tally->states < l.states || !cells_full (run->e, l.cell))) {
    printf ("FAILED: %s: too few states\n", run->e->name);
    r = CRASH_EXIT_FEW;
  }
  return r;
}

void
crash_tally_print (const struct crash_engine *e, const struct crash_tally *t)
{
  unsigned k, p;

  printf ("%-10s", "");
  for (p = 0; p < CRASH_PHASES; p++)
    printf (" %9s", crash_phase_names[p]);
  printf ("\n");
  for (k = 0; k < CRASH_SUBJECTS; k++) {
    if (!(e->kinds >> k & 1))
      continue;
    printf ("%-10s", crash_kind_names[k]);
    for (p = 0; p < CRASH_PHASES; p++)
      if (is_cell (e, k, p))
        printf (" %9" PRIu64, t->cell[k][p]);
      else
        printf (" %9s", "-");
    printf ("\n");
  }
  printf ("%" PRIu64 " states of %" PRIu64 " histories (%" PRIu64
          " with at least 4 threads, %" PRIu64 " switches at %" PRIu64
          " points)\n%" PRIu64 " crashes looked at, %" PRIu64 " images seen in "
          "other histories and not counted, %" PRIu64 " operations, %" PRIu64
          " refused as full\n%" PRIu64 " points not exhausted\n"
          "smallest cell %" PRIu64 "\n", t->states,
          t->histories, t->threaded, t->switches, t->points, t->tried,
          t->repeated, t->steps, t->refused, t->sampled,
          crash_tally_least (e, t));
}

uint64_t
crash_tally_least (const struct crash_engine *e, const struct crash_tally *t)
{
  uint64_t least = UINT64_MAX;
  unsigned k, p;

  for (k = 0; k < CRASH_SUBJECTS; k++)
    for (p = 0; p < CRASH_PHASES; p++)
      if (is_cell (e, k, p))
        least = BASE_MIN (least, t->cell[k][p]);
  return least;
}

/* One line for each cell that can be: kind, phase, states. */
static int
write_table (const struct crash_engine *e, const struct crash_tally *t,
             const char *file)
{
  FILE *fp = fopen (file, "w");
  unsigned k, p;

  if (fp == NULL)
    return -1;
  for (k = 0; k < CRASH_SUBJECTS; k++)
    for (p = 0; p < CRASH_PHASES; p++)
      if (is_cell (e, k, p))
        fprintf (fp, "%s\t%s\t%" PRIu64 "\n", crash_kind_names[k],
                 crash_phase_names[p], t->cell[k][p]);
  return fclose (fp);
}

/* ---- the program ------------------------------------------------------- */

static uint64_t
number (const char *text)
{
  char *end;
  uint64_t n = strtoull (text, &end, 0);

  if (*text == '\0' || *end != '\0') {
    fprintf (stderr, "%s: `%s' is not a number\n", program_name, text);
    exit (CRASH_EXIT_USAGE);
  }
  return n;
}

int
crash_main (int argc, char **argv, const struct crash_engine *e,
            const char *program)
{
  static const struct option options[] = {
    { "seed", 1, NULL, 's' }, { "history", 1, NULL, 'h' },
    { "state", 1, NULL, 'S' }, { "exhaustive", 1, NULL, 'x' },
    { "histories", 1, NULL, 'n' }, { "states", 1, NULL, 'N' },
    { "cell", 1, NULL, 'c' }, { "seconds", 1, NULL, 't' },
    { "workers", 1, NULL, 'w' }, { "after", 1, NULL, 'a' },
    { "share", 1, NULL, 'z' }, { "table", 1, NULL, 'T' },
    { "verbose", 0, NULL, 'v' }, { "keep-going", 0, NULL, 'k' },
    { "drop-flush", 0, NULL, 'd' }, { NULL, 0, NULL, 0 },
  };
  struct crash_run run = {
    .e = e, .most = 200, .after = 100, .share = CRASH_SHARE,
    .only_state = UINT64_MAX,
  };
  struct crash_limits l = { 0 };
  struct crash_tally tally;
  const char *table = NULL;
  bool have_seed = false;
  uint64_t begun = seconds ();
  int c, r;

  setvbuf (stdout, NULL, _IOLBF, 0);
  program_name = program;
  for (c = getopt_long (argc, argv, "", options, NULL); c != -1;
       c = getopt_long (argc, argv, "", options, NULL))
    switch (c) {
    case 's': run.seed = number (optarg); have_seed = true; break;
    case 'h': l.first = number (optarg); l.histories = l.workers = 1; break;
    case 'S': run.only_state = number (optarg); break;
    case 'x': run.exhaustive = (unsigned) number (optarg); break;
    case 'n': l.histories = number (optarg); break;
    case 'N': l.states = number (optarg); break;
    case 'c': l.cell = number (optarg); break;
    case 't': l.seconds = number (optarg); break;
    case 'w': l.workers = (unsigned) number (optarg); break;
    case 'a': run.after = (unsigned) number (optarg); break;
    case 'z': run.share = (unsigned) number (optarg); break;
    case 'T': table = optarg; break;
    case 'v': run.verbose = true; break;
    case 'd': run.drop_flush = true; break;
    case 'k': l.keep_going = true; break;
    default: return CRASH_EXIT_USAGE;
    }
  if (optind != argc || (run.only_state != UINT64_MAX && l.histories != 1)) {
    fprintf (stderr, "%s: see tests/lib/crash-run.h\n", program);
    return CRASH_EXIT_USAGE;
  }
  if (!have_seed)
    run.seed = test_seed ();
  if (l.histories == 0 && l.states == 0 && l.seconds == 0)
    l.seconds = 10;
  r = crash_run_many (&run, &l, &tally);
  crash_tally_print (e, &tally);
  if (table && write_table (e, &tally, table) < 0) {
    perror (table);
    r = r ? r : CRASH_EXIT_USAGE;
  }
  printf ("seed %" PRIu64 ", %" PRIu64 " seconds\n", run.seed,
          seconds () - begun);
  return r == SIM_EXIT_DEADLOCK ? CRASH_EXIT_HANGS : r;
}
