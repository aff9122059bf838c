/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From text to device and back.
 *
 *   TEXT  := KIND ":" REST  |  KIND "(" [ ARG { "," ARG } ] ")"  |  PATH
 *   KIND  := [a-z] { [a-z0-9+-] }, registered
 *   ARG   := characters with , ( ) \ written behind a backslash, or
 *            pieces in balanced parentheses, which are kept as they are
 *
 * One grammar for parameters, command line and configuration.  A piece in
 * parentheses inside an argument is kept with its backslashes, since the
 * argument is then KIND(...) itself and will be parsed again: a name is
 * escaped once, however deep it stands.
 *
 * The registry is the one variable of file scope here.  It is filled by the
 * faces before anything is opened, from one thread, and only read later, so
 * it needs no lock.  Constructors of shared objects do not fill it: what a
 * program can open should be seen in its main.
 */

#include <config.h>

#include <stdlib.h>

#include "vdev.h"

#define MAX_OPENERS 32
#define MAX_DEPTH 32

static struct {
  const struct vdev_opener *opener[MAX_OPENERS];
  size_t n;
} registry;

BASE_VECTOR (text_vector, char *);

static size_t
kind_length (const char *text)
{
  size_t n = 0;

  if (!(text[0] >= 'a' && text[0] <= 'z'))
    return 0;
  while ((text[n] >= 'a' && text[n] <= 'z') ||
         (text[n] >= '0' && text[n] <= '9') ||
         text[n] == '+' || text[n] == '-')
    ++n;
  return n;
}

static const struct vdev_opener *
find_opener (const char *kind, size_t n)
{
  size_t i;

  for (i = 0; i < registry.n; ++i) {
    if (strlen (registry.opener[i]->kind) == n &&
        memcmp (registry.opener[i]->kind, kind, n) == 0)
      return registry.opener[i];
  }
  return NULL;
}

int
vdev_register (const struct vdev_opener *opener)
{
  const size_t n = strlen (opener->kind);
  const struct vdev_opener *old = find_opener (opener->kind, n);

  if (old == opener)
    return 0;
  if (old)
    return base_fail (EEXIST, "two openers of kind '%s'", opener->kind);
  if (n == 0 || kind_length (opener->kind) != n)
    return base_fail (EINVAL, "'%s' cannot be a kind of device",
                      opener->kind);
  if (registry.n == MAX_OPENERS)
    return base_fail (ENOMEM, "too many kinds of devices");
  registry.opener[registry.n++] = opener;
  return 0;
}

static void
reset_args (struct text_vector *args)
{
  size_t i;

  for (i = 0; i < args->len; ++i)
    free (args->ptr[i]);
  text_vector_reset (args);
}

/* One argument at *P, up to the , or ) that ends it and to which *P moves. */
static int
parse_arg (const char *text, const char **p, char **ret)
{
  const char *s = *p;
  unsigned depth = 0;
  char *arg, *out;

  arg = out = base_malloc (strlen (s) + 1);
  if (arg == NULL)
    return base_fail (ENOMEM, "out of memory");
  for (; depth > 0 || (*s != ',' && *s != ')'); ++s) {
    if (*s == '\\' && s[1] != '\0') {
      if (depth > 0)
        *out++ = *s;
      ++s;
    }
    else if (*s == '(')
      ++depth;
    else if (*s == ')')
      --depth;
    if (*s == '\0' || (*s == '\\' && s[1] == '\0') || depth >= MAX_DEPTH) {
      free (arg);
      if (depth >= MAX_DEPTH)
        return base_fail (EINVAL, "device nested too deep: '%.128s'", text);
      return base_fail (EINVAL, "missing ')' in device '%.128s'", text);
    }
    *out++ = *s;
  }
  *out = '\0';
  *p = s;
  *ret = arg;
  return 0;
}

/* The arguments of TEXT, whose ( is just before P. */
static int
parse_args (const char *text, const char *p, struct text_vector *args)
{
  char *arg = NULL;
  int r;

  if (p[0] == ')' && p[1] == '\0')
    return 0;
  for (;; ++p) {
    r = text_vector_reserve (args, 1);
    if (r < 0)
      return r;
    r = parse_arg (text, &p, &arg);
    if (r < 0)
      return r;
    args->ptr[args->len++] = arg;
    if (*p == ')')
      break;
  }
  if (p[1] != '\0')
    return base_fail (EINVAL, "text behind the last ')' of device '%.128s'",
                      text);
  return 0;
}

/* KIND:REST and PATH: one argument, as it is. */
static int
open_plain (const struct vdev_opener *opener, const char *rest,
            uint32_t flags, struct vdev **ret)
{
  CLEANUP_FREE char *arg = base_strdup (rest);

  if (arg == NULL)
    return base_fail (ENOMEM, "out of memory");
  return opener->open (&arg, 1, flags, ret);
}

int
vdev_open (const char *text, uint32_t flags, struct vdev **ret)
{
  const size_t n = kind_length (text);
  const struct vdev_opener *opener = NULL;
  struct text_vector args = { 0 };
  int r;

  if (text[0] == '\0')
    return base_fail (EINVAL, "empty name of a device");
  if (n > 0 && (text[n] == ':' || text[n] == '('))
    opener = find_opener (text, n);
  if (opener == NULL) {
    opener = find_opener ("file", 4);
    if (opener == NULL)
      return base_fail (EINVAL, "unknown kind of device: '%.128s'", text);
    return open_plain (opener, text, flags, ret);
  }
  if (text[n] == ':')
    return open_plain (opener, text + n + 1, flags, ret);

  r = parse_args (text, text + n + 1, &args);
  if (r == 0)
    r = opener->open (args.ptr, args.len, flags, ret);
  reset_args (&args);
  return r;
}

char *
vdev_escape (const char *s)
{
  char *ret, *out;

  ret = out = base_malloc (2 * strlen (s) + 1);
  if (ret == NULL)
    return NULL;
  for (; *s != '\0'; ++s) {
    if (strchr (",()\\", *s))
      *out++ = '\\';
    *out++ = *s;
  }
  *out = '\0';
  return ret;
}

void
vdev_describe_argument (struct vdev *child, FILE *fp)
{
  CLEANUP_FREE char *text = vdev_text (child);
  const char *p;
  bool verbatim;

  if (text == NULL) {
    fputc ('\0', fp);           /* vdev_text looks for it */
    return;
  }
  verbatim = text[kind_length (text)] == '(';
  for (p = text; *p != '\0'; ++p) {
    if (!verbatim && strchr (",()\\", *p))
      fputc ('\\', fp);
    fputc (*p, fp);
  }
}
