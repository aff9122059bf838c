/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The recorder: logging.
 *
 * Crash tests run hundreds of thousands of short histories, each followed by
 * many rebuilds, so a history must cost little: operations stand in one
 * vector, their data in arenas that recorder_reset keeps for the next
 * history.  The mutex is held only to write down an issue or a completion,
 * never while the child works.
 *
 * What may be on disk after a crash is worked out in recorder-rebuild.c.
 */

#include <config.h>

#include <stdlib.h>

#include "devices-test.h"

#define ARENA_SIZE (256U << 10)

BASE_VECTOR (op_vector, struct recorder_op);

struct arena {
  struct arena *next;
  size_t used, size;
  uint8_t data[];
};

struct recorder {
  struct vdev_pass p;
  struct base_mutex lock;       /* of everything below */
  struct op_vector ops;
  uint64_t now;
  struct arena *arenas;         /* the first has room, perhaps */
  struct arena *spare;          /* from before a reset */
};

static inline struct recorder *
recorder_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct recorder, p.d);
}

static struct arena *
new_arena (struct recorder *rec, size_t size)
{
  struct arena *a = rec->spare;

  if (a && a->size >= size) {
    rec->spare = a->next;
  }
  else {
    size = BASE_MAX (size, ARENA_SIZE);
    a = base_malloc (sizeof *a + size);
    if (a == NULL)
      return NULL;
    a->size = size;
  }
  a->used = 0;
  a->next = rec->arenas;
  rec->arenas = a;
  return a;
}

static const uint8_t *
copy_data (struct recorder *rec, const void *buf, size_t len)
{
  struct arena *a = rec->arenas;
  uint8_t *p;

  if (a == NULL || a->size - a->used < len)
    a = new_arena (rec, len);
  if (a == NULL)
    return NULL;
  p = a->data + a->used;
  memcpy (p, buf, len);
  a->used += len;
  return p;
}

/* The index of the operation in the log, or -ENOMEM. */
static ssize_t
issue (struct vdev *d, enum recorder_kind kind, uint64_t len, uint64_t off,
       uint32_t flags, const void *data)
{
  struct recorder *rec = recorder_of (d);
  struct recorder_op op = {
    .kind = kind, .flags = flags, .off = off, .len = len,
  };
  int r;

  LOCK_FOR_SCOPE (&rec->lock);
  r = op_vector_reserve (&rec->ops, 1);
  if (r < 0)
    return r;
  if (data) {
    op.data = copy_data (rec, data, len);
    if (op.data == NULL)
      return base_fail (ENOMEM, "recorder: out of memory");
  }
  op.issued_at = ++rec->now;
  rec->ops.ptr[rec->ops.len] = op;
  return (ssize_t) rec->ops.len++;
}

static int
complete (struct vdev *d, ssize_t i, int r)
{
  struct recorder *rec = recorder_of (d);

  LOCK_FOR_SCOPE (&rec->lock);
  rec->ops.ptr[i].completed_at = ++rec->now;
  rec->ops.ptr[i].error = r;
  return r;
}

static int
recorder_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
                uint32_t flags)
{
  ssize_t i = issue (d, RECORDER_WRITE, len, off, flags, buf);

  if (i < 0)
    return (int) i;
  return complete (d, i, vdev_pass_write (d, buf, len, off, flags));
}

static int
recorder_flush (struct vdev *d)
{
  ssize_t i = issue (d, RECORDER_FLUSH, 0, 0, 0, NULL);

  return i < 0 ? (int) i : complete (d, i, vdev_pass_flush (d));
}

static int
recorder_trim (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  ssize_t i = issue (d, RECORDER_TRIM, len, off, flags, NULL);

  if (i < 0)
    return (int) i;
  return complete (d, i, vdev_pass_trim (d, len, off, flags));
}

static int
recorder_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  ssize_t i = issue (d, RECORDER_ZERO, len, off, flags, NULL);

  if (i < 0)
    return (int) i;
  return complete (d, i, vdev_pass_zero (d, len, off, flags));
}

static int
recorder_resize (struct vdev *d, uint64_t size)
{
  ssize_t i = issue (d, RECORDER_RESIZE, size, vdev_size (d), 0, NULL);

  return i < 0 ? (int) i : complete (d, i, vdev_pass_resize (d, size));
}

static void
free_arenas (struct arena *a)
{
  struct arena *next;

  for (; a; a = next) {
    next = a->next;
    free (a);
  }
}

static void
recorder_close (struct vdev *d)
{
  struct recorder *rec = recorder_of (d);

  free_arenas (rec->arenas);
  free_arenas (rec->spare);
  op_vector_reset (&rec->ops);
  base_mutex_destroy (&rec->lock);
  vdev_pass_close (d);
}

static const struct vdev_ops recorder_ops = {
  .kind = "recorder",
  .read = vdev_pass_read,
  .write = recorder_write,
  .flush = recorder_flush,
  .trim = recorder_trim,
  .zero = recorder_zero,
  .extents = vdev_pass_extents,
  .cache = vdev_pass_cache,
  .resize = recorder_resize,
  .start = vdev_pass_start,
  .kick = vdev_pass_kick,
  .stat = vdev_pass_stat,
  .describe = vdev_pass_describe,
  .close = recorder_close,
};

int
recorder_open (struct vdev *child, struct vdev **ret)
{
  struct recorder *rec = base_calloc (1, sizeof *rec);
  uint32_t set = vdev_has (child, VDEV_RO) ? 0 : VDEV_FLUSH;
  int r;

  if (rec == NULL)
    return base_fail (ENOMEM, "recorder: out of memory");
  /* The child may be memory, which needs no flush, but the log does.
   * Without native FUA the wrapper makes a write and a flush of it.
   */
  r = vdev_pass_init (&rec->p, &recorder_ops, child, VDEV_FUA_NATIVE, set);
  if (r < 0) {
    free (rec);
    return r;
  }
  base_mutex_init (&rec->lock);
  *ret = &rec->p.d;
  return 0;
}

struct recorder_log
recorder_log (struct vdev *d)
{
  struct recorder *rec = recorder_of (d);
  struct recorder_log log;

  LOCK_FOR_SCOPE (&rec->lock);
  log.ops = rec->ops.ptr;
  log.n = rec->ops.len;
  log.now = rec->now;
  return log;
}

void
recorder_reset (struct vdev *d)
{
  struct recorder *rec = recorder_of (d);
  struct arena *a;

  LOCK_FOR_SCOPE (&rec->lock);
  for (a = rec->arenas; a; a = rec->arenas) {
    rec->arenas = a->next;
    a->next = rec->spare;
    rec->spare = a;
  }
  rec->ops.len = 0;
  rec->now = 0;
}

uint64_t
recorder_mark (struct vdev *d, uint64_t value)
{
  struct recorder *rec = recorder_of (d);
  struct recorder_op op = { .kind = RECORDER_MARK, .off = value };

  LOCK_FOR_SCOPE (&rec->lock);
  if (op_vector_reserve (&rec->ops, 1) < 0)
    abort ();                   /* a test without its mark proves nothing */
  op.issued_at = op.completed_at = ++rec->now;
  rec->ops.ptr[rec->ops.len++] = op;
  return op.issued_at;
}
