/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control socket of a served pool: every verb that comes in goes to
 * pool_verb, the same function that `nbdvol` calls when there is no server.
 *
 * The socket is made before nbdkit forks, where a failure is seen, and
 * answered after it, where threads may be made.  Several read-only servers
 * may share one pool, but only one of them can have the pool's usual socket:
 * the others do without.
 *
 * nbdkit -u changes the user in between and tells nobody before.  The new
 * user can neither connect to root's socket nor take it away.  So it gets
 * one of its own: at the same path where it may replace root's, by default
 * in its own usual place, and what is left in root's is dead and replaced
 * by the next server.
 */

#include <config.h>

#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control.h"
#include "face.h"

static struct control_server *server;
static uid_t bound_by;          /* the user who made the socket */

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

static int
bind_to (const char *path, struct control_server **ret)
{
  struct pool_info info;
  json_t *greeting;
  int r;

  pool_get_info (face_pool, &info);
  greeting = make_greeting (&info);
  r = control_server_bind (path, verbs, BASE_ARRAY_SIZE (verbs), greeting,
                           ret);
  json_decref (greeting);
  return r;
}

static int
bind_to_usual_place (struct control_server **ret)
{
  CLEANUP_FREE char *path = NULL;
  struct pool_info info;
  int r;

  pool_get_info (face_pool, &info);
  r = control_default_path (info.uuid, &path);
  return r < 0 ? r : bind_to (path, ret);
}

int
face_control_bind (void)
{
  int r;

  if (face_config.control_off)
    return 0;
  bound_by = geteuid ();
  if (face_config.control)
    r = bind_to (face_config.control, &server);
  else
    r = bind_to_usual_place (&server);
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

/* May we take away what another user has put at PATH? */
static bool
may_replace (const char *path)
{
  CLEANUP_FREE char *copy = base_strdup (path);
  const char *dir = copy ? dirname (copy) : "";
  struct stat st;

  return access (dir, W_OK | X_OK) == 0 && stat (dir, &st) == 0 &&
    (!(st.st_mode & S_ISVTX) || st.st_uid == geteuid ());
}

/* The server, which may still be root's, for the user that we are now. */
int
face_control_change_user (void)
{
  struct control_server *own = NULL;
  int r = 0;

  if (server == NULL || geteuid () == bound_by)
    return 0;
  if (face_config.control == NULL) {
    unsetenv ("XDG_RUNTIME_DIR");       /* another user's */
    r = bind_to_usual_place (&own);
  }
  else if (may_replace (face_config.control)) {
    control_server_stop (server);
    server = NULL;
    r = bind_to (face_config.control, &own);
  }
  if (r < 0) {
    nbdkit_error ("%s: %s", face_config.given, base_error_text ());
    return -1;
  }
  if (own) {
    control_server_stop (server);
    server = own;
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
