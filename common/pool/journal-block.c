/* SPDX-License-Identifier: BSD-3-Clause
 *
 * journal-block: transactions as blocks of the ring.
 *
 * A block is a header and as many records as fit.  Neighbours go into one
 * record: blocks of one volume that follow each other and stand in places
 * that follow each other.  The check covers the pool's uuid and the whole
 * block, and each block carries the check of the one before it, so a block
 * proves all that came before it.
 *
 * Nothing is allocated here: a transaction that was closed can be written.
 */

#include <config.h>

#include "pool-internal.h"

#define HEADER sizeof (struct format_journal)
#define RECORD sizeof (struct format_journal_record)
#define STAGING (UINT64_C (256) << 10)

/* One record with one crc for each would be the worst, and at the end of each
 * block less than that may be left.
 */
uint64_t
journal_blocks_bound (const struct pool *p, size_t n)
{
  const uint64_t each = RECORD + 4;

  return base_div_up (n, (p->block_size - HEADER) / each) + (n == 0);
}

uint32_t
journal_crc (const struct pool *p, const void *buf)
{
  const size_t at = offsetof (struct format_journal, crc);
  static const uint32_t zero;
  uint32_t crc;

  crc = base_crc32c_more (p->mix_seed, buf, at);
  crc = base_crc32c_more (crc, &zero, sizeof zero);
  return base_crc32c_more (crc, (const char *) buf + HEADER,
                           p->block_size - HEADER);
}

bool
journal_block_valid (const struct pool *p, const void *buf)
{
  struct format_journal h;

  memcpy (&h, buf, sizeof h);
  return memcmp (h.magic, FORMAT_JOURNAL_MAGIC, sizeof h.magic) == 0
    && le32toh (h.length) <= p->block_size - HEADER
    && le32toh (h.part) < le32toh (h.parts)
    && le32toh (h.crc) == journal_crc (p, buf);
}

/* How many of the N records at R go into one that has ROOM bytes; 0: none. */
static size_t
join (const struct journal_record *r, size_t n, size_t room)
{
  size_t k, most;

  if (room < RECORD + 4)
    return 0;
  if (r->place == 0)
    return 1;
  most = BASE_MIN ((room - RECORD) / 4, FORMAT_JOURNAL_COUNT_MAX);
  most = BASE_MIN (most, n);
  for (k = 1; k < most && r[k].volume == r->volume && r[k].place > 0
         && r[k].block == r->block + k && r[k].place == r->place + k; ++k)
    ;
  return k;
}

/* The next block's records, from *AT on; to BUF unless that is NULL.  Returns
 * their length.
 */
static size_t
fill_block (const struct pool *p, const struct journal_record_vector *v,
            size_t *at, char *buf)
{
  size_t used = HEADER, k, i;

  while (*at < v->len) {
    const struct journal_record *r = &v->ptr[*at];
    const bool map = r->place > 0;
    struct format_journal_record f;

    k = join (r, v->len - *at, p->block_size - used);
    if (k == 0)
      break;
    if (buf) {
      f.word = htole64
        (r->block | (uint64_t) (map ? FORMAT_JOURNAL_MAP
                                : FORMAT_JOURNAL_UNMAP) << FORMAT_TYPE_SHIFT
         | (map ? (uint64_t) k << FORMAT_JOURNAL_COUNT_SHIFT : 0));
      f.volume = htole64 (r->volume);
      f.place = htole64 (map ? r->place : r->count);
      memcpy (buf + used, &f, sizeof f);
      for (i = 0; map && i < k; ++i) {
        const uint32_t crc = htole32 (r[i].crc);

        memcpy (buf + used + RECORD + 4 * i, &crc, sizeof crc);
      }
    }
    used += RECORD + (map ? 4 * k : 0);
    *at += k;
  }
  return used - HEADER;
}

static uint32_t
count_blocks (const struct pool *p, const struct journal_txn *txn)
{
  size_t at = 0;
  uint32_t n = 0;

  do {
    fill_block (p, &txn->records, &at, NULL);
    n++;
  } while (at < txn->records.len);
  return n;
}

