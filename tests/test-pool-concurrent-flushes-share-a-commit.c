/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Group commit: clients that flush at the same time share one commit,
 * however many there are and on however many volumes, and everything that
 * any of them was answered before is durable when the first of them is
 * answered.  Who comes while a commit runs that holds all that was answered
 * waits for that one and starts none.
 */

#include <config.h>

#include "crash-image.h"
#include "devices-test.h"
#include "gate.h"
#include "pool.h"
#include "sim.h"
#include "test.h"

#define B 4096U
#define CLIENTS 8

static struct gate gate;
static struct pool *p;

struct client { struct base_thread t; struct vdev *d; uint64_t durable; };

static uint64_t
commits (void)
{
  struct pool_info info;

  pool_get_info (p, &info);
  return info.commits;
}

static uint64_t
generation (void)
{
  struct pool_info info;

  pool_get_info (p, &info);
  return info.generation;
}

static void *
flusher (void *arg)
{
  struct client *c = arg;

  CHECK_EQ_INT (vdev_flush (c->d), 0);
  c->durable = generation ();
  return NULL;
}

static void
one (uint64_t seed)
{
  struct sim_options so = { .seed = seed, .stay = seed % 3 * 100 };
  struct image *image = image_new (256 * B);
  struct vdev *disk = gate_open (image_vdev (image), &gate);
  static const char *const names[] = { "v", "w" };
  struct client c[CLIENTS];
  uint8_t buf[B];
  uint64_t before, first;
  unsigned i;

  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (disk, NULL, &p) == 0);
  for (i = 0; i < 2; i++)
    CHECK (pool_create (p, names[i], CLIENTS * B, 0) == 0);
  for (i = 0; i < CLIENTS; i++)
    CHECK (pool_volume_open (p, names[i % 2], false, NULL, &c[i].d) == 0);

  sim_start (&so);
  for (i = 0; i < CLIENTS; i++) {
    memset (buf, (int) i + 1, B);
    CHECK_EQ_INT (vdev_write (c[i].d, buf, B, i * B, 0), 0);
  }
  before = commits ();
  first = generation () + 1;
  /* The first one stands in its commit while the others come. */
  if (seed % 2)
    gate_close (&gate, GATE_FLUSH, 1 + seed / 2 % 2);
  CHECK (base_thread_create (&c[0].t, flusher, &c[0]) == 0);
  if (seed % 2)
    gate_wait (&gate);
  for (i = 1; i < CLIENTS; i++)
    CHECK (base_thread_create (&c[i].t, flusher, &c[i]) == 0);
  if (seed % 2) {
    /* The new ones must not be answered before it is done. */
    for (i = 0; i < 200; i++)
      sim_point ();
    CHECK_EQ_INT (generation (), first - 1);
    gate_let_go (&gate);
  }
  for (i = 0; i < CLIENTS; i++)
    base_thread_join (&c[i].t);
  sim_stop (NULL);

  for (i = 0; i < CLIENTS; i++)
    CHECK_MSG (c[i].durable >= first, "flush %u was answered before the "
               "commit was durable", i);
  CHECK_EQ_INT (commits () - before, 1);
  for (i = 0; i < CLIENTS; i++)
    vdev_unref (c[i].d);
  CHECK (pool_close (p) == 0);
  gate_free (&gate);
  image_free (image);
}

TEST_MAIN
{
  const uint64_t seed = test_seed (), n = test_env ("SEEDS", 60);
  uint64_t i;

  for (i = 0; i < n; i++)
    one (seed + i);
}
