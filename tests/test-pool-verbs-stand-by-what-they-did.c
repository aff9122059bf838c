/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A verb that made something says so, also if somebody else removed it before
 * the answer was put together: never "no such volume" for what was done.
 * Two threads, one makes a volume again and again, one removes it.
 */

#include <config.h>

#include <jansson.h>
#include <stdatomic.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

#define ROUNDS 200             /* that made the volume */

static struct pool *p;
static atomic_bool over;

static void *
remover (void *arg BASE_UNUSED)
{
  while (!atomic_load (&over))
    CHECK (pool_remove (p, "v", POOL_MISSING_OK) == 0);
  return NULL;
}

TEST_MAIN
{
  struct pool_verb_call call = { .fd = -1 };
  json_t *request = json_pack ("{s:s, s:i}", "volume", "v", "size", 4096);
  struct base_thread t;
  struct vdev *d;
  unsigned made = 0;

  CHECK (request != NULL);
  CHECK (devices_mem_open (UINT64_C (16) << 20, &d) == 0);
  CHECK (pool_format (d, &(struct pool_format_options) { 0 }) == 0);
  CHECK (pool_open (d, NULL, &p) == 0);
  CHECK (base_thread_create (&t, remover, NULL) == 0);
  while (made < ROUNDS) {
    json_t *reply = NULL;
    int r = pool_verb (p, "create", request, &call, &reply);

    CHECK_MSG (r == 0 || r == -EEXIST, "%s", base_error_text ());
    if (r == 0) {
      CHECK_EQ_STR (json_string_value (json_object_get
                                       (json_object_get (reply, "volume"),
                                        "name")), "v");
      json_decref (reply);
      made++;
    }
  }
  atomic_store (&over, true);
  base_thread_join (&t);
  json_decref (request);
  CHECK (pool_close (p) == 0);
}
