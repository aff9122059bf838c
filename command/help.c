/* SPDX-License-Identifier: BSD-3-Clause
 *
 * help and completion, both made from the table of verbs, so that neither
 * can lag behind it.
 */

#include <config.h>

#include <stdlib.h>

#include "command.h"

#define HELP_POOL \
  "POOL  a path, vdev text, or a server's control socket (unix:PATH)\n"
#define HELP_NAME "NAME  VOLUME or VOLUME@SNAP\n"
#define HELP_SIZE "SIZE  bytes, or with K M G T P: 512, 4K, 10G, 1T\n"

static void
print_usage (const struct command_verb *v, FILE *fp)
{
  fprintf (fp, "nbdvol %s%s%s%s%s\n", v->name,
           v->no_pool ? "" : " [OPTION...] POOL",
           v->arguments[0] ? " " : "", v->arguments, "");
}

void
help_program (FILE *fp)
{
  const struct command_verb *verbs;
  size_t i, n;

  fprintf (fp,
           "usage: nbdvol [-h|-V] VERB [OPTION...] POOL [ARGUMENT...]\n"
           "\n"
           HELP_POOL HELP_NAME HELP_SIZE
           "\n");
  verbs = command_verbs (&n);
  for (i = 0; i < n; ++i) {
    fprintf (fp, "  ");
    print_usage (&verbs[i], fp);
  }
  fprintf (fp,
           "\n"
           "`nbdvol help VERB` says more; so does nbdvol(1).\n");
}

void
help_verb (const struct command_verb *verb, FILE *fp)
{
  fprintf (fp, "usage: ");
  print_usage (verb, fp);
  fprintf (fp, "\n%s\n\n", verb->help);
  if (!verb->no_pool)
    fputs (HELP_POOL, fp);
  if (strstr (verb->arguments, "NAME") != NULL)
    fputs (HELP_NAME, fp);
  if (strstr (verb->arguments, "SIZE") != NULL)
    fputs (HELP_SIZE, fp);
  if (!verb->no_pool)
    fputs ("\n", fp);
  options_print (verb->options, fp);
}

/* {"name", "arguments", "text", "options":[...]} */
static json_t *
verb_json (const struct command_verb *v)
{
  return json_pack ("{s:s, s:s, s:b, s:s, s:o}", "name", v->name,
                    "arguments", v->arguments, "pool", !v->no_pool,
                    "text", v->help, "options", options_json (v->options));
}

static json_t *
verbs_json (void)
{
  const struct command_verb *verbs;
  json_t *list = json_array ();
  size_t i, n;

  verbs = command_verbs (&n);
  for (i = 0; list != NULL && i < n; ++i)
    if (json_array_append_new (list, verb_json (&verbs[i])) == -1) {
      json_decref (list);
      list = NULL;
    }
  return list;
}

int
run_help (struct command *c)
{
  const struct command_verb *verb = NULL;

  if (c->nargs > 0) {
    verb = command_find (c->args[0]);
    if (verb == NULL) {
      base_fail (EINVAL, "%s: no such verb", c->args[0]);
      return report_usage (c);
    }
  }
  if (given (c, OPT_JSON))
    print_json (verb ? json_pack ("{s:o}", "verb", verb_json (verb)) :
                json_pack ("{s:o}", "verbs", verbs_json ()));
  else if (verb != NULL)
    help_verb (verb, stdout);
  else
    help_program (stdout);
  return EXIT_DONE;
}

/* The function is in two parts: what depends on the table comes from it, the
 * rest is fixed.  Names of volumes are asked of nbdvol itself.
 */
static const char completion_head[] =
  "# bash completion for nbdvol, printed by `nbdvol completion bash`\n"
  "_nbdvol ()\n"
  "{\n"
  "  # Bash breaks words at @, : and = as well; we do not.\n"
  "  local line=${COMP_LINE:0:COMP_POINT} cur verb='' pool='' options=''\n"
  "  local words i n=0 names head files='' value=''\n"
  "  read -ra words <<<\"$line\"\n"
  "  [[ $line == *[[:space:]] ]] && words+=('')\n"
  "  cur=${words[${#words[@]} - 1]}\n"
  "  COMPREPLY=()\n"
  "  for ((i = 1; i < ${#words[@]} - 1; i++)); do\n"
  "    if [[ $value ]]; then\n"
  "      value=''\n"
  "      continue\n"
  "    fi\n"
  "    case ${words[i]} in\n";

