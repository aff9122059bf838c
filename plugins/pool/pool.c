/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nbdkit-pool-plugin: the volumes and snapshots of a pool as NBD exports.
 *
 * This file holds the callbacks that nbdkit calls, in the order of struct
 * nbdkit_plugin's life: load, config, get_ready, fork, after_fork, then for
 * each connection open ... close, then cleanup and unload.  Each translates
 * one call; common/pool decides.
 *
 * What nbdkit 1.32 makes necessary:
 *
 * - Of a failing callback's errno only a few values reach the client, every
 *   other one becomes EINVAL: to_errno.
 * - .zero never answers EOPNOTSUPP, for nbdkit's own fall-back corrupts data
 *   beyond 64 MiB; a pool's zero is always fast anyway.
 * - .extents reports nothing beyond the request, for nbdkit asserts.
 * - trim, zero, cache and extents come with counts up to 4 GiB - 1; nothing
 *   here depends on the count, and the engine works in bounded steps.
 * - SIGTERM waits for the clients, perhaps until SIGKILL: no callback that
 *   may come late has any part in durability.
 *
 * A failing request is not logged: the engine's events (log.c) say once what
 * is wrong with the pool.  `-D pool.io=1 -v` shows each request.
 */

#include <config.h>

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "devices.h"
#include "face.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

/* nbdkit sets this before .load and finds it by its name. */
NBDKIT_DLL_PUBLIC int pool_debug_io = 0;

/* One connection. */
struct handle {
  struct handle *next, *prev;   /* lock: handles_lock */
  char *name;                   /* VOLUME or VOLUME@SNAP */
  char *description;            /* NULL = none */
  struct vdev *volume;
};

/* All connections.  nbdkit does not close those that end while it shuts
 * down; face_close_handles does.
 */
static struct handle *handles;          /* lock: handles_lock */
static struct base_mutex handles_lock;

/* The error the client gets for R, a negative errno of the engine: one of
 * those that are defined for every request.
 */
static int
to_errno (int r)
{
  switch (-r) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return ENOSPC;
  case EROFS:
  case EPERM:
    return EROFS;
  case ENOMEM:
  case ESHUTDOWN:
    return -r;
  default:                      /* EINVAL too: nbdkit has checked the client's
                                 * side of it, what fails is ours */
    return EIO;
  }
}

/* The end of every data callback: 0 or -1 with the client's error set. */
static int
finish (struct handle *h, const char *what, uint32_t count, uint64_t offset,
        uint32_t flags, int r)
{
  if (pool_debug_io)
    nbdkit_debug ("%s: %s count=%" PRIu32 " offset=%" PRIu64
                  " flags=0x%" PRIx32 ": %s", h->name, what, count, offset,
                  flags, r < 0 ? base_error_text () : "ok");
  if (r >= 0)
    return 0;
  errno = to_errno (r);
  nbdkit_set_error (errno);
  return -1;
}

/* ---- the process -------------------------------------------------------- */

/* glibc gives each thread a heap of its own.  The nodes of the maps are
 * allocated by one thread and freed by another, and with nbdkit's 16 threads
 * per connection most of the memory would lie in heaps that nobody allocates
 * from just then (measured: half of 450 MiB).  One heap is no slower.
 */
static void
use_one_heap (void)
{
#ifdef M_ARENA_MAX
  mallopt (M_ARENA_MAX, 1);
#endif
}

static void
pool_load (void)
{
  int r;

  use_one_heap ();
  base_mutex_init (&handles_lock);
  face_log_init ();
  face_fill_init ();
  r = devices_register ();
#ifdef POOL_UNDER_TEST
  if (r == 0)
    r = face_under_test_register ();
#endif
  if (r < 0) {
    nbdkit_error ("pool: %s", base_error_text ());
    exit (EXIT_FAILURE);
  }
}

static void
pool_unload (void)
{
  /* Still open only if nbdkit ended between get_ready and after_fork. */
  if (face_pool)
    pool_abandon (face_pool);
  face_pool = NULL;
  face_config_free ();
}

static void
pool_dump_plugin (void)
{
  printf ("pool_version=%s\n", PACKAGE_VERSION);
  printf ("pool_name_max=%d\n", POOL_NAME_MAX);
}

/* ---- names -------------------------------------------------------------- */

static int
pool_list_exports (int readonly BASE_UNUSED, int is_tls BASE_UNUSED,
                   struct nbdkit_exports *exports)
{
  return face_list_exports (exports);
}

static const char *
pool_default_export (int readonly BASE_UNUSED, int is_tls BASE_UNUSED)
{
  CLEANUP_FREE char *name = face_default_name (true);

  return name ? nbdkit_strdup_intern (name) : NULL;
}

