/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control socket of a served pool: every verb that comes in goes to
 * pool_verb, the same function that `nbdvol` calls when there is no server.
 *
 * The socket is made before nbdkit forks, where a failure is seen, and
 * answered after it, where threads may be made.  Several read-only servers
 * may share one pool, but only one of them can have the pool's usual socket:
 * the others do without.
 */

#include <config.h>

#include <stdlib.h>
#include <unistd.h>

#include "control.h"
#include "face.h"

static struct control_server *server;

static int
call_verb (void *opaque BASE_UNUSED, const char *verb,
           const json_t *request, struct control_call *call, json_t **reply)
{
  struct pool_verb_call verb_call = {
    .fd = control_call_fd (call),
    .progress = control_progress,
    .line = control_line,
    .opaque = call,
  };

  return pool_verb (face_pool, verb, request, &verb_call, reply);
}

static const struct control_verb verbs[] = {
  { .name = NULL, .handler = call_verb },
};

/* What the first line of the socket tells besides the protocol's version:
 * whom one has reached.  "file" only if the pool is a plain file.
 */
static json_t *
make_greeting (const struct pool_info *info)
{
  char uuid[BASE_UUID_TEXT];

  base_uuid_format (info->uuid, uuid);
  return json_pack ("{s:s, s:s, s:s, s:s, s:s*}",
                    "server", "nbdkit-pool-plugin",
                    "version", PACKAGE_VERSION, "uuid", uuid,
                    "pool", face_config.given, "file", face_plain_path ());
}

int
face_control_bind (void)
{
  CLEANUP_FREE char *path = NULL;
  const char *where = face_config.control;
  struct pool_info info;
  json_t *greeting;
  int r;

  if (face_config.control_off)
    return 0;
  pool_get_info (face_pool, &info);
  if (where == NULL) {
    r = control_default_path (info.uuid, &path);
    if (r < 0) {
      nbdkit_error ("%s: %s", face_config.given, base_error_text ());
      return -1;
    }
    where = path;
  }
  greeting = make_greeting (&info);
  r = control_server_bind (where, verbs, BASE_ARRAY_SIZE (verbs), greeting,
                           &server);
  json_decref (greeting);
  if (r == -EBUSY && face_config.readonly && face_config.control == NULL) {
    nbdkit_debug ("%s: no control socket: %s", face_config.given,
                  base_error_text ());
    return 0;
  }
  if (r < 0) {
    nbdkit_error ("%s: %s", face_config.given, base_error_text ());
    return -1;
  }
  return 0;
}

int
face_control_start (void)
{
  if (server && control_server_start (server) < 0) {
    nbdkit_error ("%s: %s", face_config.given, base_error_text ());
    return -1;
  }
  return 0;
}

void
face_control_stop (void)
{
  control_server_stop (server);
  server = NULL;
}

const char *
face_control_path (void)
{
  return server ? control_server_path (server) : NULL;
}
