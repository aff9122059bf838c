/* SPDX-License-Identifier: BSD-3-Clause
 *
 * check --repair.
 *
 * A pool that is damaged may not open, and while it is repaired nobody else
 * may have it: so this verb takes the backing itself, with its lock, and asks
 * no server.
 */

#include <config.h>

#include <inttypes.h>
#include <poll.h>

#include "command.h"
#include "control.h"
#include "devices.h"
#include "pool.h"

#define RETRY_MS 50

static json_int_t
number (const json_t *reply, const char *key)
{
  return json_integer_value (json_object_get (reply, key));
}

static void
print_lost (const json_t *lost)
{
  const char *name = json_string_value (json_object_get (lost, "name"));
  const json_int_t offset = number (lost, "offset");

  if (json_is_true (json_object_get (lost, "whole")))
    printf ("lost: %s: all of it\n", name);
  else
    printf ("lost: %s: bytes %lld..%lld\n", name, (long long) offset,
            (long long) (offset + number (lost, "length") - 1));
}

static void
print_repair (const struct command *c, const json_t *reply)
{
  const json_t *j;
  size_t i;

  json_array_foreach (json_object_get (reply, "repaired"), i, j)
    printf ("repaired: %s\n", json_string_value (j));
  json_array_foreach (json_object_get (reply, "lost"), i, j)
    print_lost (j);
  json_array_foreach (json_object_get (reply, "problems"), i, j)
    printf ("%s: %s\n",
            json_is_true (json_object_get (j, "leak")) ? "leak" : "error",
            json_string_value (json_object_get (j, "text")));
  if (given (c, OPT_QUIET))
    return;
  if (json_is_true (json_object_get (reply, "clean")))
    printf ("%s: clean: ", c->pool);
  else
    printf ("%s: %lld errors, %lld leaked blocks, %lld bytes lost: ", c->pool,
            (long long) number (reply, "errors"),
            (long long) number (reply, "leaks"),
            (long long) number (reply, "lost-bytes"));
  printf ("%lld volumes, %lld snapshots, %lld blocks\n",
          (long long) number (reply, "volumes"),
          (long long) number (reply, "snapshots"),
          (long long) number (reply, "blocks"));
}

static int
show_progress (void *opaque, uint64_t done, uint64_t total)
{
  progress_show (opaque, done, total);
  return signal_seen () != 0;
}

/* Does a server have it?  Then there is nothing to wait for. */
static bool
is_served (const struct command *c)
{
  struct owner_search search = { .c = c };
  struct control_client *client;

  if (owner_connect (&search, 0, &client) < 0)
    return false;
  (void) base_fail (EBUSY, "is served by pid %lld: stop the server, then "
                    "repair", (long long) json_integer_value
                    (json_object_get (control_greeting (client), "pid")));
  control_disconnect (client);
  return true;
}

static int
open_backing (const struct command *c, struct vdev **backing)
{
  const uint64_t end = base_monotonic_ns () / 1000000 + c->wait_ms;
  CLEANUP_FREE char *lock = NULL;
  int r;

  for (;;) {
    r = vdev_open (c->pool, 0, backing);
    if (r != -EBUSY)
      break;
    if (lock == NULL)
      lock = base_strdup (base_error_text ());
    if (is_served (c))
      return report_code (c, -EBUSY, EXIT_IN_USE);
    if (signal_seen ())
      return report (c, base_fail (ECANCELED, "interrupted"));
    if (base_monotonic_ns () / 1000000 >= end)
      return report_code (c, owner_explain (c, lock ? lock : "in use", ""),
                          EXIT_IN_USE);
    (void) poll (NULL, 0, RETRY_MS);
  }
  if (r == -ENOENT)
    r = base_fail (ENOENT, "no such pool");
  if (r < 0)
    return report_code (c, r, target_open_code (c, r));
  r = vdev_start (*backing);
  return r < 0 ? report (c, r) : EXIT_DONE;
}

int
run_repair (struct command *c)
{
  CLEANUP_VDEV struct vdev *backing = NULL;
  struct progress progress;
  struct pool_verb_call call = { .fd = -1, .progress = show_progress,
                                 .opaque = &progress };
  json_t *reply;
  int code, r;

  if (strncmp (c->pool, "unix:", 5) == 0)
    return report_code (c, base_fail (EBUSY, "is served: stop the server, "
                                      "then repair the pool by its path"),
                        EXIT_IN_USE);
  code = open_backing (c, &backing);
  if (code != EXIT_DONE)
    return code;
  progress_init (&progress, c);
  r = pool_verb_repair (backing, c->pool, &call, &reply);
  progress_clear (&progress);
  if (r < 0)
    return report_code (c, r, exit_code (r));
  if (number (reply, "errors") > 0
      || json_array_size (json_object_get (reply, "lost")) > 0)
    code = EXIT_DAMAGED;
  else if (number (reply, "leaks") > 0)
    code = EXIT_LEAKS;
  if (given (c, OPT_JSON))
    print_json (json_incref (reply));
  else
    print_repair (c, reply);
  remark (c, "repaired, %s", code == EXIT_DONE ? "clean" :
          code == EXIT_LEAKS ? "only leaks" : "damage remains");
  json_decref (reply);
  return code;
}