/* ---- one connection ----------------------------------------------------- */

/* Who is connected, for messages of the engine ("volume root is in use by
 * ...").  TEXT is "" where nbdkit does not know.
 */
static void
peer_text (char *text, size_t size)
{
  char host[INET6_ADDRSTRLEN] = "";
  struct sockaddr_storage ss;
  struct sockaddr_in *in = (struct sockaddr_in *) &ss;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &ss;
  socklen_t len = sizeof ss;

  *text = '\0';
  if (face_config.peer_unknown)
    return;
  memset (&ss, 0, sizeof ss);
  if (nbdkit_peer_name ((struct sockaddr *) &ss, &len) == -1)
    return;
  switch (ss.ss_family) {
  case AF_UNIX:
    snprintf (text, size, "pid %" PRIi64 " uid %" PRIi64,
              nbdkit_peer_pid (), nbdkit_peer_uid ());
    break;
  case AF_INET:
    inet_ntop (AF_INET, &in->sin_addr, host, sizeof host);
    snprintf (text, size, "%s:%u", host, ntohs (in->sin_port));
    break;
  case AF_INET6:
    inet_ntop (AF_INET6, &in6->sin6_addr, host, sizeof host);
    snprintf (text, size, "[%s]:%u", host, ntohs (in6->sin6_port));
    break;
  }
}

static void
remember (struct handle *h)
{
  LOCK_FOR_SCOPE (&handles_lock);

  h->next = handles;
  if (h->next)
    h->next->prev = h;
  handles = h;
}

static void
forget (struct handle *h)
{
  LOCK_FOR_SCOPE (&handles_lock);

  if (h->next)
    h->next->prev = h->prev;
  if (h->prev)
    h->prev->next = h->next;
  else
    handles = h->next;
}

static void
pool_close_handle (void *handle)
{
  struct handle *h = handle;

  forget (h);
  vdev_unref (h->volume);
  free (h->description);
  free (h->name);
  free (h);
}

void
face_close_handles (void)
{
  while (handles)
    pool_close_handle (handles);
}

/* The text of the error may name a path; the client gets none of it. */
static void
refuse_open (const char *name, int r)
{
  nbdkit_debug ("export %s: %s", name, base_error_text ());
  if (r == -ENOENT)
    nbdkit_error ("export %s: no such %s", name,
                  strchr (name, '@') ? "snapshot" : "volume");
  else
    nbdkit_error ("export %s: cannot be opened: %s", name, strerror (-r));
}

static void *
pool_open_handle (int readonly)
{
  char peer[128];
  struct handle *h;
  int r;

  h = base_calloc (1, sizeof *h);
  if (h == NULL) {
    nbdkit_error ("open: %m");
    return NULL;
  }
  h->name = face_resolve (nbdkit_export_name ());
  if (h->name == NULL) {
    free (h);
    return NULL;
  }
  peer_text (peer, sizeof peer);
  r = pool_volume_open (face_pool, h->name,
                        readonly || face_config.readonly,
                        *peer ? peer : NULL, &h->volume);
  if (r < 0) {
    refuse_open (h->name, r);
    free (h->name);
    free (h);
    return NULL;
  }
  h->description = face_description (h->name);
  remember (h);
  return h;
}

static const char *
pool_export_description (void *handle)
{
  struct handle *h = handle;

  return h->description;
}

static int64_t
pool_get_size (void *handle)
{
  struct handle *h = handle;

  return (int64_t) vdev_size (h->volume);
}

/* A longer request is taken or refused as a whole all the same; but each of
 * nbdkit's threads keeps a buffer as large as the longest one it ever saw.
 */
static int
pool_block_size (void *handle, uint32_t *minimum, uint32_t *preferred,
                 uint32_t *maximum)
{
  struct handle *h = handle;

  *minimum = 1;
  *preferred = BASE_MAX (h->volume->info.preferred, 512);
  *maximum = POOL_ADVISED_MAXIMUM;
  return 0;
}

static int
pool_can_write (void *handle)
{
  struct handle *h = handle;

  return !vdev_has (h->volume, VDEV_RO);
}

/* All connections share one pool: a flush on one makes durable what was
 * answered on any, and every other capability is the engine's for all
 * volumes alike.
 */
static int
pool_yes (void *handle BASE_UNUSED)
{
  return 1;
}

static int
pool_is_rotational (void *handle)
{
  struct handle *h = handle;

  return vdev_has (h->volume, VDEV_ROTATIONAL);
}

static int
pool_can_fua (void *handle BASE_UNUSED)
{
  return NBDKIT_FUA_NATIVE;
}

