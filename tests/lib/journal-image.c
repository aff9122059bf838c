/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pool whose journal a test can damage; see journal-image.h.
 */

#include <config.h>

#include <stdlib.h>

#include "devices-test.h"
#include "journal-image.h"
#include "test.h"

#define B JI_BLOCK

void
ji_init (struct journal_image *ji, uint64_t blocks, uint64_t journal,
         uint64_t volume)
{
  const struct pool_format_options o = { .capacity = blocks * B,
    .journal_size = journal * B };

  memset (ji, 0, sizeof *ji);
  CHECK_EQ_INT (devices_mem_open (blocks * B, &ji->mem), 0);
  CHECK_EQ_INT (pool_format (ji->mem, &o), 0);
  CHECK_EQ_INT (pool_open (vdev_ref (ji->mem), NULL, &ji->pool), 0);
  CHECK_EQ_INT (pool_create (ji->pool, "v", volume * B, 0), 0);
  CHECK_EQ_INT (pool_volume_open (ji->pool, "v", false, NULL, &ji->volume),
                0);
}

void
ji_kill (struct journal_image *ji)
{
  vdev_unref (ji->volume);
  pool_abandon (ji->pool);
  ji->pool = NULL;
}

void
ji_fini (struct journal_image *ji)
{
  if (ji->pool)
    ji_kill (ji);
  vdev_unref (ji->mem);
}

static void
opened (void *opaque, const struct pool_event *e)
{
  struct journal_image *ji = opaque;
  const char *s = strstr (e->text, "recovered ");

  if (e->kind == POOL_EVENT_OPENED)
    ji->replayed = s ? strtoull (s + 10, NULL, 10) : 0;
}

int
ji_open (struct journal_image *ji)
{
  const struct pool_options o = { .event = opened, .event_opaque = ji };
  int r;

  r = pool_open (ji->mem, &o, &ji->pool);
  if (r < 0) {
    ji->pool = NULL;
    return r;
  }
  vdev_ref (ji->mem);
  CHECK_EQ_INT (pool_volume_open (ji->pool, "v", false, NULL, &ji->volume),
                0);
  return 0;
}

void
ji_write (struct journal_image *ji, uint64_t block, uint64_t n, int byte)
{
  CLEANUP_FREE char *buf = base_malloc (n * B);

  CHECK (buf != NULL);
  memset (buf, byte, n * B);
  CHECK_EQ_INT (vdev_write (ji->volume, buf, n * B, block * B, 0), 0);
}

void
ji_trim (struct journal_image *ji, uint64_t block, uint64_t n)
{
  CHECK_EQ_INT (vdev_trim (ji->volume, n * B, block * B, 0), 0);
}

void
ji_flush (struct journal_image *ji)
{
  CHECK_EQ_INT (vdev_flush (ji->volume), 0);
}

static bool
all (const unsigned char *buf, int byte)
{
  size_t i;

  for (i = 0; i < B && buf[i] == byte; ++i)
    ;
  return i == B;
}

bool
ji_is (struct journal_image *ji, uint64_t block, int byte)
{
  unsigned char buf[B];

  return vdev_read (ji->volume, buf, B, block * B) == 0 && all (buf, byte);
}

void
ji_super (struct journal_image *ji, struct format_super *s)
{
  struct format_super other;

  CHECK_EQ_INT (vdev_read (ji->mem, s, sizeof *s, FORMAT_SLOT_A), 0);
  CHECK_EQ_INT (vdev_read (ji->mem, &other, sizeof other, FORMAT_SLOT_B), 0);
  if (le64toh (other.generation) > le64toh (s->generation))
    *s = other;
}

uint64_t
ji_find (struct journal_image *ji, uint64_t seq, uint32_t part,
         struct format_journal *h)
{
  struct format_super s;
  uint64_t place, end;

  ji_super (ji, &s);
  place = le64toh (s.journal_start) + FORMAT_MARKERS;
  end = le64toh (s.journal_start) + le64toh (s.journal_length);
  for (; place < end; ++place) {
    CHECK_EQ_INT (vdev_read (ji->mem, h, sizeof *h, place * B), 0);
    if (memcmp (h->magic, FORMAT_JOURNAL_MAGIC, sizeof h->magic) == 0
        && h->nonce == s.nonce && le64toh (h->seq) == seq
        && le32toh (h->part) == part)
      return place;
  }
  CHECK_MSG (false, "no block %u of transaction %" PRIu64, part, seq);
  return 0;
}

void
ji_zero (struct journal_image *ji, uint64_t place)
{
  static const char zeroes[B];

  CHECK_EQ_INT (vdev_write (ji->mem, zeroes, B, place * B, 0), 0);
}

unsigned
ji_lose (struct journal_image *ji, int byte)
{
  unsigned char buf[B];
  unsigned n = 0;
  uint64_t place;

  for (place = 0; place < vdev_size (ji->mem) / B; ++place) {
    CHECK_EQ_INT (vdev_read (ji->mem, buf, B, place * B), 0);
    if (all (buf, byte)) {
      ji_zero (ji, place);
      n++;
    }
  }
  return n;
}
