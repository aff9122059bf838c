/* SPDX-License-Identifier: BSD-3-Clause
 *
 * repair-judge: see repair-judge.h.  Volumes are read through the engine, a
 * block at a time, because an error must cover the lost bytes and no others.
 */

#include <stdlib.h>

#include "devices.h"
#include "repair-judge.h"
#include "test.h"

struct vdev *
repair_device (const uint8_t *image, size_t size)
{
  struct vdev *d;
  size_t off;

  CHECK_EQ_INT (devices_mem_open (size, &d), 0);
  for (off = 0; off < size; off += 4096)
    if (!base_is_zero (image + off, 4096))
      CHECK_EQ_INT (vdev_write (d, image + off, 4096, off, 0), 0);
  return d;
}

static void
on_repaired (void *opaque, const char *text)
{
  struct repaired *r = opaque;

  if (r->nlines < REPAIRED_LINES)
    snprintf (r->line[r->nlines++], sizeof r->line[0], "%s", text);
}

static void
on_lost (void *opaque, const struct pool_lost *lost)
{
  struct repaired *r = opaque;

  if (r->nlost < REPAIRED_LINES)
    r->lost[r->nlost++] = *lost;
}

static void
on_problem (void *opaque, const struct pool_check_problem *problem)
{
  struct repaired *r = opaque;

  if (r->nproblems < REPAIRED_LINES)
    memcpy (r->problem[r->nproblems++], problem->text,
            sizeof r->problem[0]);
}

void
repair_run (struct repaired *out, struct vdev *d)
{
  const struct pool_repair_options o = {
    .repaired = on_repaired, .lost = on_lost, .problem = on_problem,
    .opaque = out };

  out->nlines = out->nlost = out->nproblems = 0;
  out->result = pool_repair (d, &o, &out->r);
}

bool
repaired_says (const struct repaired *r, const char *text)
{
  unsigned i;

  for (i = 0; i < r->nlines; ++i)
    if (strstr (r->line[i], text))
      return true;
  return false;
}

void
repaired_print (const struct repaired *r)
{
  unsigned i;

  printf ("result %d (%s), %" PRIu64 " errors, %" PRIu64 " leaked\n",
          r->result, r->result < 0 ? base_error_text () : "ok",
          r->r.after.errors, r->r.after.leaks);
  for (i = 0; i < r->nlines; ++i)
    printf ("  repaired: %s\n", r->line[i]);
  for (i = 0; i < r->nlost; ++i)
    printf ("  lost: %s: %s%" PRIu64 " + %" PRIu64 "\n", r->lost[i].name,
            r->lost[i].whole ? "all " : "", r->lost[i].offset,
            r->lost[i].length);
  for (i = 0; i < r->nproblems; ++i)
    printf ("  remains: %s\n", r->problem[i]);
}

bool
repair_is_clean (struct vdev *d)
{
  const struct pool_options o = { .readonly = true };
  struct pool_check_result c = { .errors = 1 };
  struct pool *p;

  if (pool_open (vdev_ref (d), &o, &p) < 0) {
    vdev_unref (d);
    return false;
  }
  if (pool_check (p, NULL, &c) < 0)
    c.errors = 1;
  pool_abandon (p);
  return c.errors == 0 && c.leaks == 0;
}

/* ---- contents ------------------------------------------------------------ */

static bool
is_lost (const struct repaired *r, const char *name, uint64_t off)
{
  unsigned i;

  for (i = 0; i < r->nlost; ++i)
    if (strcmp (r->lost[i].name, name) == 0 && !r->lost[i].whole
        && off >= r->lost[i].offset
        && off - r->lost[i].offset < r->lost[i].length)
      return true;
  return false;
}

static bool
is_gone (const struct repaired *r, const char *name)
{
  const char *at = strchr (name, '@');
  unsigned i;

  for (i = 0; i < r->nlost; ++i)
    if (r->lost[i].whole
        && (strcmp (r->lost[i].name, name) == 0
            || strncmp (r->lost[i].name, "record ", 7) == 0
            || (at && r->lost[i].name[0] == '?'
                && strcmp (r->lost[i].name + 1, at) == 0)))
      return true;
  return false;
}

/* Holes of a pool of petabytes are not read one by one. */
#define FAR 4096

static const char *
judge_volume (struct pi *p, unsigned record, const char *name, struct vdev *v,
              const struct repaired *r)
{
  const uint64_t size = le64toh (p->record[record].f.size);
  CLEANUP_FREE uint8_t *want = size > FAR * p->bs ? NULL
    : pi_contents (p, record);
  CLEANUP_FREE uint8_t *buf = base_malloc (p->bs);
  static char text[600];
  uint64_t off, n;
  int got;

  if (vdev_size (v) != size)
    return repaired_says (r, "from damaged block") ? NULL : "size";
  if (want == NULL)
    return NULL;
  for (off = 0; off < size; off += n) {
    n = BASE_MIN (p->bs, size - off);
    got = vdev_read (v, buf, n, off);
    if (is_lost (r, name, off) ? got == -EBADMSG
        : got == 0 && memcmp (buf, want + off, n) == 0)
      continue;
    snprintf (text, sizeof text, "%s at byte %" PRIu64 ": %s, read: %d", name,
              off, is_lost (r, name, off) ? "lost" : "not lost", got);
    return text;
  }
  return NULL;
}

const char *
repair_judge (struct pi *p, struct vdev *d, const struct repaired *r)
{
  const struct pool_options o = { .readonly = true };
  const char *wrong = NULL;
  struct pool *pool;
  struct vdev *v;
  unsigned i;
  char *name;

  if (pool_open (vdev_ref (d), &o, &pool) < 0) {
    vdev_unref (d);
    return "does not open";
  }
  for (i = 0; i < p->records && wrong == NULL; ++i) {
    if (p->record[i].f.kind != FORMAT_VOLUME
        && p->record[i].f.kind != FORMAT_SNAPSHOT)
      continue;
    name = pi_name (p, i);
    if (pool_volume_open (pool, name, true, NULL, &v) == 0) {
      wrong = judge_volume (p, i, name, v, r);
      vdev_unref (v);
    }
    else if (!is_gone (r, name) && !repaired_says (r, "from damaged block"))
      wrong = "a volume is gone and not called lost";
    free (name);
  }
  pool_abandon (pool);
  return wrong;
}
