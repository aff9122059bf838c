/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which volume an export name means.
 *
 * An export name is VOLUME or VOLUME@SNAP.  The empty one means volume=,
 * else the only volume there is, else nothing.  With volume=NAME only that
 * name and the empty one are served; NAME is what the volume is called when
 * the server starts, and if it is renamed, it is served by its new name.
 *
 * The name comes from whoever connects: it is looked at only by
 * pool_check_name until that has called it well-formed, and only then
 * repeated in a message.  Messages of this file may reach the client (nbdkit
 * 1.42 sends them), so they name exports and nothing else of the server.
 */

#include <config.h>

#include <stdlib.h>

#include "face.h"

/* The volumes (not snapshots) of the pool, as the message needs them. */
struct volume_names {
  size_t count;
  char only[POOL_NAME_MAX + 1]; /* the last one seen */
  char list[512];               /* as many as fit, ", " between */
};

static int
add_volume_name (void *opaque, const struct pool_volume_info *info)
{
  struct volume_names *names = opaque;
  size_t used = strlen (names->list);

  if (info->snapshot)
    return 0;
  names->count++;
  snprintf (names->only, sizeof names->only, "%s", info->name);
  if (used + strlen (info->name) + 8 < sizeof names->list)
    snprintf (names->list + used, sizeof names->list - used, "%s%s",
              used > 0 ? ", " : "", info->name);
  else if (used > 0 && names->list[used - 1] != '.')
    snprintf (names->list + used, sizeof names->list - used, ", ...");
  return 0;
}

struct served { uint64_t id; char name[POOL_NAME_MAX + 1]; };

static int
find_served (void *opaque, const struct pool_volume_info *info)
{
  struct served *s = opaque;

  if (info->id != s->id)
    return 0;
  snprintf (s->name, sizeof s->name, "%s", info->name);
  return 1;
}

/* What the volume of volume= is called now, to be freed. */
static char *
served_name (void)
{
  struct served s = { .id = face_config.volume_id };

  if (s.id != 0 && pool_list (face_pool, false, find_served, &s) == 1)
    return base_strdup (s.name);
  return base_strdup (face_config.volume);
}

/* What the empty name means, to be freed. */
char *
face_default_name (bool complain)
{
  struct volume_names names = { 0 };
  char *name;

  if (face_config.volume)
    name = served_name ();
  else {
    if (pool_list (face_pool, false, add_volume_name, &names) < 0) {
      nbdkit_error ("the volumes cannot be listed");
      return NULL;
    }
    if (names.count != 1) {
      if (complain && names.count == 0)
        nbdkit_error ("there is no volume yet; see `nbdvol create`");
      else if (complain)
        nbdkit_error ("the empty export name means no volume: there are "
                      "%zu: %s; name one, or start nbdkit with volume=",
                      names.count, names.list);
      return NULL;
    }
    name = base_strdup (names.only);
  }
  if (name == NULL)
    nbdkit_error ("export name: %m");
  return name;
}

/* Is the well-formed name EXPORT served? */
static bool
is_served (const char *export)
{
  CLEANUP_FREE char *name = NULL;

  if (face_config.volume == NULL)
    return true;
  name = served_name ();
  return name && strcmp (export, name) == 0;
}

char *
face_resolve (const char *export)
{
  char *name;

  if (export == NULL || *export == '\0')
    return face_default_name (true);
  if (pool_check_name (export, 2) < 0) {
    nbdkit_error ("export name of %zu bytes is not VOLUME or VOLUME@SNAP",
                  strlen (export));
    return NULL;
  }
  if (!is_served (export)) {
    nbdkit_error ("export %s: not served here", export);
    return NULL;
  }
  name = base_strdup (export);
  if (name == NULL)
    nbdkit_error ("export %s: %m", export);
  return name;
}

static char *
describe (const struct pool_volume_info *info)
{
  char size[BASE_SIZE_TEXT], created[BASE_TIME_TEXT];

  return base_asprintf ("%s, %s, created %s",
                        info->snapshot ? "snapshot" : "volume",
                        base_size_text (info->size, size),
                        base_time_text (info->created, created));
}

struct listing { struct nbdkit_exports *exports; const char *only; };

static int
add_export (void *opaque, const struct pool_volume_info *info)
{
  const struct listing *l = opaque;
  CLEANUP_FREE char *text = NULL;

  if (l->only && strcmp (info->name, l->only) != 0)
    return 0;
  text = describe (info);
  return nbdkit_add_export (l->exports, info->name, text) == 0 ? 0 : -ENOMEM;
}

int
face_list_exports (struct nbdkit_exports *exports)
{
  CLEANUP_FREE char *only = face_config.volume ? served_name () : NULL;
  struct listing l = { exports, only };

  if (face_config.volume && only == NULL) {
    nbdkit_error ("the volumes cannot be listed");
    return -1;
  }
  if (pool_list (face_pool, false, add_export, &l) < 0) {
    nbdkit_error ("the volumes cannot be listed");
    return -1;
  }
  return 0;
}

/* To be freed. */
char *
face_description (const char *name)
{
  struct pool_volume_info info;

  if (pool_volume_info (face_pool, name, false, &info) < 0)
    return NULL;
  return describe (&info);
}
