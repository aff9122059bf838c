/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sizes, booleans, durations and times as people write and read them.
 *
 * The parsers accept what nbdkit's own accept (nbdkit_parse_size,
 * nbdkit_parse_bool), so that a parameter means the same in the plugin, in
 * the command and in a device text.  They are here because the rooms may not
 * use nbdkit.  None depends on the locale.
 */

#include <config.h>

#include <strings.h>
#include <time.h>

#include "base.h"

static bool
is_digit (char c)
{
  return c >= '0' && c <= '9';
}

/* Read digits at *P into *N and move *P behind them.  False if there is none
 * or the number does not fit.
 */
static bool
parse_digits (const char **p, uint64_t *n)
{
  uint64_t v = 0;

  if (!is_digit (**p))
    return false;
  for (; is_digit (**p); ++*p) {
    if (BASE_MUL_OVERFLOW (v, 10, &v) ||
        BASE_ADD_OVERFLOW (v, (uint64_t) (**p - '0'), &v))
      return false;
  }
  *n = v;
  return true;
}

/* Bytes in one unit of the suffix C; 0 if it is none. */
static uint64_t
size_scale (char c)
{
  static const char units[] = "kmgtpe";
  const char *u;

  switch (c) {
  case '\0': case 'b': case 'B':
    return 1;
  case 's': case 'S':
    return 512;
  }
  if (c >= 'A' && c <= 'Z')
    c = (char) (c - 'A' + 'a');
  u = strchr (units, c);
  return u ? UINT64_C (1) << (10 * (u - units + 1)) : 0;
}

int
base_parse_size (const char *what, const char *text, uint64_t *size)
{
  const char *p = text;
  uint64_t n, scale;

  if (*p == '-')
    return base_fail (EINVAL, "%s: size cannot be negative: '%.64s'",
                      what, text);
  if (!is_digit (*p))
    return base_fail (EINVAL, "%s: not a size: '%.64s'", what, text);
  if (!parse_digits (&p, &n))
    return base_fail (EINVAL, "%s: size is too large: '%.64s'", what, text);
  scale = size_scale (*p);
  if (scale == 0 || (*p != '\0' && p[1] != '\0'))
    return base_fail (EINVAL, "%s: not a size: '%.64s'", what, text);
  if (BASE_MUL_OVERFLOW (n, scale, &n) || n > INT64_MAX)
    return base_fail (EINVAL, "%s: size is too large: '%.64s'", what, text);
  *size = n;
  return 0;
}

int
base_parse_bool (const char *what, const char *text, bool *value)
{
  static const char *const yes[] = { "1", "true", "t", "yes", "y", "on" };
  static const char *const no[] = { "0", "false", "f", "no", "n", "off" };
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (yes); ++i) {
    if (strcasecmp (text, yes[i]) == 0) {
      *value = true;
      return 0;
    }
    if (strcasecmp (text, no[i]) == 0) {
      *value = false;
      return 0;
    }
  }
  return base_fail (EINVAL, "%s: not a boolean: '%.64s'", what, text);
}

int
base_parse_duration (const char *what, const char *text, uint64_t *ms)
{
  static const struct { const char *suffix; uint64_t ms; } units[] = {
    { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 },
    { "h", 60 * 60 * 1000 },
  };
  const char *p = text;
  uint64_t n;
  size_t i;

  if (is_digit (*p) && !parse_digits (&p, &n))
    return base_fail (EINVAL, "%s: duration is too long: '%.64s'",
                      what, text);
  for (i = 0; p != text && i < BASE_ARRAY_SIZE (units); ++i) {
    if (strcmp (p, units[i].suffix) != 0)
      continue;
    if (BASE_MUL_OVERFLOW (n, units[i].ms, &n) || n > INT64_MAX)
      return base_fail (EINVAL, "%s: duration is too long: '%.64s'",
                        what, text);
    *ms = n;
    return 0;
  }
  return base_fail (EINVAL, "%s: not a duration: '%.64s'", what, text);
}

const char *
base_size_text (uint64_t size, char text[BASE_SIZE_TEXT])
{
  static const char units[] = "KMGTPE";
  uint64_t unit = 1, whole, tenths;
  unsigned i = 0;               /* unit is 1024^i */

  while (i < 6 && size / unit >= 1024) {
    unit *= 1024;
    ++i;
  }
  whole = size / unit;
  /* Rounded to the nearest; below 10 * 2^60 + 2^59, so no overflow. */
  tenths = (size % unit * 10 + unit / 2) / unit;
  if (tenths == 10) {
    whole++;
    tenths = 0;
  }
  if (whole == 1024 && i < 6) {
    whole = 1;
    i++;
  }
  if (i == 0)
    snprintf (text, BASE_SIZE_TEXT, "%u", (unsigned) whole);
  else if (tenths == 0)
    snprintf (text, BASE_SIZE_TEXT, "%u%c", (unsigned) whole, units[i - 1]);
  else
    snprintf (text, BASE_SIZE_TEXT, "%u.%u%c", (unsigned) whole,
              (unsigned) tenths, units[i - 1]);
  return text;
}

const char *
base_time_text (int64_t seconds, char text[BASE_TIME_TEXT])
{
  time_t t = seconds;
  struct tm tm;

  /* RFC 3339 has four digits for the year. */
  if (gmtime_r (&t, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099)
    snprintf (text, BASE_TIME_TEXT, "@%lld", (long long) seconds);
  else
    strftime (text, BASE_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
  return text;
}

bool
base_is_zero (const void *p, size_t size)
{
  const uint8_t *b = p;
  size_t i;

  /* If the first 16 bytes are zero and every byte equals the one 16 before
   * it, all are zero; memcmp is the fastest way to say the second.
   */
  for (i = 0; i < 16; ++i) {
    if (i == size)
      return true;
    if (b[i] != 0)
      return false;
  }
  return memcmp (b, b + 16, size - 16) == 0;
}
