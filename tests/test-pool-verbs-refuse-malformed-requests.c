/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A request that is not as it should be (members missing, of another type,
 * out of range) is refused with one message and changes nothing, whatever
 * the verb; members that are not known are ignored.  The control socket
 * passes such requests on as they come.
 */

#include <config.h>

#include <jansson.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

static struct pool *p;

static int
ask (const char *verb, const char *request, json_t **reply)
{
  struct pool_verb_call call = { .fd = -1 };
  json_t *j = json_loads (request, 0, NULL);
  int r;

  CHECK_MSG (j != NULL, "%s", request);
  base_error_clear ();
  r = pool_verb (p, verb, j, &call, reply);
  json_decref (j);
  return r;
}

static void
refused (int err, const char *verb, const char *request)
{
  json_t *reply = NULL;
  int r = ask (verb, request, &reply);

  CHECK_MSG (r == -err, "%s %s: %d: %s", verb, request, r, base_error_text ());
  CHECK_MSG (reply == NULL, "%s %s", verb, request);
  CHECK_MSG (base_error_text ()[0] != '\0', "%s %s", verb, request);
  CHECK_MSG (strchr (base_error_text (), '\n') == NULL, "%s", request);
}

static json_t *
done (const char *verb, const char *request)
{
  json_t *reply = NULL;
  int r = ask (verb, request, &reply);

  CHECK_MSG (r == 0, "%s %s: %s", verb, request, base_error_text ());
  CHECK (json_is_object (reply));
  return reply;
}

static void
malformed (void)
{
  static const char *const verbs[] = {
    "create", "snapshot", "clone", "rollback", "resize", "rename", "rm",
    "import", "export",
  };
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (verbs); ++i) {
    refused (EINVAL, verbs[i], "{}");
    refused (EINVAL, verbs[i], "{\"volume\":7,\"name\":7,\"names\":7}");
    if (strcmp (verbs[i], "rm") == 0)   /* it reports each name */
      continue;
    refused (EINVAL, verbs[i], "{\"volume\":\"\",\"name\":\"\",\"new\":\"\","
             "\"names\":[\"\"],\"size\":1}");
    refused (EINVAL, verbs[i], "{\"volume\":[],\"name\":{},\"names\":[7]}");
  }
  refused (EINVAL, "create", "{\"volume\":\"a\"}");
  refused (EINVAL, "create", "{\"volume\":\"a\",\"size\":\"1M\"}");
  refused (EINVAL, "create", "{\"volume\":\"a\",\"size\":-1}");
  refused (EINVAL, "create", "{\"volume\":\"a\",\"size\":0}");
  refused (EINVAL, "create", "{\"volume\":\"a\",\"size\":1.5}");
  refused (EINVAL, "create", "{\"volume\":\"a\",\"size\":4503599627370497}");
  refused (EINVAL, "create", "{\"volume\":\"a\",\"size\":9223372036854775807}");
  refused (EINVAL, "create", "{\"volume\":\"a@b\",\"size\":4096}");
  refused (EINVAL, "create",
           "{\"volume\":\"a\",\"size\":4096,\"exist-ok\":\"yes\"}");
  refused (EINVAL, "snapshot", "{\"names\":[]}");
  refused (EINVAL, "snapshot", "{\"names\":[\"root\"]}");
  refused (EINVAL, "snapshot", "{\"names\":\"root@a\"}");
  refused (EINVAL, "snapshot", "{\"names\":[\"root@a\",\"root@a\"]}");
  refused (ENOENT, "snapshot", "{\"names\":[\"root@a\",\"none@a\"]}");
  refused (EINVAL, "rm", "{\"names\":[\"root\"],\"force\":1}");
  refused (EINVAL, "ls", "{\"names\":[]}");
  refused (EINVAL, "ls", "{\"exclusive\":0}");
  refused (EINVAL, "info", "{\"name\":false}");
  refused (EINVAL, "events", "{\"after\":-1}");
  refused (EINVAL, "check", "{\"data\":\"yes\"}");
  refused (EINVAL, "scrub", "{\"rate\":\"1M\"}");
  refused (EINVAL, "scrub", "{\"rate\":-1}");
  refused (EINVAL, "scrub", "{\"rate\":0}");
  refused (EINVAL, "scrub", "{\"stop\":1}");
  refused (EINVAL, "grow", "{\"size\":-1}");
  refused (EINVAL, "grow", "{\"size\":\"1G\"}");
  refused (EINVAL, "import", "{\"volume\":\"new\"}");   /* no descriptor */
  refused (EINVAL, "export", "{\"name\":\"root\"}");
  refused (ENOSYS, "dance", "{}");
  refused (ENOSYS, "", "{}");
}

TEST_MAIN
{
  struct pool_format_options format = { .capacity = 0 };
  struct pool_info before, after;
  struct vdev *backing;
  json_t *j;

  CHECK (devices_register () == 0);
  CHECK (vdev_open ("mem:16M", 0, &backing) == 0);
  CHECK_MSG (pool_format (backing, &format) == 0, "%s", base_error_text ());
  CHECK_MSG (pool_open (backing, NULL, &p) == 0, "%s", base_error_text ());
  json_decref (done ("create", "{\"volume\":\"root\",\"size\":1048576}"));

  pool_get_info (p, &before);
  malformed ();
  pool_get_info (p, &after);
  CHECK_EQ_INT (after.generation, before.generation);
  CHECK_EQ_INT (after.used, before.used);
  CHECK_EQ_INT (after.volumes, 1);
  CHECK_EQ_INT (after.snapshots, 0);

  j = done ("ls", "{\"colour\":\"red\",\"names\":[\"root\"]}");
  CHECK_EQ_INT (json_array_size (json_object_get (j, "volumes")), 1);
  json_decref (j);
  json_decref (done ("flush", "{}"));
  /* rm reports each name, and goes on. */
  j = done ("rm", "{\"names\":[\"none\",\"\",\"root\"]}");
  CHECK_EQ_INT (json_array_size (json_object_get (j, "names")), 3);
  json_decref (j);
  j = done ("ls", "{}");
  CHECK_EQ_INT (json_array_size (json_object_get (j, "volumes")), 0);
  json_decref (j);
  CHECK (pool_close (p) == 0);
}
