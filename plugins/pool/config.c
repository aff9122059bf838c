/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parameters of the pool plugin.
 *
 * A table names each key, what takes its value and its line of help.  A
 * value that cannot be right is refused here, with one line that names the
 * key, before any file is touched; what needs the pool is left to open.c.
 * nbdkit's parse functions are not used because their messages do not say
 * which parameter was wrong.
 */

#include <config.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "face.h"

struct face_config face_config;

#define MAX_VOLUME (UINT64_C (4) << 50)
#define MIN_CACHE (UINT64_C (1) << 20)

/* nbdkit's bash completion looks for "key=" at the start of a line. */
const char face_config_help[] =
  "file=<POOL>            (required) The pool: a file, a block device, or a\n"
  "                       device text such as mem:64M, see nbdvol-vdev(7).\n"
  "volume=<NAME>          Serve only this VOLUME or VOLUME@SNAP, and under\n"
  "                       the empty export name too.\n"
  "create=<SIZE>          If the pool, or the volume (default \"root\"), is\n"
  "                       missing, make it.\n"
  "pool-size=<SIZE>       Capacity of a new pool, default SIZE of create= and\n"
  "                       room for metadata.\n"
  "block-size=<SIZE>      Block size of a new pool, 4K (default) to 64K.\n"
  "readonly=<BOOL>        Open the pool read-only, shared with other readers.\n"
  "control=<PATH>|off     Control socket (default in /run/nbdvol).\n"
  "discard=slab|never     Give free slabs back to the file (default) or not.\n"
  "fill-command=<PATH>    Run PATH POOL PERCENT when the pool is 80, 90, 95\n"
  "                       and 99 percent full.\n"
  "metadata-cache=<SIZE>  Memory for the volumes' maps (default 64M).";

static int
fail (void)
{
  nbdkit_error ("pool: %s", base_error_text ());
  return -1;
}

static int
take_text (const char *key, const char *value, char **ret)
{
  if (*value == '\0') {
    nbdkit_error ("pool: %s=: empty", key);
    return -1;
  }
  *ret = base_strdup (value);
  if (*ret == NULL) {
    nbdkit_error ("pool: %s=: %m", key);
    return -1;
  }
  return 0;
}

/* A size between MIN and MAX bytes. */
static int
take_size (const char *key, const char *value, uint64_t min, uint64_t max,
           uint64_t *ret)
{
  char what[32], lo[BASE_SIZE_TEXT], hi[BASE_SIZE_TEXT];

  snprintf (what, sizeof what, "%s=", key);
  if (base_parse_size (what, value, ret) < 0)
    return fail ();
  if (*ret < min || *ret > max) {
    nbdkit_error ("pool: %s %s is not between %s and %s", what, value,
                  base_size_text (min, lo), base_size_text (max, hi));
    return -1;
  }
  return 0;
}

/* True if TEXT is KIND:... or KIND(...) for something that may be a kind of
 * device.  A relative path that looks the same stays as it is and is opened
 * from the directory nbdkit was started in all the same, for the pool is
 * opened before nbdkit leaves it.
 */
static bool
is_vdev_text (const char *text)
{
  size_t n = strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789+-");

  return n > 0 && (text[n] == ':' || text[n] == '(');
}

static int
take_file (const char *value)
{
  CLEANUP_FREE char *path = NULL;
  struct face_config *c = &face_config;

  if (take_text ("file", value, &c->given) < 0)
    return -1;
  if (strncmp (value, "file:", 5) == 0 && value[5] != '\0') {
    path = nbdkit_absolute_path (value + 5);
    c->file = path ? base_asprintf ("file:%s", path) : NULL;
  }
  else if (is_vdev_text (value))
    c->file = base_strdup (value);
  else
    c->file = nbdkit_absolute_path (value);
  if (c->file == NULL) {
    nbdkit_error ("pool: file=%s: %m", value);
    return -1;
  }
  return 0;
}

static int
take_volume (const char *value)
{
  if (pool_check_name (value, 2) < 0) {
    nbdkit_error ("pool: volume=: %s", base_error_text ());
    return -1;
  }
  return take_text ("volume", value, &face_config.volume);
}

static int
take_create (const char *value)
{
  return take_size ("create", value, 1, MAX_VOLUME, &face_config.create);
}

