/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Options, anywhere behind the verb, as GNU getopt reads them: -x, -xVALUE,
 * -x VALUE, -xy, --name, --name=VALUE, --name VALUE, and -- before arguments
 * that start with a dash.  "-" is an argument.
 *
 * Not getopt_long itself, for two reasons: it takes any unambiguous
 * beginning of a name, so that a new option can break a script that
 * abbreviated an old one; and which options there are depends on the verb.
 * An option given twice counts once, with its last value.
 */

#include <config.h>

#include "command.h"

static const struct {
  uint32_t bit;
  const char *name;             /* long; NULL none */
  char letter;                  /* 0 none */
  const char *value;            /* its name; NULL = takes none */
  const char *help;
} options[] = {
  { OPT_JSON, "json", 0, NULL, "print one JSON object" },
  { OPT_QUIET, NULL, 'q', NULL, "no remarks, and no progress by itself" },
  { OPT_VERBOSE, NULL, 'v', NULL, "say what is done" },
  { OPT_WAIT, "wait", 0, "TIME", "wait for the pool's owner (10s)" },
  { OPT_PROGRESS, "progress", 0, "WHEN", "auto, always or never" },
  { OPT_EXIST_OK, "exist-ok", 0, NULL, "no error if it exists already" },
  { OPT_MISSING_OK, "missing-ok", 0, NULL, "no error if it is missing" },
  { OPT_FORCE, "force", 0, NULL, "also if that ends or overwrites something" },
  { OPT_RECURSIVE, NULL, 'r', NULL, "the snapshots of a volume too" },
  { OPT_SHRINK, "shrink", 0, NULL, "allow a smaller size" },
  { OPT_FOLLOW, "follow", 0, NULL, "wait for more events" },
  { OPT_NO_HEADING, NULL, 'H', NULL, "no heading, tabs between columns" },
  { OPT_EXACT, NULL, 'p', NULL, "exact bytes" },
  { OPT_COLUMNS, NULL, 'o', "COL[,COL]", "these columns" },
  { OPT_SORT, NULL, 's', "COL", "sort by this column" },
  { OPT_BLOCK_SIZE, "block-size", 0, "SIZE", "4K (default) to 64K" },
  { OPT_RATE, "rate", 0, "SIZE", "read so much a second at most (32M)" },
  { OPT_STOP, "stop", 0, NULL, "end the one that runs" },
  { OPT_REPAIR, "repair", 0, NULL, "make right what can be known" },
  { OPT_HELP, "help", 'h', NULL, "this text" },
};

static int
set_progress (struct command *c, const char *value)
{
  static const char *const names[] = { "auto", "always", "never" };
  unsigned i;

  for (i = 0; i < BASE_ARRAY_SIZE (names); ++i)
    if (strcmp (value, names[i]) == 0) {
      c->progress = (enum progress_mode) i;
      return 0;
    }
  return base_fail (EINVAL, "--progress: not auto, always or never: '%s'",
                    value);
}

static int
set_rate (struct command *c, const char *value)
{
  int r = base_parse_size ("--rate", value, &c->rate);

  if (r == 0 && c->rate == 0)
    return base_fail (EINVAL, "--rate: is zero: '%s'", value);
  return r;
}

static int
set_option (struct command *c, uint32_t bit, const char *value)
{
  c->given |= bit;
  switch (bit) {
  case OPT_WAIT:
    return base_parse_duration ("--wait", value, &c->wait_ms);
  case OPT_PROGRESS:
    return set_progress (c, value);
  case OPT_COLUMNS:
    c->columns = value;
    break;
  case OPT_SORT:
    c->sort = value;
    break;
  case OPT_BLOCK_SIZE:
    return base_parse_size ("--block-size", value, &c->block_size);
  case OPT_RATE:
    return set_rate (c, value);
  }
  return 0;
}

/* The option of that name (LEN bytes) or letter that C's verb has; -1. */
static int
find_option (const struct command *c, const char *name, size_t len,
             char letter)
{
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (options); ++i) {
    if ((options[i].bit & c->verb->options) == 0)
      continue;
    if (letter != 0 ? options[i].letter == letter :
        options[i].name != NULL && strlen (options[i].name) == len &&
        memcmp (options[i].name, name, len) == 0)
      return (int) i;
  }
  return -1;
}

/* ARGV[*I] is --name or --name=value. */
static int
parse_long (struct command *c, int argc, char **argv, int *i)
{
  const char *word = argv[*i], *value = strchr (word, '=');
  size_t len = value ? (size_t) (value - word) : strlen (word);
  int o = find_option (c, word + 2, len - 2, 0);

  if (o == -1)
    return base_fail (EINVAL, "%.*s: no such option", (int) len, word);
  if (value != NULL && options[o].value == NULL)
    return base_fail (EINVAL, "%.*s: takes no value", (int) len, word);
  if (value != NULL)
    value++;
  else if (options[o].value != NULL) {
    if (*i + 1 >= argc)
      return base_fail (EINVAL, "%s: needs a value", word);
    value = argv[++*i];
  }
  return set_option (c, options[o].bit, value);
}

