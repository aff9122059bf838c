/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A plugin with bugs, chosen by a parameter.  It is built like our plugins
 * and loaded by the same server, so that where its bug is not reported, no
 * bug of theirs would be (tests/test-house-sanitizer-reports-planted-bug.sh).
 *
 * bug=none       nothing is wrong
 * bug=race       concurrent reads change a counter without a lock
 * bug=overflow   a read looks one byte past its buffer
 * bug=undefined  a read adds beyond the largest int
 */

#include <config.h>

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static const char *bug = "none";
static uint64_t unlocked_counter;
static volatile int large = INT_MAX;
static volatile int sink;
static volatile size_t behind = 16;     /* not seen through by the compiler */

static int
planted_config (const char *key, const char *value)
{
  if (strcmp (key, "bug") != 0) {
    nbdkit_error ("unknown parameter '%s'", key);
    return -1;
  }
  bug = value;
  return 0;
}

static void *
planted_open (int readonly)
{
  (void) readonly;
  return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t
planted_get_size (void *handle)
{
  (void) handle;
  return 16 * 1024 * 1024;
}

static int
planted_can_multi_conn (void *handle)
{
  (void) handle;
  return 1;
}

static int
planted_pread (void *handle, void *buf, uint32_t count, uint64_t offset,
               uint32_t flags)
{
  volatile char *past;

  (void) handle;
  (void) offset;
  (void) flags;
  memset (buf, 0, count);
  if (strcmp (bug, "race") == 0)
    unlocked_counter++;
  else if (strcmp (bug, "undefined") == 0)
    sink = large + 1;
  else if (strcmp (bug, "overflow") == 0) {
    past = malloc (16);
    if (past == NULL)
      return -1;
    sink = past[behind];
    free ((void *) past);
  }
  return 0;
}

static struct nbdkit_plugin plugin = {
  .name = "planted",
  .config = planted_config,
  .open = planted_open,
  .get_size = planted_get_size,
  .can_multi_conn = planted_can_multi_conn,
  .pread = planted_pread,
};

NBDKIT_REGISTER_PLUGIN (plugin)
