/* SPDX-License-Identifier: BSD-3-Clause
 *
 * random-writes URI --length=BYTES --total=BYTES [--writers=N]
 *               [--flush-every=N] [--seed=N]
 *
 * Overwrites random blocks of the first LENGTH bytes, in requests of 4 KiB to
 * 256 KiB, over several connections at once, with a flush after every N
 * writes of a connection, until TOTAL bytes are written.  Each must succeed:
 * the first error ends the program with exit code 1.
 *
 * The last line is "N writes, N bytes, N flushes".
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <libnbd.h>

#include "tool.h"

#define BLOCK 4096
#define MAX_BLOCKS 64           /* of one write */
#define MAX_WRITERS 64

static struct {
  const char *uri;
  uint64_t blocks, total, seed, flush_every;
  _Atomic uint64_t bytes, writes, flushes;
} run = { .flush_every = 8 };

static void *
write_blocks (void *arg)
{
  unsigned number = *(unsigned *) arg;
  struct nbd_handle *nbd = nbd_create ();
  static __thread uint8_t buf[MAX_BLOCKS * BLOCK];
  uint64_t first, count, n = 0;
  struct base_rng rng;

  if (nbd == NULL || nbd_connect_uri (nbd, run.uri) == -1)
    die ("%s", nbd_get_error ());
  base_rng_seed (&rng, run.seed * MAX_WRITERS + number);
  while (atomic_load (&run.bytes) < run.total) {
    count = 1;
    if (base_rng_below (&rng, 4) == 0)
      count += base_rng_below (&rng, BASE_MIN (MAX_BLOCKS, run.blocks));
    first = base_rng_below (&rng, run.blocks - count + 1);
    memset (buf, 1 + (int) base_rng_below (&rng, 255), count * BLOCK);
    if (nbd_pwrite (nbd, buf, count * BLOCK, first * BLOCK, 0) == -1)
      die ("%" PRIu64 " bytes at %" PRIu64 " after %" PRIu64 " writes: %s",
           count * BLOCK, first * BLOCK, run.writes, nbd_get_error ());
    run.writes++;
    run.bytes += count * BLOCK;
    if (++n % run.flush_every == 0) {
      if (nbd_flush (nbd, 0) == -1)
        die ("flush: %s", nbd_get_error ());
      run.flushes++;
    }
  }
  nbd_shutdown (nbd, 0);
  nbd_close (nbd);
  return NULL;
}

int
main (int argc, char **argv)
{
  static const struct option options[] = {
    { "length", 1, NULL, 'l' }, { "total", 1, NULL, 't' },
    { "writers", 1, NULL, 'w' }, { "flush-every", 1, NULL, 'f' },
    { "seed", 1, NULL, 's' }, { NULL, 0, NULL, 0 },
  };
  struct base_thread threads[MAX_WRITERS];
  unsigned numbers[MAX_WRITERS], nwriters = 4, i;
  int c;

  for (;;) {
    c = getopt_long (argc, argv, "", options, NULL);
    if (c == -1)
      break;
    switch (c) {
    case 'l': run.blocks = number_option (optarg) / BLOCK; break;
    case 't': run.total = number_option (optarg); break;
    case 'w': nwriters = number_option (optarg); break;
    case 'f': run.flush_every = number_option (optarg); break;
    case 's': run.seed = number_option (optarg); break;
    default: die ("usage: see tests/tools/random-writes.c");
    }
  }
  if (argc - optind != 1 || run.blocks == 0 || nwriters > MAX_WRITERS ||
      run.flush_every == 0)
    die ("usage: see tests/tools/random-writes.c");
  run.uri = argv[optind];
  for (i = 0; i < nwriters; ++i) {
    numbers[i] = i;
    if (base_thread_create (&threads[i], write_blocks, &numbers[i]) < 0)
      die ("%s", base_error_text ());
  }
  for (i = 0; i < nwriters; ++i)
    base_thread_join (&threads[i]);
  printf ("%" PRIu64 " writes, %" PRIu64 " bytes, %" PRIu64 " flushes\n",
          run.writes, run.bytes, run.flushes);
  return EXIT_SUCCESS;
}