/* ARGV[*I] is -x, -xyz or -xVALUE. */
static int
parse_letters (struct command *c, int argc, char **argv, int *i)
{
  const char *p = argv[*i] + 1, *value = NULL;
  int o, r;

  for (; *p != '\0'; ++p) {
    o = find_option (c, NULL, 0, *p);
    if (o == -1)
      return base_fail (EINVAL, "-%c: no such option", *p);
    if (options[o].value != NULL) {
      if (p[1] != '\0')
        value = p + 1;
      else if (*i + 1 < argc)
        value = argv[++*i];
      else
        return base_fail (EINVAL, "-%c: needs a value", *p);
    }
    r = set_option (c, options[o].bit, value);
    if (r < 0 || value != NULL)
      return r;
  }
  return 0;
}

static int
check_count (struct command *c)
{
  const struct command_verb *v = c->verb;

  if (!v->no_pool && c->pool == NULL)
    return base_fail (EINVAL, "POOL is missing");
  if (!v->no_pool && c->pool[0] == '\0') {
    c->pool = NULL;
    return base_fail (EINVAL, "POOL is empty");
  }
  if (c->nargs < v->min)
    return base_fail (EINVAL, "too few arguments: %s%s%s",
                      v->no_pool ? "" : "POOL", v->no_pool ? "" : " ",
                      v->arguments);
  if (v->max >= 0 && c->nargs > v->max)
    return base_fail (EINVAL, "too many arguments: '%s'", c->args[v->max]);
  return 0;
}

/* Arguments are moved to the front of ARGV, in their order. */
int
options_parse (struct command *c, int argc, char **argv)
{
  const int first = c->verb->no_pool ? 0 : 1;
  bool only_arguments = false;
  int i, n = 0, r = 0;

  for (i = 0; i < argc; ++i) {
    if (only_arguments || argv[i][0] != '-' || argv[i][1] == '\0') {
      argv[n++] = argv[i];
      if (n == first)
        c->pool = argv[0];      /* also for the message of a bad option */
    }
    else if (strcmp (argv[i], "--") == 0)
      only_arguments = true;
    else {
      if (argv[i][1] == '-')
        r = parse_long (c, argc, argv, &i);
      else
        r = parse_letters (c, argc, argv, &i);
      if (r < 0)
        return r;
    }
  }
  c->args = argv + first;
  c->nargs = BASE_MAX (n - first, 0);
  return given (c, OPT_HELP) ? 0 : check_count (c);
}

void
options_print (uint32_t set, FILE *fp)
{
  char text[40];
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (options); ++i) {
    if ((options[i].bit & set) == 0)
      continue;
    if (options[i].name != NULL)
      snprintf (text, sizeof text, "%s--%s%s%s",
                options[i].bit == OPT_HELP ? "-h, " : "", options[i].name,
                options[i].value ? "=" : "",
                options[i].value ? options[i].value : "");
    else
      snprintf (text, sizeof text, "-%c%s%s", options[i].letter,
                options[i].value ? " " : "",
                options[i].value ? options[i].value : "");
    fprintf (fp, "  %-20s %s\n", text, options[i].help);
  }
}

void
options_print_valued (FILE *fp)
{
  const char *or = "";
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (options); ++i) {
    if (options[i].value == NULL)
      continue;
    if (options[i].name != NULL)
      fprintf (fp, "%s--%s", or, options[i].name);
    else                        /* maybe behind other letters */
      fprintf (fp, "%s-%c | -[!-]*%c", or, options[i].letter,
               options[i].letter);
    or = " | ";
  }
}

json_t *
options_json (uint32_t set)
{
  json_t *list = json_array (), *j;
  char text[40];
  size_t i;

  for (i = 0; list != NULL && i < BASE_ARRAY_SIZE (options); ++i) {
    if ((options[i].bit & set) == 0)
      continue;
    if (options[i].name != NULL)
      snprintf (text, sizeof text, "--%s", options[i].name);
    else
      snprintf (text, sizeof text, "-%c", options[i].letter);
    j = json_pack ("{s:s, s:s?, s:s}", "name", text, "value",
                   options[i].value, "text", options[i].help);
    if (json_array_append_new (list, j) == -1) {
      json_decref (list);
      list = NULL;
    }
  }
  return list;
}

void
options_print_words (uint32_t set, FILE *fp)
{
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (options); ++i) {
    if ((options[i].bit & set) == 0)
      continue;
    if (options[i].name != NULL)
      fprintf (fp, " --%s%s", options[i].name, options[i].value ? "=" : "");
    else
      fprintf (fp, " -%c", options[i].letter);
  }
}
