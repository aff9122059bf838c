/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The faulty device: fails when it is told to.
 *
 * A call is first counted and matched against the rules under the mutex, and
 * then carried out without it, so that a hook may sleep or call back.
 */

#include <config.h>

#include <stdlib.h>

#include "devices-test.h"

#define SECTOR 512

struct counted_rule {
  struct faulty_rule rule;
  uint64_t seen;
};

BASE_VECTOR (rule_vector, struct counted_rule);

struct faulty {
  struct vdev_pass p;
  struct base_mutex lock;       /* of everything below */
  struct rule_vector rules;
  uint64_t count[FAULTY_ANY + 1];
  uint64_t applied;
};

static inline struct faulty *
faulty_of (struct vdev *d)
{
  return BASE_CONTAINER_OF (d, struct faulty, p.d);
}

/* Count a call of OP; true and *RET if a rule is to be applied to it. */
static bool
match (struct vdev *d, enum faulty_op op, struct faulty_rule *ret)
{
  struct faulty *f = faulty_of (d);
  bool found = false;
  size_t i;

  LOCK_FOR_SCOPE (&f->lock);
  f->count[op]++;
  f->count[FAULTY_ANY]++;
  for (i = 0; i < f->rules.len; ++i) {
    struct counted_rule *c = &f->rules.ptr[i];

    if (c->rule.op != op && c->rule.op != FAULTY_ANY)
      continue;
    c->seen++;
    if (!found && (c->seen == c->rule.nth ||
                   (c->rule.sticky && c->seen > c->rule.nth))) {
      *ret = c->rule;
      found = true;
    }
  }
  if (found)
    f->applied++;
  return found;
}

static int
planned_error (const struct faulty_rule *rule)
{
  return base_fail_errno (rule->error ? rule->error : EIO,
                          "faulty: as planned");
}

/* How a call goes on. */
enum course {
  GO_ON,                        /* as if there were no rule */
  PART,                         /* the first *N bytes, then *RET */
  FLIP,                         /* bit *N, then on */
  STOP,                         /* nothing, *RET */
};

static enum course
decide (struct vdev *d, enum faulty_op op, uint64_t len, uint64_t *n,
        struct faulty_rule *rule)
{
  if (!match (d, op, rule))
    return GO_ON;
  switch (rule->action) {
  case FAULTY_FAIL:
    return STOP;
  case FAULTY_TORN:
  case FAULTY_SHORT:
    if (BASE_MUL_OVERFLOW (rule->sectors, SECTOR, n) || *n > len)
      *n = len;
    return PART;
  case FAULTY_FLIP:
    if (len == 0)
      return GO_ON;
    *n = rule->bit % (len * 8);
    return FLIP;
  case FAULTY_HOOK:
    rule->hook (rule->opaque);
    return GO_ON;
  }
  return GO_ON;
}

/* What a torn or short call returns when its part is done. */
static int
part_result (const struct faulty_rule *rule, int r)
{
  if (r < 0)
    return r;
  return rule->action == FAULTY_TORN ? planned_error (rule) : 0;
}

static int
faulty_read (struct vdev *d, void *buf, size_t len, uint64_t off)
{
  struct faulty_rule rule;
  uint8_t *p = buf;
  uint64_t n;
  int r;

  switch (decide (d, FAULTY_READ, len, &n, &rule)) {
  case STOP:
    return planned_error (&rule);
  case PART:
    memset (p + n, 0, len - n);
    return part_result (&rule, vdev_pass_read (d, buf, n, off));
  case FLIP:
    r = vdev_pass_read (d, buf, len, off);
    if (r == 0)
      p[n / 8] ^= (uint8_t) (1 << n % 8);
    return r;
  case GO_ON:
    break;
  }
  return vdev_pass_read (d, buf, len, off);
}

static int
write_flipped (struct vdev *d, const void *buf, size_t len, uint64_t off,
               uint32_t flags, uint64_t bit)
{
  CLEANUP_FREE uint8_t *copy = base_malloc (len);

  if (copy == NULL)
    return base_fail (ENOMEM, "faulty: out of memory");
  memcpy (copy, buf, len);
  copy[bit / 8] ^= (uint8_t) (1 << bit % 8);
  return vdev_pass_write (d, copy, len, off, flags);
}