/* Here stand the options whose value is the next word. */
static const char completion_words[] =
  ") value=1 ;;\n"
  "    esac\n"
  "    [[ ${words[i]} == -* ]] && continue\n"
  "    case $n in\n"
  "      0) verb=${words[i]} ;;\n"
  "      1) pool=${words[i]} ;;\n"
  "    esac\n"
  "    n=$((n + 1))\n"
  "  done\n"
  "  [[ -z $value ]] || return 0\n";

static const char completion_tail[] =
  "  case $verb:$n in\n"
  "    *:1 | import:3 | export:3) files=1 ;;\n"
  "  esac\n"
  "  if [[ $cur == -* ]]; then\n"
  "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
  "    [[ ${COMPREPLY[0]-} != *= ]] ||\n"
  "      compopt -o nospace 2>/dev/null || :\n"
  "    return 0\n"
  "  elif [[ $files ]]; then\n"
  "    compopt -o filenames 2>/dev/null || :\n"
  "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
  "    return 0\n"
  "  fi\n"
  "  names=$(nbdvol ls --wait=0 -H -o name \"${pool/#\\~/$HOME}\" "
  "2>/dev/null) || names=\n"
  "  mapfile -t COMPREPLY < <(compgen -W \"$names\" -- \"$cur\")\n"
  "  # Only what stands behind the last break is replaced.\n"
  "  head=${cur%\"${cur##*[@:=]}\"}\n"
  "  COMPREPLY=(\"${COMPREPLY[@]#\"$head\"}\")\n"
  "}\n"
  "complete -F _nbdvol nbdvol\n";

static void
print_verb_names (const char *more, FILE *fp)
{
  const struct command_verb *verbs;
  size_t i, n;

  verbs = command_verbs (&n);
  fprintf (fp, "mapfile -t COMPREPLY < <(compgen -W \"");
  for (i = 0; i < n; ++i)
    fprintf (fp, "%s ", verbs[i].name);
  fprintf (fp, "%s\" -- \"$cur\")\n", more);
}

static void
print_completion (FILE *fp)
{
  const struct command_verb *verbs;
  size_t i, n;

  verbs = command_verbs (&n);
  fputs (completion_head, fp);
  fprintf (fp, "      ");
  options_print_valued (fp);
  fputs (completion_words, fp);
  fprintf (fp, "  if [[ $n -eq 0 ]]; then\n"
          "    ");
  print_verb_names ("-h -V", fp);
  fprintf (fp, "    return 0\n"
          "  fi\n"
          "  case $verb in\n");
  for (i = 0; i < n; ++i) {
    fprintf (fp, "    %s) options=\"", verbs[i].name);
    options_print_words (verbs[i].options, fp);
    fprintf (fp, "\" ;;\n");
  }
  fprintf (fp, "  esac\n"
          "  case $verb in\n"
          "    help)\n"
          "      ");
  print_verb_names ("", fp);
  fprintf (fp, "      return 0 ;;\n"
          "    completion)\n"
          "      COMPREPLY=(bash)\n"
          "      return 0 ;;\n"
          "  esac\n");
  fputs (completion_tail, fp);
}

static json_t *
completion_json (void)
{
  CLEANUP_FREE char *script = NULL;
  size_t size = 0;
  FILE *fp = open_memstream (&script, &size);

  if (fp == NULL)
    return NULL;
  print_completion (fp);
  if (fclose (fp) != 0)
    return NULL;
  return json_pack ("{s:s, s:s}", "shell", "bash", "script", script);
}

int
run_completion (struct command *c)
{
  if (strcmp (c->args[0], "bash") != 0) {
    base_fail (EINVAL, "%s: only bash is known", c->args[0]);
    return report_usage (c);
  }
  if (given (c, OPT_JSON))
    print_json (completion_json ());
  else
    print_completion (stdout);
  return EXIT_DONE;
}
