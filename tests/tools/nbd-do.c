/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nbd-do URI COMMAND...: one NBD connection, a few requests, exact results.
 * exec:COMMAND instead of URI runs a server that speaks on its stdin.
 *
 * What qemu-io, nbdinfo and nbdcopy cannot do for the shell tests: single
 * requests up to the limits of the protocol, flags, the error of each.  The
 * commands run in order on one connection; the first that does not do what
 * was said ends the program with exit code 1.
 *
 *   write:OFF:LEN:DATA[:fua]      one request up to 64M, else 32M each
 *   read:OFF:LEN:DATA             ... and compare
 *   scatter:COUNT:STRIDE:DATA     write 4K at 0, STRIDE, 2 STRIDE, ...
 *   gather:COUNT:STRIDE:DATA      ... and compare
 *   zero:OFF:LEN[:fua|fast|nohole]...    trim:OFF:LEN[:fua]
 *   cache:OFF:LEN   flush         status:OFF:LEN[:one]  (prints extents)
 *   size   blocks   flags   name  (print)
 *   hold    print "holding" and wait for the end of standard input
 *   ERRNO!COMMAND                 it must fail so: ENOSPC!write:0:1M:1
 *   ms=N!COMMAND                  it must take at most N milliseconds
 *
 * OFF and LEN take nbdkit's suffixes.  DATA is a byte, or @SEED for words
 * that differ at every offset.  Requests outside the export are sent too.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libnbd.h>

#include "base.h"

#define CHUNK (UINT64_C (32) << 20)
#define ONE_REQUEST (UINT64_C (64) << 20)
#define MAX_WORDS 8

/* One command, split at its colons. */
struct command {
  const char *text;
  char *word[MAX_WORDS];
  size_t words;
  int expect;                   /* errno that must come; 0 = success */
  int64_t limit_ms;             /* -1 = none */
};

static const struct { const char *name; int value; } errors[] = {
  { "EPERM", EPERM }, { "EIO", EIO }, { "ENOMEM", ENOMEM },
  { "EINVAL", EINVAL }, { "ENOSPC", ENOSPC }, { "ENOTSUP", ENOTSUP },
  { "ESHUTDOWN", ESHUTDOWN }, { "EOVERFLOW", EOVERFLOW },
};

static void __attribute__ ((__format__ (printf, 2, 3), __noreturn__))
fail (const struct command *c, const char *fs, ...)
{
  va_list args;

  fflush (stdout);
  fprintf (stderr, "nbd-do: %s: ", c ? c->text : "connect");
  va_start (args, fs);
  vfprintf (stderr, fs, args);
  va_end (args);
  fprintf (stderr, "\n");
  exit (EXIT_FAILURE);
}

static uint64_t
number (const struct command *c, size_t i)
{
  uint64_t n;

  if (i >= c->words)
    fail (c, "word %zu is missing", i);
  if (base_parse_size ("word", c->word[i], &n) < 0)
    fail (c, "%s", base_error_text ());
  return n;
}

static bool
has_word (const struct command *c, size_t from, const char *word)
{
  size_t i;

  for (i = from; i < c->words; ++i)
    if (strcmp (c->word[i], word) == 0)
      return true;
  return false;
}

/* The byte at OFFSET that the word DATA stands for. */
static void
make_data (const struct command *c, const char *data, uint8_t *buf,
           uint64_t len, uint64_t offset)
{
  uint64_t seed, i, x;
  char *end;

  seed = strtoull (data + (*data == '@'), &end, 0);
  if (*data == '\0' || *end != '\0')
    fail (c, "'%s' is no byte and no @SEED", data);
  if (*data != '@') {
    memset (buf, (int) seed, len);
    return;
  }
  for (i = 0; i < len; ++i) {
    x = (seed + 1) * UINT64_C (0x9e3779b97f4a7c15) + (offset + i) / 8;
    x = (x ^ (x >> 31)) * UINT64_C (0xbf58476d1ce4e5b9);
    x ^= x >> 29;
    buf[i] = (uint8_t) (x >> (8 * ((offset + i) % 8)));
  }
}

static int
do_write (struct nbd_handle *nbd, const struct command *c)
{
  uint64_t off = number (c, 1), len = number (c, 2), n;
  uint32_t flags = has_word (c, 4, "fua") ? LIBNBD_CMD_FLAG_FUA : 0;
  CLEANUP_FREE uint8_t *buf = base_malloc (BASE_MIN (len, ONE_REQUEST) + 1);

  if (c->words < 4 || buf == NULL)
    fail (c, "no data or no memory");
  for (; len > 0; off += n, len -= n) {
    n = len <= ONE_REQUEST ? len : CHUNK;
    make_data (c, c->word[3], buf, n, off);
    if (nbd_pwrite (nbd, buf, n, off, flags) == -1)
      return -1;
  }
  return 0;
}