static int
pool_can_cache (void *handle BASE_UNUSED)
{
  return NBDKIT_CACHE_NATIVE;
}

/* ---- data --------------------------------------------------------------- */

static uint32_t
to_vdev_flags (uint32_t flags)
{
  uint32_t f = 0;

  if (flags & NBDKIT_FLAG_FUA)
    f |= VDEV_FUA;
  if (flags & NBDKIT_FLAG_MAY_TRIM)
    f |= VDEV_MAY_TRIM;
  if (flags & NBDKIT_FLAG_FAST_ZERO)
    f |= VDEV_FAST;
  if (flags & NBDKIT_FLAG_REQ_ONE)
    f |= VDEV_REQ_ONE;
  return f;
}

static int
pool_pread (void *handle, void *buf, uint32_t count, uint64_t offset,
            uint32_t flags)
{
  struct handle *h = handle;

  return finish (h, "read", count, offset, flags,
                 vdev_read (h->volume, buf, count, offset));
}

static int
pool_pwrite (void *handle, const void *buf, uint32_t count, uint64_t offset,
             uint32_t flags)
{
  struct handle *h = handle;

  return finish (h, "write", count, offset, flags,
                 vdev_write (h->volume, buf, count, offset,
                             to_vdev_flags (flags)));
}

static int
pool_flush_handle (void *handle, uint32_t flags)
{
  struct handle *h = handle;

  return finish (h, "flush", 0, 0, flags, vdev_flush (h->volume));
}

static int
pool_trim (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  struct handle *h = handle;

  return finish (h, "trim", count, offset, flags,
                 vdev_trim (h->volume, count, offset, to_vdev_flags (flags)));
}

static int
pool_zero (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  struct handle *h = handle;

  return finish (h, "zero", count, offset, flags,
                 vdev_zero (h->volume, count, offset, to_vdev_flags (flags)));
}

static int
pool_cache (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  struct handle *h = handle;

  return finish (h, "cache", count, offset, flags,
                 vdev_cache (h->volume, count, offset));
}

/* One extent for nbdkit's list, cut off at the end of the request. */
struct extent_sink {
  struct nbdkit_extents *list;
  uint64_t end;
};

static int
add_extent (void *opaque, uint64_t offset, uint64_t length, uint32_t type)
{
  struct extent_sink *sink = opaque;
  uint32_t nbd = 0;

  if (offset >= sink->end)
    return 1;
  if (type & VDEV_HOLE)
    nbd |= NBDKIT_EXTENT_HOLE;
  if (type & VDEV_ZEROES)
    nbd |= NBDKIT_EXTENT_ZERO;
  if (nbdkit_add_extent (sink->list, offset,
                         BASE_MIN (length, sink->end - offset), nbd) == -1)
    return -ENOMEM;
  return 0;
}

static int
pool_extents (void *handle, uint32_t count, uint64_t offset, uint32_t flags,
              struct nbdkit_extents *list)
{
  struct handle *h = handle;
  struct extent_sink sink = { .list = list, .end = offset + count };

  return finish (h, "extents", count, offset, flags,
                 vdev_extents (h->volume, count, offset,
                               to_vdev_flags (flags), add_extent, &sink));
}

static struct nbdkit_plugin plugin = {
  .name = "pool",
  .longname = "nbdvol pool",
  .version = PACKAGE_VERSION,
  .description = "Copy-on-write volumes, snapshots and clones in a pool",
  .magic_config_key = "file",
  .config_help = face_config_help,
  .errno_is_preserved = 1,

  .load = pool_load,
  .unload = pool_unload,
  .dump_plugin = pool_dump_plugin,
  .config = face_config_key,
  .config_complete = face_config_complete,
  .get_ready = face_open,
  .after_fork = face_start,
  .cleanup = face_stop,

  .list_exports = pool_list_exports,
  .default_export = pool_default_export,
  .open = pool_open_handle,
  .close = pool_close_handle,
  .export_description = pool_export_description,
  .get_size = pool_get_size,
  .block_size = pool_block_size,
  .is_rotational = pool_is_rotational,
  .can_write = pool_can_write,
  .can_flush = pool_yes,
  .can_fua = pool_can_fua,
  .can_trim = pool_yes,
  .can_zero = pool_yes,
  .can_fast_zero = pool_yes,
  .can_extents = pool_yes,
  .can_cache = pool_can_cache,
  .can_multi_conn = pool_yes,

  .pread = pool_pread,
  .pwrite = pool_pwrite,
  .flush = pool_flush_handle,
  .trim = pool_trim,
  .zero = pool_zero,
  .extents = pool_extents,
  .cache = pool_cache,
};

NBDKIT_REGISTER_PLUGIN (plugin)