static int
faulty_write (struct vdev *d, const void *buf, size_t len, uint64_t off,
              uint32_t flags)
{
  struct faulty_rule rule;
  uint64_t n;

  switch (decide (d, FAULTY_WRITE, len, &n, &rule)) {
  case STOP:
    return planned_error (&rule);
  case PART:
    return part_result (&rule, vdev_pass_write (d, buf, n, off, flags));
  case FLIP:
    return write_flipped (d, buf, len, off, flags, n);
  case GO_ON:
    break;
  }
  return vdev_pass_write (d, buf, len, off, flags);
}

static int
faulty_flush (struct vdev *d)
{
  struct faulty_rule rule;
  uint64_t n;

  switch (decide (d, FAULTY_FLUSH, 0, &n, &rule)) {
  case STOP:
    return planned_error (&rule);
  case PART:
    return part_result (&rule, 0);
  case FLIP:
  case GO_ON:
    break;
  }
  return vdev_pass_flush (d);
}

static int
faulty_trim (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  struct faulty_rule rule;
  uint64_t n;

  switch (decide (d, FAULTY_TRIM, len, &n, &rule)) {
  case STOP:
    return planned_error (&rule);
  case PART:
    return part_result (&rule, vdev_pass_trim (d, n, off, flags));
  case FLIP:
  case GO_ON:
    break;
  }
  return vdev_pass_trim (d, len, off, flags);
}

static int
faulty_zero (struct vdev *d, uint64_t len, uint64_t off, uint32_t flags)
{
  struct faulty_rule rule;
  uint64_t n;

  switch (decide (d, FAULTY_ZERO, len, &n, &rule)) {
  case STOP:
    return planned_error (&rule);
  case PART:
    return part_result (&rule, vdev_pass_zero (d, n, off, flags));
  case FLIP:
  case GO_ON:
    break;
  }
  return vdev_pass_zero (d, len, off, flags);
}

static int
faulty_resize (struct vdev *d, uint64_t size)
{
  struct faulty_rule rule;
  uint64_t n;

  switch (decide (d, FAULTY_RESIZE, 0, &n, &rule)) {
  case STOP:
    return planned_error (&rule);
  case PART:
    return part_result (&rule, 0);
  case FLIP:
  case GO_ON:
    break;
  }
  return vdev_pass_resize (d, size);
}

static void
faulty_close (struct vdev *d)
{
  struct faulty *f = faulty_of (d);

  rule_vector_reset (&f->rules);
  base_mutex_destroy (&f->lock);
  vdev_pass_close (d);
}

static const struct vdev_ops faulty_ops = {
  .kind = "faulty",
  .read = faulty_read,
  .write = faulty_write,
  .flush = faulty_flush,
  .trim = faulty_trim,
  .zero = faulty_zero,
  .extents = vdev_pass_extents,
  .cache = vdev_pass_cache,
  .resize = faulty_resize,
  .start = vdev_pass_start,
  .kick = vdev_pass_kick,
  .stat = vdev_pass_stat,
  .describe = vdev_pass_describe,
  .close = faulty_close,
};

int
faulty_open (struct vdev *child, struct vdev **ret)
{
  struct faulty *f = base_calloc (1, sizeof *f);
  uint32_t set = vdev_has (child, VDEV_RO) ? 0 : VDEV_FLUSH;
  int r;

  if (f == NULL)
    return base_fail (ENOMEM, "faulty: out of memory");
  /* Flushes are to be seen even over memory. */
  r = vdev_pass_init (&f->p, &faulty_ops, child, 0, set);
  if (r < 0) {
    free (f);
    return r;
  }
  base_mutex_init (&f->lock);
  *ret = &f->p.d;
  return 0;
}

int
faulty_add (struct vdev *d, const struct faulty_rule *rule)
{
  struct faulty *f = faulty_of (d);
  struct counted_rule c = { .rule = *rule };

  LOCK_FOR_SCOPE (&f->lock);
  return rule_vector_append (&f->rules, c);
}

void
faulty_clear (struct vdev *d)
{
  struct faulty *f = faulty_of (d);

  LOCK_FOR_SCOPE (&f->lock);
  f->rules.len = 0;
}

uint64_t
faulty_count (struct vdev *d, enum faulty_op op)
{
  struct faulty *f = faulty_of (d);

  LOCK_FOR_SCOPE (&f->lock);
  return f->count[op];
}

uint64_t
faulty_applied (struct vdev *d)
{
  struct faulty *f = faulty_of (d);

  LOCK_FOR_SCOPE (&f->lock);
  return f->applied;
}
