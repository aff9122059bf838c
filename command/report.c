/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a verb ends: one line for people, one object for programs, one code.
 *
 *   nbdvol: VERB: POOL: OBJECT: what: why[; what to do]
 *
 * The rooms below say "OBJECT: what: why"; here the program, the verb and
 * the pool are put in front (the pool once, where a room has named it
 * already) and, where the rooms cannot know it, what to do.
 *
 * With --json the object {"error":{...}} goes to stdout, where the result
 * would be; the line for people goes to stderr all the same.
 */

#include <config.h>

#include <signal.h>
#include <stdlib.h>

#include "command.h"
#include "control.h"

/* ---- signals ----------------------------------------------------------- */

static volatile sig_atomic_t seen;

static void
on_signal (int sig)
{
  if (seen == 0)
    seen = sig;
}

/* Without SA_RESTART: a wait ends, and the loop around it looks.  What is
 * ignored stays so: nohup, and background jobs of a script.
 */
static void
catch_signal (int sig)
{
  struct sigaction sa = { .sa_handler = SIG_DFL };

  if (sigaction (sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
    return;
  sa = (struct sigaction) { .sa_handler = on_signal };
  sigemptyset (&sa.sa_mask);
  sigaction (sig, &sa, NULL);
}

void
signals_init (void)
{
  catch_signal (SIGINT);
  catch_signal (SIGTERM);
  catch_signal (SIGHUP);
  signal (SIGPIPE, SIG_IGN);
}

int
signal_seen (void)
{
  return seen;
}

bool
signal_cancelled (void *opaque BASE_UNUSED)
{
  return seen != 0;
}

/* ---- lines ------------------------------------------------------------- */

/* To be freed; NULL = no memory. */
static char * BASE_PRINTF (1, 0)
format (const char *fs, va_list args)
{
  char *text;

  return vasprintf (&text, fs, args) == -1 ? NULL : text;
}

/* One line on stderr, whatever a path holds. */
static void
print_line (const char *text)
{
  CLEANUP_FREE char *line = text ? base_strdup (text) : NULL;
  char *p;

  for (p = line; p != NULL && *p != '\0'; ++p)
    if ((unsigned char) *p < ' ' || *p == 0x7f)
      *p = ' ';
  fprintf (stderr, "nbdvol: %s\n", line ? line : "out of memory");
}

void
complain (const char *fs, ...)
{
  CLEANUP_FREE char *text = NULL;
  va_list args;

  va_start (args, fs);
  text = format (fs, args);
  va_end (args);
  print_line (text);
}

void
remark (const struct command *c, const char *fs, ...)
{
  CLEANUP_FREE char *text = NULL;
  va_list args;

  if (!given (c, OPT_VERBOSE) || given (c, OPT_QUIET))
    return;
  va_start (args, fs);
  text = format (fs, args);
  va_end (args);
  complain ("%s: %s: %s", c->verb->name, c->pool, text ? text : "");
}

/* ---- codes ------------------------------------------------------------- */

int
exit_code (int r)
{
  switch (-r) {
  case 0:
    return EXIT_DONE;
  case EINVAL: case ENAMETOOLONG:
    return EXIT_USAGE;
  case ENOENT:
    return EXIT_MISSING;
  case EEXIST:
    return EXIT_EXISTS;
  case ENOSPC:
    return EXIT_NO_SPACE;
  case EBADMSG:
    return EXIT_DAMAGED;
  case ECANCELED:
    return seen ? EXIT_SIGNAL + seen : EXIT_FAILED;
  default:
    return EXIT_FAILED;
  }
}

/* ---- text -------------------------------------------------------------- */

/* What the reader can do about R, where the message does not say it. */
static char *
remedy (const struct command *c, int code, const char *text)
{
  if (c->pool == NULL || strstr (text, "; ") != NULL)
    return base_strdup ("");
  if (code == EXIT_MISSING)
    return base_asprintf ("; see `nbdvol ls %s`", c->pool);
  if (code == EXIT_DAMAGED)
    return base_asprintf ("; see `nbdvol check %s`", c->pool);
  return base_strdup ("");
}

/* TEXT without the pool's name in front, as it was given or, for a socket,
 * its path.
 */
static const char *
without_pool (const struct command *c, const char *text)
{
  const char *pool = c->pool ? c->pool : "";
  size_t n;

  if (strncmp (pool, "unix:", 5) == 0 && strncmp (text, "unix:", 5) != 0)
    pool += 5;
  n = strlen (pool);
  if (n > 0 && strncmp (text, pool, n) == 0 && text[n] == ':' &&
      text[n + 1] == ' ')
    return text + n + 2;
  return text;
}

/* TEXT begins with one of C's arguments (maybe in quotes) and a colon: that
 * is the object, and its length is returned; 0 if it does not.
 */
static size_t
object_length (const struct command *c, const char *text)
{
  size_t n, quote = text[0] == '\'';
  int i;

  for (i = 0; i < c->nargs; ++i) {
    n = strlen (c->args[i]);
    if (strncmp (text + quote, c->args[i], n) == 0 &&
        (!quote || text[quote + n] == '\'') &&
        strncmp (text + n + 2 * quote, ": ", 2) == 0)
      return n + 2 * quote;
  }
  return 0;
}

/* {"code", "errno", "object", "text"}: the object is an argument, or the pool
 * if the message names none.
 */
json_t *
error_json (const struct command *c, int r, int code, const char *text)
{
  const char *name = control_errno_name (-r);
  CLEANUP_FREE char *object = NULL;
  json_t *j, *e;
  size_t n;

  text = without_pool (c, text);
  n = object_length (c, text);
  object = n > 0 ? base_asprintf ("%.*s", (int) n, text) :
    base_strdup (c->pool ? c->pool : "");
  if (n > 0)
    text += n + 2;
  j = json_pack ("{s:{s:i}}", "error", "code", code);
  if (j == NULL || object == NULL) {
    json_decref (j);
    return NULL;
  }
  /* A string that is not UTF-8 is left out. */
  e = json_object_get (j, "error");
  (void) json_object_set_new (e, "errno", json_string (name ? name : "EIO"));
  (void) json_object_set_new (e, "object", json_string (object));
  (void) json_object_set_new (e, "text", json_string (text));
  return j;
}

static int
report_with (const struct command *c, int r, int code, bool verb_ran)
{
  CLEANUP_FREE char *text = base_strdup (base_error_text ());
  CLEANUP_FREE char *hint = NULL;
  CLEANUP_FREE char *whole = NULL;

  if (text != NULL)
    hint = verb_ran ? remedy (c, code, text) : base_strdup ("");
  if (text != NULL && hint != NULL)
    whole = base_asprintf ("%s%s", text[0] ? text : strerror (-r), hint);
  if (whole == NULL) {
    complain ("out of memory");
    return code;
  }
  complain ("%s%s%s%s%s", c->verb ? c->verb->name : "", c->verb ? ": " : "",
            c->pool ? c->pool : "", c->pool ? ": " : "",
            without_pool (c, whole));
  if (given (c, OPT_JSON))
    print_json (error_json (c, r, code, whole));
  return code;
}

int
report_code (const struct command *c, int r, int code)
{
  return report_with (c, r, code, false);
}

int
report_verb (const struct command *c, int r, int code)
{
  return report_with (c, r, code, true);
}

int
report (const struct command *c, int r)
{
  return report_code (c, r, exit_code (r));
}

int
report_usage (const struct command *c)
{
  (void) base_fail (EINVAL, "%s; see `nbdvol help%s%s`", base_error_text (),
                    c->verb ? " " : "", c->verb ? c->verb->name : "");
  return report_code (c, -EINVAL, EXIT_USAGE);
}

/* ---- JSON -------------------------------------------------------------- */

static bool
is_time (const char *key)
{
  return strcmp (key, "created") == 0 || strcmp (key, "time") == 0 ||
    strcmp (key, "last-error-time") == 0 || strcmp (key, "started") == 0 ||
    strcmp (key, "ended") == 0;
}

/* Times are numbers on the wire, text in what we print; 0 = none. */
static void
times_as_text (json_t *j)
{
  char text[BASE_TIME_TEXT];
  const char *key;
  json_t *value;
  size_t i;
  void *next;

  if (json_is_array (j)) {
    json_array_foreach (j, i, value)
      times_as_text (value);
    return;
  }
  json_object_foreach_safe (j, next, key, value) {
    if (is_time (key) && json_is_integer (value)) {
      json_int_t t = json_integer_value (value);
      (void) json_object_set_new (j, key, t == 0 ? json_null () :
                                  json_string (base_time_text (t, text)));
    }
    else
      times_as_text (value);
  }
}

void
print_json (json_t *j)
{
  if (j == NULL) {
    complain ("out of memory");
    return;
  }
  times_as_text (j);
  (void) json_dumpf (j, stdout, JSON_COMPACT);
  putchar ('\n');
  json_decref (j);
}
