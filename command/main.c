/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nbdvol: administer pools, served or not.
 *
 *   nbdvol [-h|-V] VERB [OPTION...] POOL [ARGUMENT...]
 *
 * Verbs, their order of arguments, options and exit codes are fixed (see
 * nbdvol(1)): scripts stand on them.  A new verb is a row in the table below
 * and a function run_VERB in the file of its group; what it does to the pool
 * is a verb of common/pool/verbs.c, so that it works through the control
 * socket of a server as well.
 */

#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "devices.h"
#include "pool.h"

static const struct command_verb verbs[] = {
  { "check", "", 0, 0, OPT_COMMON | OPT_REPAIR, false, run_check,
    "Check that the pool is consistent.  Works while it is served.\n"
    "--repair makes right what can be known and says which bytes are lost;\n"
    "the pool must not be served.  Exit codes: 0 clean or all repaired,\n"
    "7 damage remains, 8 leaked space only (harmless)." },
  { "clone", "NAME VOLUME", 2, 2, OPT_COMMON | OPT_EXIST_OK, false, run_clone,
    "Make VOLUME, writable, with what NAME (a volume or snapshot) holds now.\n"
    "It is independent of NAME ever after." },
  { "completion", "bash", 1, 1, OPT_COMMON, true, run_completion,
    "Print what bash needs to complete nbdvol's arguments." },
  { "create", "VOLUME SIZE", 2, 2, OPT_COMMON | OPT_EXIST_OK, false,
    run_create,
    "Make a thin volume: it takes space only as it is written to." },
  { "events", "", 0, 0, OPT_COMMON | OPT_FOLLOW, false, run_events,
    "Print what has happened to the pool since its server started (the last\n"
    "100 events).  A pool that nobody serves has none." },
  { "export", "NAME TARGET", 2, 2, OPT_COMMON | OPT_FORCE, false, run_export,
    "Write NAME as a raw image to TARGET, a file that does not exist (or\n"
    "--force), a block device (with --force), or - for standard output.\n"
    "Holes stay holes." },
  { "grow", "[SIZE]", 0, 1, OPT_COMMON, false, run_grow,
    "Make the pool SIZE large, or as large as its backing has become." },
  { "help", "[VERB]", 0, 1, OPT_COMMON, true, run_help,
    "Say what verbs there are, or what VERB does." },
  { "import", "VOLUME SOURCE", 2, 2, OPT_COMMON, false, run_import,
    "Make VOLUME from a raw image: a file, a block device, or - for standard\n"
    "input.  Holes and zeroes take no space." },
  { "info", "[NAME]", 0, 1, OPT_COMMON | OPT_TABLE, false, run_info,
    "Show the pool's state (ok, full, damaged, poisoned), its owner, sizes\n"
    "and last error; or one volume or snapshot." },
  { "init", "SIZE", 1, 1,
    OPT_COMMON | OPT_EXIST_OK | OPT_FORCE | OPT_BLOCK_SIZE, false, run_init,
    "Make a pool of capacity SIZE in a file, new or empty, or on a device.\n"
    "--force overwrites what is there, unless it is a pool." },
  { "ls", "[NAME...]", 0, -1, OPT_COMMON | OPT_TABLE, false, run_ls,
    "List volumes and snapshots, all or those named.  Columns: name type\n"
    "size used exclusive origin created." },
  { "rename", "NAME NEW", 2, 2, OPT_COMMON, false, run_rename,
    "Rename a volume (its snapshots follow) or a snapshot.  Clients stay\n"
    "connected." },
  { "resize", "VOLUME SIZE", 2, 2, OPT_COMMON | OPT_SHRINK | OPT_FORCE, false,
    run_resize,
    "Change a volume's size.  A smaller one only with --shrink: what lies\n"
    "behind it is lost.  --force ends connections that are in the way." },
  { "rm", "NAME...", 1, -1,
    OPT_COMMON | OPT_RECURSIVE | OPT_FORCE | OPT_MISSING_OK, false, run_rm,
    "Remove volumes and snapshots.  -r: a volume's snapshots with it.\n"
    "--force ends connections first." },
  { "rollback", "VOLUME@SNAP", 1, 1, OPT_COMMON | OPT_FORCE, false,
    run_rollback,
    "Give VOLUME the content and size that it had when the snapshot was\n"
    "taken.  Newer snapshots stay.  --force ends connections first." },
  { "scrub", "", 0, 0, OPT_COMMON | OPT_RATE | OPT_STOP, false, run_scrub,
    "Read and verify all that the pool holds, and mend what there is a good\n"
    "copy of.  Works while it is served.  Exit codes: 0 clean or all mended,\n"
    "7 damage remains." },
  { "snapshot", "VOLUME@SNAP...", 1, -1, OPT_COMMON | OPT_EXIST_OK, false,
    run_snapshot,
    "Take a snapshot, in a moment and without stopping writers.  Several\n"
    "names are one group, taken at the same moment." },
};

