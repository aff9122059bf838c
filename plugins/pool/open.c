/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making, opening, starting and stopping the pool.
 *
 *   get_ready   face_open: still the user's directory, rights and terminal,
 *               so here everything is opened and every error is seen; no
 *               threads, for nbdkit forks afterwards; what is made is
 *               taken away again if the start fails (undo.c)
 *   after_fork  face_start: the threads, and the owner record with the pid
 *               that the server has from now on
 *   cleanup     face_stop; runs only when every client has left, so nothing
 *               that matters for the data happens here
 */

#include <config.h>

#include <stdlib.h>

#include "face.h"

#define DEFAULT_VOLUME "root"

struct pool *face_pool;

/* "POOL: in use by pid 12 on HOST (control socket PATH)", as far as the
 * owner record tells.
 */
static void
complain_in_use (void)
{
  CLEANUP_VDEV struct vdev *backing = NULL;
  CLEANUP_FREE char *why = base_strdup (base_error_text ());
  struct pool_owner owner;

  if (vdev_open (face_config.file, VDEV_OPEN_RO | VDEV_OPEN_NOLOCK,
                 &backing) == 0 &&
      pool_read_owner (backing, &owner) == 0)
    nbdkit_error ("%s: in use by pid %" PRIi64 " on %s (control socket %s)",
                  face_config.given, owner.pid, owner.host,
                  *owner.socket ? owner.socket : "off");
  else
    nbdkit_error ("%s: in use: %s", face_config.given, why ? why : "");
}

static int
fail (int r)
{
  if (r == -EBUSY)
    complain_in_use ();
  else
    nbdkit_error ("%s: %s", face_config.given, base_error_text ());
  return -1;
}

const char *
face_plain_path (void)
{
  const char *file = face_config.file;

  if (strncmp (file, "file:", 5) == 0)
    file += 5;
  return *file == '/' ? file : NULL;
}

/* Capacity for pool_format: pool-size=, else room for the volume, but not
 * less than what is there already and no more than a backing that cannot
 * grow has.
 */
static uint64_t
new_capacity (struct vdev *backing)
{
  uint64_t need;

  if (face_config.pool_size != 0)
    return face_config.pool_size;
  need = pool_capacity_for (face_config.create, face_config.block_size);
  if (!vdev_has (backing, VDEV_RESIZE) || vdev_size (backing) > need)
    return 0;
  return need;
}

static int
format_if_empty (struct vdev *backing)
{
  struct pool_format_options options = { 0 };
  enum pool_probe_result found;
  int r;

  r = pool_probe (backing, &found);
  if (r < 0)
    return fail (r);
  switch (found) {
  case POOL_PROBE_POOL:
    return 0;
  case POOL_PROBE_FOREIGN:
    nbdkit_error ("%s: not a pool, and not empty; left as it is",
                  face_config.given);
    return -1;
  case POOL_PROBE_EMPTY:
    break;
  }
  if (face_config.create == 0) {
    nbdkit_error ("%s: empty, not a pool; create=SIZE makes one",
                  face_config.given);
    return -1;
  }
  options.block_size = face_config.block_size;
  options.capacity = new_capacity (backing);
  r = pool_format (backing, &options);
  return r < 0 ? fail (r) : 0;
}

/* From any thread. */
static void
on_event (void *opaque, const struct pool_event *event)
{
  face_log_event (opaque, event);
  face_fill_event (event);
}

static int
open_pool (struct vdev *backing)
{
  struct pool_options options = { 0 };
  int r;

  options.readonly = face_config.readonly;
  options.discard_never = face_config.discard_never;
  options.cache_size = face_config.cache_size;
  options.name = face_config.given;
  options.event = on_event;
  r = pool_open (backing, &options, &face_pool);
  return r < 0 ? fail (r) : 0;
}

/* The volume that create= asks for, and a look whether volume= is there. */
static int
need_volume (void)
{
  const char *name = face_config.volume;
  struct pool_volume_info info;
  int r;

  if (name == NULL && face_config.create == 0)
    return 0;
  if (name == NULL)
    name = DEFAULT_VOLUME;
  r = pool_volume_info (face_pool, name, false, &info);
  if (r == -ENOENT && face_config.create != 0) {
    r = pool_create (face_pool, name, face_config.create, 0);
    if (r == 0)
      face_undo_volume (name);
    r = r == 0 ? pool_volume_info (face_pool, name, false, &info) : r;
  }
  if (r == 0 && face_config.volume)
    face_config.volume_id = info.id;
  return r < 0 ? fail (r) : 0;
}

static int
open_backing (struct vdev **backing)
{
  const char *path = face_plain_path ();
  uint32_t flags = 0;
  int r = -ENOENT;

  if (face_config.readonly)
    flags |= VDEV_OPEN_RO;
  if (face_config.create != 0)
    flags |= VDEV_OPEN_CREATE;
  if (face_config.create != 0 && path)
    r = face_undo_make_file (path, backing);
  if (r == -ENOENT)
    r = vdev_open (face_config.file, flags, backing);
  if (r < 0)
    return fail (r);
  face_undo_contents (*backing);
  return 0;
}

/* The volume comes last, when nothing else can fail any more. */
static int
open_all (void)
{
  struct vdev *backing;

  if (open_backing (&backing) < 0)
    return -1;
  if (format_if_empty (backing) < 0 || open_pool (backing) < 0) {
    vdev_unref (backing);
    return -1;
  }
  if (face_control_bind () < 0)
    return -1;
  return need_volume ();
}

int
face_open (void)
{
  if (face_undo_begin () < 0)
    return -1;
  if (open_all () < 0) {
    face_undo ();
    return -1;
  }
  return 0;
}

int
face_start (void)
{
  int r;

  if (face_log_start () < 0 || face_control_change_user () < 0)
    return -1;
  r = 0;
  if (!face_config.readonly)    /* the pid has changed, too */
    r = pool_set_control_socket (face_pool, face_control_path ());
  if (r == 0)
    r = pool_start (face_pool);
  if (r < 0)
    return fail (r);
  if (face_control_start () < 0 || face_fill_start () < 0)
    return -1;
  face_undo_end ();
  return 0;
}

void
face_stop (void)
{
  face_fill_stop ();
  face_control_stop ();
  face_close_handles ();
  if (face_pool && pool_close (face_pool) < 0)
    nbdkit_error ("%s: close: %s", face_config.given, base_error_text ());
  face_pool = NULL;
  face_log_stop ();
}
