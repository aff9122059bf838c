/* SPDX-License-Identifier: BSD-3-Clause
 *
 * scrub, and what info says of one.
 *
 * A scrub belongs to the command that started it, with a server as without:
 * Ctrl-C ends it, and so does the end of the command in any other way.  One
 * that is to go on alone is started by what starts such things (systemd-run,
 * nohup).  --stop is for everybody else.
 */

#include <config.h>

#include "command.h"

static long long
number (const json_t *j, const char *key)
{
  return (long long) json_integer_value (json_object_get (j, key));
}

static const char *
text (const json_t *j, const char *key)
{
  const char *s = json_string_value (json_object_get (j, key));

  return s ? s : "";
}

/* damaged: root: bytes 0..4095: data at block 77: checksum error
 * As soon as it is known: the end may be hours away.
 */
static int
print_damage (void *opaque, json_t *d)
{
  const struct command *c = opaque;
  const long long offset = number (d, "offset"), length = number (d, "length");

  if (given (c, OPT_JSON))
    return 0;
  printf ("%s: ", json_is_true (json_object_get (d, "repaired")) ?
          "repaired" : "damaged");
  if (length > 0)
    printf ("%s: bytes %lld..%lld: ", text (d, "volume"), offset,
            offset + length - 1);
  printf ("%s at block %lld: %s\n", text (d, "what"), number (d, "block"),
          text (d, "why"));
  return fflush (stdout) == 0 ? 0 : -1;
}

static void
print_scrub (const struct command *c, const json_t *reply)
{
  const long long found = number (reply, "found");
  const long long more = number (reply, "ranges") -
    (long long) json_array_size (json_object_get (reply, "damage"));
  char size[BASE_SIZE_TEXT];

  if (more > 0)
    printf ("and %lld more like these\n", more);
  if (given (c, OPT_QUIET))
    return;
  if (found == 0)
    printf ("%s: clean: ", c->pool);
  else
    printf ("%s: %lld damaged, %lld repaired: ", c->pool, found,
            number (reply, "repaired"));
  printf ("%s verified\n",
          base_size_text ((uint64_t) number (reply, "bytes"), size));
}

static int
stop_scrub (struct command *c)
{
  struct target *t;
  json_t *reply;
  int code, r;

  code = target_open (c, TARGET_PREFER_SERVER, &t);
  if (code != EXIT_DONE)
    return code;
  r = target_call (t, "scrub", json_pack ("{s:b}", "stop", 1), -1, &reply);
  if (r == 0) {
    remark (c, "%s", json_is_true (json_object_get (reply, "stopped")) ?
            "stopped" : "none was running");
    if (given (c, OPT_JSON))
      print_json (json_incref (reply));
    json_decref (reply);
  }
  return target_end (t, r);
}

int
run_scrub (struct command *c)
{
  struct target *t;
  json_t *request, *reply;
  int code, r, found = EXIT_DONE;

  if (given (c, OPT_STOP) && given (c, OPT_RATE)) {
    base_fail (EINVAL, "--stop: does not go with --rate");
    return report_usage (c);
  }
  if (given (c, OPT_STOP))
    return stop_scrub (c);
  code = target_open (c, TARGET_MEND, &t);
  if (code != EXIT_DONE)
    return code;
  request = c->rate ? json_pack ("{s:I}", "rate", (json_int_t) c->rate) :
    json_object ();
  r = target_stream (t, "scrub", request, print_damage, c, &reply);
  if (r == 0) {
    if (number (reply, "found") > number (reply, "repaired"))
      found = EXIT_DAMAGED;
    if (given (c, OPT_JSON))
      print_json (json_incref (reply));
    else
      print_scrub (c, reply);
    remark (c, "scrubbed, %s", found == EXIT_DONE ? "no damage remains" :
            "damaged");
    json_decref (reply);
  }
  code = target_end (t, r);
  return code == EXIT_DONE ? found : code;
}

/* ---- in info ------------------------------------------------------------- */

json_t *
scrub_summary (const json_t *scrub)
{
  const char *state = text (scrub, "state");
  const json_int_t ended = number (scrub, "ended");
  char done[BASE_SIZE_TEXT], total[BASE_SIZE_TEXT], time[BASE_TIME_TEXT];
  CLEANUP_FREE char *line = NULL;

  if (!json_is_object (scrub))
    return json_string ("");
  line = base_asprintf ("%s%s%s: %lld%% (%s of %s), %lld damaged, "
                        "%lld repaired", state, ended ? " " : "",
                        ended ? base_time_text (ended, time) : "",
                        number (scrub, "percent"),
                        base_size_text ((uint64_t) number (scrub, "done"),
                                        done),
                        base_size_text ((uint64_t) number (scrub, "total"),
                                        total),
                        number (scrub, "found"), number (scrub, "repaired"));
  return line ? json_string (line) : NULL;
}
