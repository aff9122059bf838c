/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the recorder's log come exactly the disks that a crash may leave: all
 * subsets of pending sectors, all orders that are allowed, and never less
 * than what a flush has covered.
 *
 * Each history below is small enough to list the states by hand.  A state is
 * shown as one letter per sector: what was written last, '.' for zero.
 */

#include <config.h>

#include "devices.h"
#include "devices-test.h"
#include "test.h"

#define SECTORS 4
#define SIZE (SECTORS * 512)

static struct vdev *mem, *faulty, *rec;

static void
put (unsigned sector, unsigned n, char letter)
{
  uint8_t buf[SIZE];

  memset (buf, letter, n * 512);
  CHECK_EQ_INT (vdev_write (rec, buf, n * 512, sector * 512, 0), 0);
}

static void
fresh (void)
{
  CHECK_EQ_INT (devices_mem_open (SIZE, &mem), 0);
  CHECK_EQ_INT (faulty_open (mem, &faulty), 0);
  CHECK_EQ_INT (recorder_open (faulty, &rec), 0);
}

static void
draw (const struct recorder_image *image, char text[SECTORS + 2])
{
  const uint8_t *p = image->data;
  uint64_t i;

  for (i = 0; i < image->size / 512; ++i, p += 512) {
    CHECK (memcmp (p, p + 1, 511) == 0);        /* one letter */
    text[i] = *p ? (char) *p : '.';
  }
  text[i] = '\0';
}

static void
rebuild (uint64_t crash_at, const struct recorder_choice *choice,
         char text[SECTORS + 2])
{
  struct recorder_log log = recorder_log (rec);
  uint8_t data[SIZE + 512] = { 0 };
  struct recorder_image image = { data, SIZE, sizeof data };

  CHECK_EQ_INT (recorder_rebuild (&log, crash_at, choice, &image), 0);
  draw (&image, text);
}

/* ---- all states of a crash ------------------------------------------ */

/* A choice made by the bits of two numbers: bit (op, sector), and for each
 * operation one of four moments.  Flushes have none.
 */
struct bits {
  struct recorder_log log;
  unsigned land, moments;
};

/* The number of OP among those that are no flush. */
static unsigned
number_of (const struct bits *b, const struct recorder_op *op)
{
  const struct recorder_op *p;
  unsigned n = 0;

  for (p = b->log.ops; p < op; ++p)
    n += p->kind != RECORDER_FLUSH;
  return n;
}

static bool
bit_lands (void *opaque, const struct recorder_op *op, uint64_t sector)
{
  const struct bits *b = opaque;
  const unsigned i = number_of (b, op);

  CHECK (sector < SECTORS + 1);
  return b->land >> (i * SECTORS + sector % SECTORS) & 1;
}

static uint64_t
bit_moment (void *opaque, const struct recorder_op *op)
{
  const struct bits *b = opaque;
  const unsigned i = number_of (b, op);
  const unsigned m = b->moments >> (2 * i) & 3;

  /* At the issue, at the end, and two between. */
  return m == 3 ? UINT64_MAX : op->issued_at * RECORDER_FINE +
    m * (RECORDER_FINE * 3 / 2 - m * i);
}

/* The set of states, as a string, each followed by a blank, sorted. */
static void
states (uint64_t crash_at, char all[100])
{
  struct bits b = { .log = recorder_log (rec) };
  const struct recorder_choice choice = { bit_lands, bit_moment, &b };
  const unsigned n = number_of (&b, b.log.ops + b.log.n);
  char seen[10][SECTORS + 2], text[SECTORS + 2];
  size_t nseen = 0, i;

  CHECK (n <= 3);
  for (b.land = 0; b.land < 1U << (SECTORS * n); ++b.land) {
    for (b.moments = 0; b.moments < 1U << (2 * n); ++b.moments) {
      rebuild (crash_at, &choice, text);
      for (i = 0; i < nseen && strcmp (seen[i], text) != 0; ++i)
        ;
      if (i == nseen) {
        CHECK (nseen < BASE_ARRAY_SIZE (seen));
        strcpy (seen[nseen++], text);
      }
    }
  }
  qsort (seen, nseen, sizeof seen[0],
         (int (*) (const void *, const void *)) strcmp);
  all[0] = '\0';
  for (i = 0; i < nseen; ++i)
    strcat (strcat (all, seen[i]), " ");
}

static void
is_states (uint64_t crash_at, const char *expect)
{
  char all[100];

  states (crash_at, all);
  CHECK_EQ_STR (all, expect);
}

/* ---- histories ------------------------------------------------------ */

