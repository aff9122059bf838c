/* SPDX-License-Identifier: BSD-3-Clause
 *
 * stamps URI SNAPSHOT-URI [--writers=N] [--snapshots=N] [--seconds=N]
 *        [--seed=N] --snapshot=COMMAND
 *
 * Shows what a snapshot of a busy volume holds.  Writers with a connection
 * each stamp random ranges of the same few blocks of URI, down to one
 * sector, while COMMAND (a printf format for the snapshot's number, run by
 * the shell) makes snapshots.  At the end each snapshot is read through
 * SNAPSHOT-URI (a format too), the volume itself last, and all are held
 * against the rules of history.h.
 *
 * The last line is "N writes, N snapshots, N violations"; exit code 1 if
 * there are any.
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include <libnbd.h>

#include "history.h"
#include "tool.h"

#define SECTORS 1024            /* 512 KiB: 128 blocks of 4 KiB */
#define MAX_SECTORS 96          /* of one write */
#define MAX_SNAPSHOTS 1000
#define MAX_WRITERS 64

struct run {
  struct history h;
  const char *uri;
  _Atomic bool stop;
  uint64_t seed;
};

struct writer {
  struct run *run;
  unsigned number;
  struct base_thread thread;
};

static struct nbd_handle *
connect_to (const char *uri)
{
  struct nbd_handle *nbd = nbd_create ();

  if (nbd == NULL || nbd_connect_uri (nbd, uri) == -1)
    die ("%s: %s", uri, nbd_get_error ());
  return nbd;
}

static void *
write_stamps (void *arg)
{
  struct writer *w = arg;
  struct run *run = w->run;
  struct nbd_handle *nbd = connect_to (run->uri);
  uint8_t buf[MAX_SECTORS * HISTORY_SECTOR];
  uint64_t stamp, first, count;
  struct base_rng rng;

  base_rng_seed (&rng, run->seed * MAX_WRITERS + w->number);
  while (!run->stop) {
    count = 1 + base_rng_below (&rng, base_rng_below (&rng, 4) == 0
                                ? MAX_SECTORS : 16);
    first = base_rng_below (&rng, SECTORS - count + 1);
    stamp = history_issue (&run->h, first, count, false, false);
    history_fill (buf, stamp, first, count);
    if (nbd_pwrite (nbd, buf, count * HISTORY_SECTOR,
                    first * HISTORY_SECTOR, 0) == -1)
      die ("write: %s", nbd_get_error ());
    history_answer (&run->h, stamp);
    if (base_rng_below (&rng, 64) == 0 && nbd_flush (nbd, 0) == -1)
      die ("flush: %s", nbd_get_error ());
  }
  nbd_shutdown (nbd, 0);
  nbd_close (nbd);
  return NULL;
}

/* Read all sectors of URI into IMAGE.  Returns how many are not whole. */
static unsigned
read_image (const char *uri, struct history_image *image)
{
  struct nbd_handle *nbd = connect_to (uri);
  uint8_t *buf = base_malloc (SECTORS * HISTORY_SECTOR);
  unsigned bad = 0;
  uint64_t s;

  if (buf == NULL ||
      nbd_pread (nbd, buf, SECTORS * HISTORY_SECTOR, 0, 0) == -1)
    die ("%s: read: %s", uri, nbd_get_error ());
  for (s = 0; s < SECTORS; ++s)
    if (!history_read (buf + s * HISTORY_SECTOR, s, &image->stamp[s])) {
      printf ("%s: sector %" PRIu64 " is torn\n", image->name, s);
      bad++;
    }
  free (buf);
  nbd_shutdown (nbd, 0);
  nbd_close (nbd);
  return bad;
}

static void
take_snapshot (struct run *run, const char *format, unsigned number,
               struct history_image *image)
{
  char *command = expand (format, number);

  snprintf (image->name, sizeof image->name, "snapshot %u", number);
  image->stamp = base_calloc (SECTORS, sizeof *image->stamp);
  if (image->stamp == NULL)
    die ("no memory");
  image->asked = history_tick (&run->h);
  if (system (command) != 0)
    die ("%s: failed", command);
  image->complete = history_tick (&run->h);
  free (command);
}

int
main (int argc, char **argv)
{
  static const struct option options[] = {
    { "writers", 1, NULL, 'w' }, { "snapshots", 1, NULL, 'n' },
    { "seconds", 1, NULL, 't' }, { "seed", 1, NULL, 's' },
    { "snapshot", 1, NULL, 'c' }, { NULL, 0, NULL, 0 },
  };
  static struct writer writers[MAX_WRITERS];
  static struct history_image images[MAX_SNAPSHOTS + 1];
  static struct run run;
  unsigned nwriters = 4, nsnapshots = 10, seconds = 2, bad = 0, i;
  const char *command = NULL;
  char *uri;
  int c;

  for (;;) {
    c = getopt_long (argc, argv, "", options, NULL);
    if (c == -1)
      break;
    switch (c) {
    case 'w': nwriters = number_option (optarg); break;
    case 'n': nsnapshots = number_option (optarg); break;
    case 't': seconds = number_option (optarg); break;
    case 's': run.seed = number_option (optarg); break;
    case 'c': command = optarg; break;
    default: die ("usage: see tests/tools/stamps.c");
    }
  }
  if (argc - optind != 2 || command == NULL || nwriters > MAX_WRITERS ||
      nsnapshots > MAX_SNAPSHOTS)
    die ("usage: see tests/tools/stamps.c");
  run.uri = argv[optind];
  history_init (&run.h, SECTORS);

  for (i = 0; i < nwriters; ++i) {
    writers[i].run = &run;
    writers[i].number = i;
    if (base_thread_create (&writers[i].thread, write_stamps,
                            &writers[i]) < 0)
      die ("thread: %s", base_error_text ());
  }
  for (i = 0; i < nsnapshots; ++i) {
    pass_time (seconds * 1000 / nsnapshots);
    take_snapshot (&run, command, i, &images[i]);
  }
  run.stop = true;
  for (i = 0; i < nwriters; ++i)
    base_thread_join (&writers[i].thread);

  for (i = 0; i < nsnapshots; ++i) {
    uri = expand (argv[optind + 1], i);
    bad += read_image (uri, &images[i]);
    bad += history_check (&run.h, &images[i], false);
    free (uri);
  }
  strcpy (images[i].name, "the volume");
  images[i].stamp = base_calloc (SECTORS, sizeof *images[i].stamp);
  if (images[i].stamp == NULL)
    die ("no memory");
  images[i].asked = history_tick (&run.h);
  bad += read_image (run.uri, &images[i]);
  images[i].complete = history_tick (&run.h);
  bad += history_check (&run.h, &images[i], false);
  bad += history_check_order (&run.h, images, nsnapshots + 1);

  printf ("%zu writes, %u snapshots, %u violations\n", run.h.ops.len,
          nsnapshots, bad);
  return bad > 0;
}