static int
do_read (struct nbd_handle *nbd, const struct command *c)
{
  uint64_t off = number (c, 1), len = number (c, 2), n, i;
  CLEANUP_FREE uint8_t *buf = base_malloc (CHUNK);
  CLEANUP_FREE uint8_t *want = base_malloc (CHUNK);

  if (c->words < 4 || buf == NULL || want == NULL)
    fail (c, "no data or no memory");
  for (; len > 0; off += n, len -= n) {
    n = BASE_MIN (len, CHUNK);
    if (nbd_pread (nbd, buf, n, off, 0) == -1)
      return -1;
    make_data (c, c->word[3], want, n, off);
    for (i = 0; memcmp (buf, want, n) != 0 && i < n; ++i)
      if (buf[i] != want[i])
        fail (c, "byte at %" PRIu64 " is 0x%02x, not 0x%02x", off + i,
             buf[i], want[i]);
  }
  return 0;
}

/* COUNT blocks of 4 KiB, STRIDE bytes from one to the next. */
static int
do_scatter (struct nbd_handle *nbd, const struct command *c)
{
  uint64_t count = number (c, 1), stride = number (c, 2), i;
  bool reading = *c->word[0] == 'g';
  uint8_t buf[4096], want[4096];
  int r;

  if (c->words < 4)
    fail (c, "no data");
  for (i = 0; i < count; ++i) {
    make_data (c, c->word[3], want, sizeof want, i * stride);
    if (reading)
      r = nbd_pread (nbd, buf, sizeof buf, i * stride, 0);
    else
      r = nbd_pwrite (nbd, want, sizeof want, i * stride, 0);
    if (r == -1)
      return -1;
    if (reading && memcmp (buf, want, sizeof buf) != 0)
      fail (c, "the block at %" PRIu64 " differs", i * stride);
  }
  return 0;
}

static int
do_zero (struct nbd_handle *nbd, const struct command *c)
{
  uint32_t flags = 0;

  if (has_word (c, 3, "fua"))
    flags |= LIBNBD_CMD_FLAG_FUA;
  if (has_word (c, 3, "fast"))
    flags |= LIBNBD_CMD_FLAG_FAST_ZERO;
  if (has_word (c, 3, "nohole"))
    flags |= LIBNBD_CMD_FLAG_NO_HOLE;
  return nbd_zero (nbd, number (c, 2), number (c, 1), flags);
}

static int
do_trim (struct nbd_handle *nbd, const struct command *c)
{
  return nbd_trim (nbd, number (c, 2), number (c, 1),
                   has_word (c, 3, "fua") ? LIBNBD_CMD_FLAG_FUA : 0);
}

static int
do_cache (struct nbd_handle *nbd, const struct command *c)
{
  return nbd_cache (nbd, number (c, 2), number (c, 1), 0);
}

static int
do_flush (struct nbd_handle *nbd, const struct command *c)
{
  (void) c;
  return nbd_flush (nbd, 0);
}

static int
print_extents (void *opaque, const char *context, uint64_t offset,
               uint32_t *entries, size_t n, int *error)
{
  size_t i;

  (void) opaque;
  (void) context;
  (void) error;
  for (i = 0; i + 1 < n; i += 2) {
    printf ("%" PRIu64 " %" PRIu32 " %" PRIu32 "\n", offset, entries[i],
            entries[i + 1]);
    offset += entries[i];
  }
  return 0;
}

static int
do_status (struct nbd_handle *nbd, const struct command *c)
{
  nbd_extent_callback cb = { .callback = print_extents };

  return nbd_block_status (nbd, number (c, 2), number (c, 1), cb,
                           has_word (c, 3, "one")
                           ? LIBNBD_CMD_FLAG_REQ_ONE : 0);
}

static int
do_size (struct nbd_handle *nbd, const struct command *c)
{
  (void) c;
  printf ("%" PRIi64 "\n", nbd_get_size (nbd));
  return 0;
}

static int
do_blocks (struct nbd_handle *nbd, const struct command *c)
{
  (void) c;
  printf ("%" PRIi64 " %" PRIi64 " %" PRIi64 "\n",
          nbd_get_block_size (nbd, LIBNBD_SIZE_MINIMUM),
          nbd_get_block_size (nbd, LIBNBD_SIZE_PREFERRED),
          nbd_get_block_size (nbd, LIBNBD_SIZE_MAXIMUM));
  return 0;
}