/* N blocks from the staging buffer go to head. */
static int
write_staged (struct pool *p, uint64_t n)
{
  struct journal *j = &p->journal;
  const uint64_t at = j->start + j->head % j->length;
  int r;

  if (n == 0)
    return 0;
  r = vdev_write (p->backing, j->staging, n * p->block_size,
                  at * p->block_size, 0);
  if (r < 0)
    return base_fail_in (r, "writing the journal");
  atomic_fetch_add (&p->n_metadata_bytes, n * p->block_size);
  base_mutex_lock (&j->lock);
  j->head += n;
  base_mutex_unlock (&j->lock);
  return 0;
}

int
journal_write (struct pool *p, const struct journal_txn *txn, uint64_t stable)
{
  struct journal *j = &p->journal;
  const uint32_t bs = p->block_size, parts = count_blocks (p, txn);
  struct format_journal h = { .magic = FORMAT_JOURNAL_MAGIC };
  uint64_t staged = 0;
  size_t at = 0;
  uint32_t part;
  int r = 0;

  h.nonce = htole64 (p->nonce);
  h.seq = htole64 (txn->seq);
  h.stable = htole64 (stable);
  base_mutex_lock (&p->commit.lock);
  h.generation = htole64 (p->commit.durable);
  base_mutex_unlock (&p->commit.lock);
  h.parts = htole32 (parts);
  for (part = 0; part < parts && r == 0; ++part) {
    char *buf;

    if (staged * bs == STAGING
        || (j->head + staged) % j->length < staged) {
      r = write_staged (p, staged);
      staged = 0;
    }
    buf = j->staging + staged * bs;
    memset (buf, 0, bs);
    h.part = htole32 (part);
    h.chain = htole32 (j->chain);
    h.length = htole32 ((uint32_t) fill_block (p, &txn->records, &at, buf));
    h.crc = 0;
    memcpy (buf, &h, sizeof h);
    j->chain = journal_crc (p, buf);
    h.crc = htole32 (j->chain);
    memcpy (buf, &h, sizeof h);
    staged++;
  }
  return r < 0 ? r : write_staged (p, staged);
}

int
journal_next_record (const struct pool *p, const char *buf, size_t *offset,
                     struct journal_record *rec, const char **crc)
{
  struct format_journal h;
  struct format_journal_record f;
  uint64_t word;
  size_t room, crcs;

  memcpy (&h, buf, sizeof h);
  room = le32toh (h.length) - *offset;
  if (room == 0)
    return 0;
  if (room < RECORD)
    return base_fail (EBADMSG, "journal: a record is cut off");
  memcpy (&f, buf + HEADER + *offset, sizeof f);
  word = le64toh (f.word);
  rec->volume = le64toh (f.volume);
  rec->block = word & FORMAT_PLACE_MASK;
  rec->place = le64toh (f.place);
  rec->count = word >> FORMAT_JOURNAL_COUNT_SHIFT;
  rec->crc = 0;
  crcs = 4 * rec->count;
  *crc = buf + HEADER + *offset + RECORD;
  switch (word >> FORMAT_TYPE_SHIFT & 255) {
  case FORMAT_JOURNAL_MAP:
    if (rec->count > 0 && crcs <= room - RECORD && rec->place > 0
        && rec->place < pool_blocks ((struct pool *) p)
        && rec->count <= pool_blocks ((struct pool *) p) - rec->place)
      break;
    return base_fail (EBADMSG, "journal: impossible record");
  case FORMAT_JOURNAL_UNMAP:
    if (rec->count > 0 || rec->place > FORMAT_PLACE_MASK + 1)
      return base_fail (EBADMSG, "journal: impossible record");
    rec->count = rec->place;
    rec->place = 0;
    break;
  default:
    return base_fail (EBADMSG, "journal: unknown record");
  }
  *offset += RECORD + crcs;
  return 1;
}