const struct command_verb *
command_verbs (size_t *n)
{
  *n = BASE_ARRAY_SIZE (verbs);
  return verbs;
}

const struct command_verb *
command_find (const char *name)
{
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (verbs); ++i)
    if (strcmp (verbs[i].name, name) == 0)
      return &verbs[i];
  return NULL;
}

json_t *
command_names (const struct command *c)
{
  json_t *list = json_array ();
  int i;

  for (i = 0; list != NULL && i < c->nargs; ++i)
    if (json_array_append_new (list, json_string (c->args[i])) == -1) {
      json_decref (list);
      return NULL;
    }
  return list;
}

/* A path may hold anything; in messages it is only shown. */
json_t *
command_text (const char *text)
{
  CLEANUP_FREE char *copy = NULL;
  json_t *j = json_string (text);
  char *p;

  if (j != NULL)
    return j;
  copy = base_strdup (text);
  for (p = copy; p != NULL && *p != '\0'; ++p)
    if ((unsigned char) *p >= 0x80)
      *p = '?';
  return copy ? json_string (copy) : NULL;
}

int
command_check_names (const struct command *c, int want_snapshot)
{
  int i, r = 0;

  for (i = 0; r == 0 && i < c->nargs; ++i)
    r = pool_check_name (c->args[i], want_snapshot);
  return r;
}

int
command_size (const char *text, uint64_t max, uint64_t *size)
{
  char limit[BASE_SIZE_TEXT];
  int r = base_parse_size ("SIZE", text, size);

  if (r == 0 && *size == 0)
    return base_fail (EINVAL, "SIZE: is zero: '%s'", text);
  if (r == 0 && *size > max)
    return base_fail (EINVAL, "SIZE: more than %s: '%s'",
                      base_size_text (max, limit), text);
  return r;
}

/* What was printed must have arrived; a reader that has seen enough (head)
 * is no reason for a message.
 */
static int
flush_stdout (const struct command *c, int code)
{
  errno = 0;
  if (fflush (stdout) == 0 && !ferror (stdout))
    return code;
  if (errno != EPIPE && errno != 0)
    complain ("%s%sstandard output: %s", c->verb ? c->verb->name : "",
              c->verb ? ": " : "", strerror (errno));
  return code != EXIT_DONE ? code : EXIT_FAILED;
}

/* Asked for before the options are read: a wrong one may stand before it. */
static bool
wants_json (int argc, char **argv)
{
  int i;

  for (i = 2; i < argc && strcmp (argv[i], "--") != 0; ++i)
    if (strcmp (argv[i], "--json") == 0)
      return true;
  return false;
}

static int
refuse (struct command *c, bool json)
{
  if (json)
    c->given |= OPT_JSON;
  return report_usage (c);
}

static int
run (struct command *c, int argc, char **argv)
{
  const bool json = wants_json (argc, argv);

  if (argc < 2) {
    help_program (stderr);
    return EXIT_USAGE;
  }
  if (strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "--help") == 0) {
    help_program (stdout);
    return EXIT_DONE;
  }
  if (strcmp (argv[1], "-V") == 0 || strcmp (argv[1], "--version") == 0) {
    printf ("nbdvol %s\n", PACKAGE_VERSION);
    return EXIT_DONE;
  }
  c->verb = command_find (argv[1]);
  if (c->verb == NULL) {
    base_fail (EINVAL, "%s: no such %s", argv[1],
               argv[1][0] == '-' ? "option" : "verb");
    return refuse (c, json);
  }
  if (options_parse (c, argc - 2, argv + 2) < 0)
    return refuse (c, json);
  if (given (c, OPT_HELP)) {
    help_verb (c->verb, stdout);
    return EXIT_DONE;
  }
  if (devices_register () < 0)
    return report (c, -EIO);
  return c->verb->run (c);
}

/* If one of the descriptors 0 to 2 is closed, the next file that is opened
 * becomes it: a pool would get our messages.  So each is there, but cannot
 * be used.
 */
static bool
occupy_descriptors (void)
{
  int fd;

  for (fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (fcntl (fd, F_GETFD) == -1 &&
        open ("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
      return false;
  return true;
}

int
main (int argc, char **argv)
{
  struct command c = { .wait_ms = 10000 };

  if (!occupy_descriptors ())
    return EXIT_FAILED;
  signals_init ();
  return flush_stdout (&c, run (&c, argc, argv));
}