static int
do_flags (struct nbd_handle *nbd, const struct command *c)
{
  (void) c;
  printf ("readonly=%d flush=%d fua=%d trim=%d zero=%d fast_zero=%d "
          "cache=%d multi_conn=%d rotational=%d\n",
          nbd_is_read_only (nbd), nbd_can_flush (nbd), nbd_can_fua (nbd),
          nbd_can_trim (nbd), nbd_can_zero (nbd), nbd_can_fast_zero (nbd),
          nbd_can_cache (nbd), nbd_can_multi_conn (nbd),
          nbd_is_rotational (nbd));
  return 0;
}

static int
do_name (struct nbd_handle *nbd, const struct command *c)
{
  CLEANUP_FREE char *name = nbd_get_canonical_export_name (nbd);

  (void) c;
  printf ("%s\n", name ? name : "");
  return 0;
}

static int
do_hold (struct nbd_handle *nbd, const struct command *c)
{
  char byte;

  (void) nbd;
  (void) c;
  printf ("holding\n");
  fflush (stdout);
  while (read (STDIN_FILENO, &byte, 1) > 0)
    ;
  return 0;
}

static const struct {
  const char *name;
  int (*run) (struct nbd_handle *nbd, const struct command *c);
} verbs[] = {
  { "write", do_write }, { "read", do_read }, { "zero", do_zero },
  { "scatter", do_scatter }, { "gather", do_scatter },
  { "trim", do_trim }, { "cache", do_cache }, { "flush", do_flush },
  { "status", do_status }, { "size", do_size }, { "blocks", do_blocks },
  { "flags", do_flags }, { "name", do_name }, { "hold", do_hold },
};

/* Split TEXT, which is changed. */
static void
parse (struct command *c, char *text)
{
  char *bang;
  size_t i;

  c->words = 0;
  c->expect = 0;
  c->limit_ms = -1;
  for (bang = strchr (text, '!'); bang; bang = strchr (text, '!')) {
    *bang = '\0';
    if (strncmp (text, "ms=", 3) == 0)
      c->limit_ms = atoll (text + 3);
    else {
      for (i = 0; i < BASE_ARRAY_SIZE (errors); ++i)
        if (strcmp (text, errors[i].name) == 0)
          c->expect = errors[i].value;
      if (c->expect == 0)
        fail (c, "'%s' is no error the protocol has", text);
    }
    text = bang + 1;
  }
  while (text && c->words < MAX_WORDS)
    c->word[c->words++] = strsep (&text, ":");
}

static void
run (struct nbd_handle *nbd, const char *arg)
{
  CLEANUP_FREE char *text = base_strdup (arg);
  struct command c = { .text = arg };
  uint64_t start, ms;
  size_t i;
  int r;

  if (text == NULL)
    fail (&c, "no memory");
  parse (&c, text);
  for (i = 0; i < BASE_ARRAY_SIZE (verbs); ++i)
    if (strcmp (c.word[0], verbs[i].name) == 0)
      break;
  if (i == BASE_ARRAY_SIZE (verbs))
    fail (&c, "no such command");

  start = base_monotonic_ns ();
  r = verbs[i].run (nbd, &c);
  ms = (base_monotonic_ns () - start) / 1000000;
  if (r == -1 && c.expect == 0)
    fail (&c, "%s", nbd_get_error ());
  if (r == 0 && c.expect != 0)
    fail (&c, "did not fail");
  if (r == -1 && nbd_get_errno () != c.expect)
    fail (&c, "another error: %s", nbd_get_error ());
  if (c.limit_ms >= 0 && ms > (uint64_t) c.limit_ms)
    fail (&c, "took %" PRIu64 " ms", ms);
}

static int
connect_to (struct nbd_handle *nbd, char *uri)
{
  char *shell[] = { "sh", "-c", uri + 5, NULL };

  if (strncmp (uri, "exec:", 5) == 0)
    return nbd_connect_command (nbd, shell);
  return nbd_connect_uri (nbd, uri);
}

int
main (int argc, char **argv)
{
  struct nbd_handle *nbd;
  int i;

  if (argc < 2) {
    fprintf (stderr, "usage: nbd-do URI COMMAND...\n");
    return EXIT_FAILURE;
  }
  nbd = nbd_create ();
  if (nbd == NULL || nbd_set_strict_mode (nbd, 0) == -1 ||
      nbd_set_full_info (nbd, true) == -1 ||
      nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1 ||
      connect_to (nbd, argv[1]) == -1)
    fail (NULL, "%s", nbd_get_error ());
  for (i = 2; i < argc; ++i)
    run (nbd, argv[i]);
  nbd_shutdown (nbd, 0);
  nbd_close (nbd);
  return EXIT_SUCCESS;
}