static void
one_write (void)
{
  fresh ();
  put (1, 2, 'a');                      /* issued 1, complete 2 */
  CHECK_EQ_INT (vdev_flush (rec), 0);   /* 3, 4 */
  is_states (0, ".... ");
  is_states (1, ".... ..a. .a.. .aa. ");
  is_states (2, ".... ..a. .a.. .aa. ");
  is_states (3, ".... ..a. .a.. .aa. ");
  is_states (4, ".aa. ");
  is_states (100, ".aa. ");
  vdev_unref (rec);
}

/* The second completed after the first: it lands on top, where it lands. */
static void
overwrite (void)
{
  fresh ();
  put (0, 1, 'a');
  put (0, 1, 'b');
  is_states (4, ".... a... b... ");
  CHECK_EQ_INT (vdev_flush (rec), 0);
  is_states (6, "b... ");
  vdev_unref (rec);
}

/* A flush covers what was complete when it was issued, and later writes may
 * land or not.
 */
static void
flush_between (void)
{
  fresh ();
  put (0, 1, 'a');                      /* 1, 2 */
  CHECK_EQ_INT (vdev_flush (rec), 0);   /* 3, 4 */
  put (0, 2, 'b');                      /* 5, 6 */
  is_states (4, "a... ");
  is_states (6, "a... ab.. b... bb.. ");
  vdev_unref (rec);
}

/* A flush that failed covers nothing. */
static void
failed_flush (void)
{
  const struct faulty_rule rule = {
    .op = FAULTY_FLUSH, .action = FAULTY_FAIL, .nth = 1,
  };
  struct recorder_log log;

  fresh ();
  CHECK_EQ_INT (faulty_add (faulty, &rule), 0);
  put (0, 1, 'a');
  CHECK_EQ_INT (vdev_flush (rec), -EIO);
  is_states (4, ".... a... ");
  log = recorder_log (rec);
  CHECK_EQ_INT (log.ops[1].error, -EIO);
  CHECK_EQ_INT (recorder_cover (&log, 100), 0);
  vdev_unref (rec);
}

/* A write that failed may be there in part for ever. */
static void
failed_write (void)
{
  const struct faulty_rule rule = {
    .op = FAULTY_WRITE, .action = FAULTY_TORN, .nth = 1, .sectors = 1,
  };
  uint8_t buf[1024];

  fresh ();
  CHECK_EQ_INT (faulty_add (faulty, &rule), 0);
  memset (buf, 'a', sizeof buf);
  CHECK_EQ_INT (vdev_write (rec, buf, sizeof buf, 0, 0), -EIO);
  put (1, 1, 'b');
  CHECK_EQ_INT (vdev_flush (rec), 0);
  is_states (100, ".a.. .b.. aa.. ab.. ");
  vdev_unref (rec);
}

static void
zeroes_and_trims (void)
{
  fresh ();
  put (0, 4, 'a');
  CHECK_EQ_INT (vdev_flush (rec), 0);
  CHECK_EQ_INT (vdev_zero (rec, 512, 0, 0), 0);
  CHECK_EQ_INT (vdev_trim (rec, 512, 1536, 0), 0);
  is_states (4, "aaaa ");
  is_states (100, ".aa. .aaa aaa. aaaa ");
  vdev_unref (rec);
}

/* ---- operations in flight together ---------------------------------- */

static void
write_b (void *opaque BASE_UNUSED)
{
  put (0, 1, 'b');
}

static void
flush_inside (void *opaque BASE_UNUSED)
{
  CHECK_EQ_INT (vdev_flush (rec), 0);
}

/* A is issued (1), B is issued and completes (2, 3), A completes (4): both
 * orders are possible, also after a flush.
 */
static void
overlapping (void)
{
  const struct faulty_rule rule = {
    .op = FAULTY_WRITE, .action = FAULTY_HOOK, .nth = 1, .hook = write_b,
  };

  fresh ();
  CHECK_EQ_INT (faulty_add (faulty, &rule), 0);
  put (0, 1, 'a');
  is_states (1, ".... a... ");
  is_states (3, ".... a... b... ");
  is_states (4, ".... a... b... ");
  CHECK_EQ_INT (vdev_flush (rec), 0);
  is_states (6, "a... b... ");
  vdev_unref (rec);
}

/* A flush that was issued before A completed does not cover A. */
static void
flush_too_early (void)
{
  const struct faulty_rule rule = {
    .op = FAULTY_WRITE, .action = FAULTY_HOOK, .nth = 1, .hook = flush_inside,
  };

  fresh ();
  CHECK_EQ_INT (faulty_add (faulty, &rule), 0);
  put (0, 1, 'a');                      /* 1, flush 2 3, 4 */
  is_states (4, ".... a... ");
  CHECK_EQ_INT (vdev_flush (rec), 0);
  is_states (6, "a... ");
  vdev_unref (rec);
}

