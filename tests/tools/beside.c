/* SPDX-License-Identifier: BSD-3-Clause
 *
 * beside URI AT COMMAND:OFFSET:COUNT...
 *
 * Sends each COMMAND (trim, zero, status, cache) as one request, and until it
 * is answered writes blocks of 4 KiB at AT and behind it, on another
 * connection, one after the other.  For each it prints
 *
 *   COMMAND: N ms, N writes beside it, the slowest took N ms
 *
 * Any error ends the program with exit code 1.
 */

#include <config.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <libnbd.h>

#include "tool.h"

#define BLOCK 4096
#define BLOCKS 1024

struct request {
  struct nbd_handle *nbd;
  char *text;
  _Atomic bool answered;
};

static struct nbd_handle *
connect_to (const char *uri)
{
  struct nbd_handle *nbd = nbd_create ();

  if (nbd == NULL || nbd_set_strict_mode (nbd, 0) == -1 ||
      nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1 ||
      nbd_connect_uri (nbd, uri) == -1)
    die ("%s", nbd_get_error ());
  return nbd;
}

static int
ignore_extents (void *opaque BASE_UNUSED, const char *context BASE_UNUSED,
                uint64_t offset BASE_UNUSED, uint32_t *entries BASE_UNUSED,
                size_t nentries BASE_UNUSED, int *error BASE_UNUSED)
{
  return 0;
}

static int
carry_out (struct nbd_handle *nbd, const char *what, uint64_t offset,
           uint64_t count)
{
  nbd_extent_callback extents = { .callback = ignore_extents };

  if (strcmp (what, "trim") == 0)
    return nbd_trim (nbd, count, offset, 0);
  if (strcmp (what, "zero") == 0)
    return nbd_zero (nbd, count, offset, 0);
  if (strcmp (what, "cache") == 0)
    return nbd_cache (nbd, count, offset, 0);
  if (strcmp (what, "status") == 0)
    return nbd_block_status (nbd, count, offset, extents, 0);
  die ("usage: see tests/tools/beside.c");
}

static void *
send_request (void *arg)
{
  struct request *q = arg;
  char *copy = base_strdup (q->text), *rest = copy;
  const char *what = strsep (&rest, ":");
  const char *offset = strsep (&rest, ":");

  if (offset == NULL || rest == NULL)
    die ("usage: see tests/tools/beside.c");
  if (carry_out (q->nbd, what, number_option (offset),
                 number_option (rest)) == -1)
    die ("%s: %s", q->text, nbd_get_error ());
  q->answered = true;
  free (copy);
  return NULL;
}

static void
run_beside (struct nbd_handle *writer, uint64_t at, struct request *q)
{
  uint64_t start = base_monotonic_ns (), before, ms, slowest = 0, n = 0;
  struct base_thread thread;
  uint8_t buf[BLOCK];

  q->answered = false;
  if (base_thread_create (&thread, send_request, q) < 0)
    die ("%s", base_error_text ());
  while (!q->answered) {
    memset (buf, 1 + n % 255, sizeof buf);
    before = base_monotonic_ns ();
    if (nbd_pwrite (writer, buf, sizeof buf, at + n % BLOCKS * BLOCK, 0) == -1)
      die ("write beside %s: %s", q->text, nbd_get_error ());
    ms = (base_monotonic_ns () - before) / 1000000;
    slowest = BASE_MAX (slowest, ms);
    n++;
  }
  base_thread_join (&thread);
  printf ("%s: %" PRIu64 " ms, %" PRIu64 " writes beside it, the slowest took "
          "%" PRIu64 " ms\n", q->text,
          (base_monotonic_ns () - start) / 1000000, n, slowest);
}

int
main (int argc, char **argv)
{
  struct nbd_handle *writer;
  struct request q;
  uint64_t at;
  int i;

  if (argc < 4)
    die ("usage: see tests/tools/beside.c");
  writer = connect_to (argv[1]);
  q.nbd = connect_to (argv[1]);
  at = number_option (argv[2]);
  for (i = 3; i < argc; ++i) {
    q.text = argv[i];
    run_beside (writer, at, &q);
  }
  nbd_shutdown (q.nbd, 0);
  nbd_shutdown (writer, 0);
  nbd_close (q.nbd);
  nbd_close (writer);
  return EXIT_SUCCESS;
}