static int
take_pool_size (const char *value)
{
  return take_size ("pool-size", value, 1, INT64_MAX,
                    &face_config.pool_size);
}

static int
take_block_size (const char *value)
{
  uint64_t n;

  if (take_size ("block-size", value, 4096, 65536, &n) < 0)
    return -1;
  if (!base_is_power_of_2 (n)) {
    nbdkit_error ("pool: block-size= %s is not a power of two", value);
    return -1;
  }
  face_config.block_size = (uint32_t) n;
  return 0;
}

static int
take_readonly (const char *value)
{
  if (base_parse_bool ("readonly=", value, &face_config.readonly) < 0)
    return fail ();
  return 0;
}

static int
take_control (const char *value)
{
  if (strcmp (value, "off") == 0) {
    face_config.control_off = true;
    return 0;
  }
  if (*value == '\0') {
    nbdkit_error ("pool: control=: empty; use off for none");
    return -1;
  }
  face_config.control = nbdkit_absolute_path (value);
  return face_config.control ? 0 : -1;
}

static int
take_discard (const char *value)
{
  if (strcmp (value, "slab") != 0 && strcmp (value, "never") != 0) {
    nbdkit_error ("pool: discard=%s: must be slab or never", value);
    return -1;
  }
  face_config.discard_never = strcmp (value, "never") == 0;
  return 0;
}

static int
take_fill_command (const char *value)
{
  if (*value == '\0') {
    nbdkit_error ("pool: fill-command=: empty");
    return -1;
  }
  face_config.fill_command = nbdkit_absolute_path (value);
  if (face_config.fill_command == NULL)
    return -1;
  return face_fill_check (face_config.fill_command);
}

static int
take_metadata_cache (const char *value)
{
  return take_size ("metadata-cache", value, MIN_CACHE, SIZE_MAX / 2,
                    &face_config.cache_size);
}

static const struct {
  const char *key;
  int (*take) (const char *value);
} keys[] = {
  { "file", take_file },
  { "volume", take_volume },
  { "create", take_create },
  { "pool-size", take_pool_size },
  { "block-size", take_block_size },
  { "readonly", take_readonly },
  { "control", take_control },
  { "discard", take_discard },
  { "fill-command", take_fill_command },
  { "metadata-cache", take_metadata_cache },
};

int
face_config_key (const char *key, const char *value)
{
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (keys); ++i) {
    if (strcmp (key, keys[i].key) != 0)
      continue;
    if (face_config.seen & (1U << i)) {
      nbdkit_error ("pool: %s= is given twice", key);
      return -1;
    }
    face_config.seen |= 1U << i;
    return keys[i].take (value);
  }
  nbdkit_error ("pool: unknown parameter '%s'; see nbdkit pool --help", key);
  return -1;
}

/* With -s the client is on nbdkit's stdin, which need not be a socket.  Only
 * now can that be seen.
 */
static bool
client_is_on_a_pipe (void)
{
  struct stat st;

  return !nbdkit_stdio_safe () &&
    (fstat (STDIN_FILENO, &st) == -1 || !S_ISSOCK (st.st_mode));
}

int
face_config_complete (void)
{
  struct face_config *c = &face_config;

  if (c->file == NULL) {
    nbdkit_error ("pool: file= is missing: nbdkit pool FILE [volume=NAME]");
    return -1;
  }
  if (c->create == 0 && (c->pool_size != 0 || c->block_size != 0)) {
    nbdkit_error ("pool: %s= says how to make a pool and needs create=",
                  c->pool_size != 0 ? "pool-size" : "block-size");
    return -1;
  }
  if (c->create != 0 && c->readonly) {
    nbdkit_error ("pool: create= and readonly= exclude each other");
    return -1;
  }
  if (c->fill_command && c->readonly) {
    nbdkit_error ("pool: fill-command= and readonly= exclude each other");
    return -1;
  }
  if (c->create != 0 && c->volume && strchr (c->volume, '@')) {
    nbdkit_error ("pool: create= cannot make the snapshot volume=%s",
                  c->volume);
    return -1;
  }
  c->peer_unknown = client_is_on_a_pipe ();
  return 0;
}

void
face_config_free (void)
{
  struct face_config *c = &face_config;

  free (c->given);
  free (c->file);
  free (c->volume);
  free (c->control);
  free (c->fill_command);
  memset (c, 0, sizeof *c);
}