static void
resizing (void)
{
  fresh ();
  CHECK_EQ_INT (vdev_resize (rec, SIZE + 512), 0);      /* 1, 2 */
  put (4, 1, 'a');                                      /* 3, 4 */
  is_states (2, ".... ..... ");
  is_states (4, ".... ..... ....a ");
  CHECK_EQ_INT (vdev_flush (rec), 0);
  is_states (6, "....a ");
  CHECK_EQ_INT (vdev_resize (rec, 512), 0);
  is_states (8, ". ....a ");
  vdev_unref (rec);
}

/* ---- the log -------------------------------------------------------- */

static void
the_log (void)
{
  struct recorder_log log;
  uint8_t buf[512] = "hello";
  unsigned i;

  fresh ();
  CHECK_EQ_INT (vdev_write (rec, buf, 512, 512, VDEV_FUA), 0);
  memset (buf, 0, sizeof buf);
  CHECK_EQ_INT (recorder_mark (rec, 42), 5);
  CHECK_EQ_INT (vdev_zero (rec, 100, 200, VDEV_MAY_TRIM), 0);
  CHECK_EQ_INT (vdev_read (rec, buf, 100, 0), 0);
  log = recorder_log (rec);
  CHECK_EQ_INT (log.n, 4);
  CHECK_EQ_INT (log.now, 7);
  CHECK (log.ops[0].kind == RECORDER_WRITE && log.ops[0].off == 512 &&
         log.ops[0].len == 512 && log.ops[0].issued_at == 1 &&
         log.ops[0].completed_at == 2 && log.ops[0].error == 0);
  CHECK_EQ_STR ((const char *) log.ops[0].data, "hello");
  CHECK (log.ops[1].kind == RECORDER_FLUSH && log.ops[1].completed_at == 4);
  CHECK (log.ops[2].kind == RECORDER_MARK && log.ops[2].off == 42 &&
         log.ops[2].issued_at == 5);
  CHECK (log.ops[3].kind == RECORDER_ZERO && log.ops[3].off == 200 &&
         log.ops[3].flags == VDEV_MAY_TRIM && log.ops[3].data == NULL);
  CHECK_EQ_INT (recorder_cover (&log, 3), 0);
  CHECK_EQ_INT (recorder_cover (&log, 4), 3);
  CHECK_EQ_INT (recorder_state (&log.ops[0], 4, 3), RECORDER_DURABLE);
  CHECK_EQ_INT (recorder_state (&log.ops[0], 3, 0), RECORDER_PENDING);
  CHECK_EQ_INT (recorder_state (&log.ops[3], 5, 3), RECORDER_FUTURE);

  recorder_reset (rec);
  log = recorder_log (rec);
  CHECK (log.n == 0 && log.now == 0);
  for (i = 0; i < 3000; ++i)            /* several arenas */
    put (i % 4, 1, (char) ('a' + i % 26));
  log = recorder_log (rec);
  for (i = 0; i < 3000; ++i)
    CHECK (log.ops[i].data[511] == 'a' + i % 26);
  recorder_reset (rec);
  put (0, 1, 'z');
  log = recorder_log (rec);
  CHECK (log.n == 1 && log.ops[0].issued_at == 1 && log.ops[0].data[0] == 'z');
  vdev_unref (rec);
}

/* By chance: the same for the same seed, and in time everything. */
static void
chance (void)
{
  struct recorder_chance state;
  struct recorder_choice choice;
  char text[SECTORS + 2], again[SECTORS + 2];
  unsigned i, count[4] = { 0 };
  uint64_t seed = test_seed ();

  fresh ();
  put (0, 2, 'a');
  put (1, 1, 'b');
  for (i = 0; i < 2000; ++i, ++seed) {
    choice = recorder_choice_by_chance (&state, seed, 50);
    rebuild (100, &choice, text);
    choice = recorder_choice_by_chance (&state, seed, 50);
    rebuild (100, &choice, again);
    CHECK_EQ_STR (text, again);
    CHECK (text[2] == '.' && text[3] == '.');
    count[0] += text[0] == 'a';
    count[1] += text[1] == 'a';
    count[2] += text[1] == 'b';
    count[3] += text[0] == 'a' && text[1] == '.';
  }
  for (i = 0; i < 4; ++i)
    CHECK (count[i] > 20 && count[i] < 1500);
  vdev_unref (rec);
}

TEST_MAIN
{
  one_write ();
  overwrite ();
  flush_between ();
  failed_flush ();
  failed_write ();
  zeroes_and_trims ();
  overlapping ();
  flush_too_early ();
  resizing ();
  the_log ();
  chance ();
}
