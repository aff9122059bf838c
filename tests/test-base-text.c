/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sizes, booleans, durations, uuids and times are read and written as
 * base.h says, and everything else is refused with a message.
 */

#include <config.h>

#include "base.h"
#include "test.h"

static void
sizes (void)
{
  static const struct { const char *text; uint64_t size; } good[] = {
    { "0", 0 }, { "1", 1 }, { "512", 512 }, { "7b", 7 }, { "7B", 7 },
    { "3s", 1536 }, { "3S", 1536 }, { "1k", 1024 }, { "1K", 1024 },
    { "2M", 2 << 20 }, { "2m", 2 << 20 }, { "3G", UINT64_C (3) << 30 },
    { "3g", UINT64_C (3) << 30 }, { "4T", UINT64_C (4) << 40 },
    { "5P", UINT64_C (5) << 50 }, { "7E", UINT64_C (7) << 60 },
    { "007", 7 }, { "9223372036854775807", INT64_MAX },
    { "18014398509481983s", INT64_MAX / 512 * 512 },
  };
  static const char *const bad[] = {
    "", " ", " 1", "1 ", "-1", "-", "+1", "x", "1x", "1KK", "1kB", "0x10",
    "1.5G", "9223372036854775808", "8E", "16E", "18446744073709551616",
    "99999999999999999999999", "18014398509481984s", "K", "s", "1\n",
  };
  uint64_t size;
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (good); ++i) {
    CHECK_EQ_INT (base_parse_size ("x", good[i].text, &size), 0);
    CHECK_MSG (size == good[i].size, "%s is not %" PRIu64, good[i].text, size);
  }
  for (i = 0; i < BASE_ARRAY_SIZE (bad); ++i) {
    size = 42;
    base_error_clear ();
    CHECK_MSG (base_parse_size ("thing", bad[i], &size) == -EINVAL,
               "'%s' was taken for a size", bad[i]);
    CHECK_EQ_INT (size, 42);
    CHECK (strncmp (base_error_text (), "thing: ", 7) == 0);
    CHECK (strchr (base_error_text (), '\n') == NULL);
  }
}

static void
booleans_and_durations (void)
{
  static const char *const yes[] = { "1", "true", "T", "yes", "Y", "ON" };
  static const char *const no[] = { "0", "False", "f", "NO", "n", "off" };
  static const char *const neither[] = { "", "2", "tru", "yess", " 1", "-1" };
  static const struct { const char *text; uint64_t ms; } good[] = {
    { "0", 0 }, { "10", 10000 }, { "10s", 10000 }, { "100ms", 100 },
    { "2m", 120000 }, { "1h", 3600000 }, { "0ms", 0 },
  };
  static const char *const bad[] = {
    "", "s", "ms", "-1", "1.5s", "1us", "1d", "1 s", " 1s", "1sm",
    "99999999999999999999", "18446744073709551615h",
  };
  uint64_t ms;
  size_t i;
  bool b;

  for (i = 0; i < BASE_ARRAY_SIZE (yes); ++i) {
    b = false;
    CHECK (base_parse_bool ("x", yes[i], &b) == 0 && b);
    CHECK (base_parse_bool ("x", no[i], &b) == 0 && !b);
    CHECK_EQ_INT (base_parse_bool ("x", neither[i], &b), -EINVAL);
  }
  for (i = 0; i < BASE_ARRAY_SIZE (good); ++i) {
    CHECK_EQ_INT (base_parse_duration ("x", good[i].text, &ms), 0);
    CHECK_EQ_INT (ms, good[i].ms);
  }
  for (i = 0; i < BASE_ARRAY_SIZE (bad); ++i)
    CHECK_MSG (base_parse_duration ("x", bad[i], &ms) == -EINVAL,
               "'%s' was taken for a duration", bad[i]);
}

static void
output (void)
{
  static const struct { uint64_t size; const char *text; } sizes_out[] = {
    { 0, "0" }, { 1, "1" }, { 512, "512" }, { 1023, "1023" }, { 1024, "1K" },
    { 1536, "1.5K" }, { 4096, "4K" }, { 4097, "4K" }, { 4200, "4.1K" },
    { 1048575, "1M" }, { 1048576, "1M" }, { UINT64_C (3) << 29, "1.5G" },
    { INT64_MAX, "8E" }, { UINT64_MAX, "16E" },
  };
  static const struct { int64_t t; const char *text; } times[] = {
    { 0, "1970-01-01T00:00:00Z" }, { 1795227968, "2026-11-21T02:26:08Z" },
    { -1, "1969-12-31T23:59:59Z" }, { 951782400, "2000-02-29T00:00:00Z" },
    { 253402300799, "9999-12-31T23:59:59Z" },
    { 253402300800, "@253402300800" }, { INT64_MIN, "@-9223372036854775808" },
  };
  char text[BASE_SIZE_TEXT], time[BASE_TIME_TEXT];
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (sizes_out); ++i)
    CHECK_EQ_STR (base_size_text (sizes_out[i].size, text),
                  sizes_out[i].text);
  for (i = 0; i < BASE_ARRAY_SIZE (times); ++i)
    CHECK_EQ_STR (base_time_text (times[i].t, time), times[i].text);
}

static void
uuids (void)
{
  static const char *const bad[] = {
    "", "f874a89f-66b5-42dd-9fe2-0ebc3bd8eb5",
    "f874a89f-66b5-42dd-9fe2-0ebc3bd8eb555",
    "f874a89f66b542dd9fe20ebc3bd8eb55",
    "f874a89f-66b5-42dd-9fe2-0ebc3bd8eb5g",
    "f874a89f-66b5-42dd-9fe2-0ebc3bd8eb5\n",
    "{874a89f-66b5-42dd-9fe2-0ebc3bd8eb55",
    "f874a89f-66b5-42dd-9fe2_0ebc3bd8eb55",
  };
  uint8_t a[16], b[16];
  char text[BASE_UUID_TEXT];
  size_t i;

  CHECK_EQ_INT (base_uuid_parse ("F874a89f-66b5-42dd-9fe2-0ebc3bd8eb55", a),
                0);
  CHECK (a[0] == 0xf8 && a[15] == 0x55);
  base_uuid_format (a, text);
  CHECK_EQ_STR (text, "f874a89f-66b5-42dd-9fe2-0ebc3bd8eb55");
  for (i = 0; i < BASE_ARRAY_SIZE (bad); ++i)
    CHECK_EQ_INT (base_uuid_parse (bad[i], b), -EINVAL);
  for (i = 0; i < 100; ++i) {
    base_uuid_generate (a);
    CHECK ((a[6] & 0xf0) == 0x40 && (a[8] & 0xc0) == 0x80);
    base_uuid_format (a, text);
    CHECK_EQ_INT (base_uuid_parse (text, b), 0);
    CHECK_EQ_MEM (a, b, 16);
  }
  base_uuid_generate (b);
  CHECK (memcmp (a, b, 16) != 0);
}

TEST_MAIN
{
  sizes ();
  booleans_and_durations ();
  output ();
  uuids ();
}
