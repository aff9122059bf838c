/* SPDX-License-Identifier: BSD-3-Clause
 *
 * command: what the files of `nbdvol` share.
 *
 *   main.c      the table of verbs, from the arguments to a verb's function
 *   options.c   options and arguments
 *   target.c    the pool: served by somebody, or opened here; calling verbs
 *   owner.c     who has a pool that is in use, and its server
 *   report.c    errors and exit codes, JSON, signals
 *   output.c    tables, sizes and times
 *   progress.c  the bar
 *   new-file.c  a file that appears when all of it is on disk
 *   init.c      init
 *   make.c      grow create snapshot clone rollback resize rename rm
 *   look.c      ls info events check
 *   scrub.c     scrub
 *   repair.c    check --repair
 *   transfer.c  import export
 *   help.c      help completion
 *
 * The program has one thread, but for those of a pool that it opens.
 * Functions return 0 or -errno with base_error_text (); a verb's function
 * returns an exit code.
 */

#ifndef NBDVOL_COMMAND_H
#define NBDVOL_COMMAND_H

#include <jansson.h>

#include "base.h"

/* The table of design: fixed, for all verbs. */
enum exit_code {
  EXIT_DONE = 0,
  EXIT_FAILED = 1,              /* nothing changed */
  EXIT_USAGE = 2,
  EXIT_MISSING = 3,             /* no such pool, volume or snapshot */
  EXIT_EXISTS = 4,
  EXIT_IN_USE = 5,              /* by a server that cannot be reached */
  EXIT_NO_SPACE = 6,
  EXIT_DAMAGED = 7,
  EXIT_LEAKS = 8,               /* check: harmless */
  EXIT_SIGNAL = 128,            /* + number */
};

enum progress_mode { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

/* Options by bit; a verb says which it has. */
enum option {
  OPT_JSON       = 1 << 0,
  OPT_QUIET      = 1 << 1,
  OPT_VERBOSE    = 1 << 2,
  OPT_WAIT       = 1 << 3,
  OPT_PROGRESS   = 1 << 4,
  OPT_EXIST_OK   = 1 << 5,
  OPT_MISSING_OK = 1 << 6,
  OPT_FORCE      = 1 << 7,
  OPT_RECURSIVE  = 1 << 8,
  OPT_SHRINK     = 1 << 9,
  OPT_FOLLOW     = 1 << 10,
  OPT_NO_HEADING = 1 << 11,
  OPT_EXACT      = 1 << 12,
  OPT_COLUMNS    = 1 << 13,
  OPT_SORT       = 1 << 14,
  OPT_BLOCK_SIZE = 1 << 15,
  OPT_HELP       = 1 << 16,
  OPT_RATE       = 1 << 17,
  OPT_STOP       = 1 << 18,
  OPT_REPAIR     = 1 << 19,
};
#define OPT_COMMON \
  (OPT_JSON | OPT_QUIET | OPT_VERBOSE | OPT_WAIT | OPT_PROGRESS | OPT_HELP)
#define OPT_TABLE (OPT_NO_HEADING | OPT_EXACT | OPT_COLUMNS | OPT_SORT)

struct command;

struct command_verb {
  const char *name;
  const char *arguments;        /* for the usage line */
  int min, max;                 /* arguments after POOL; max -1: any number */
  uint32_t options;
  bool no_pool;                 /* help, completion: min and max count all */
  int (*run) (struct command *c);       /* exit code */
  const char *help;
};

/* One run of the program. */
struct command {
  const struct command_verb *verb;      /* NULL before it is known */
  const char *pool;             /* POOL as it was given */
  char **args;                  /* the arguments after POOL */
  int nargs;
  uint32_t given;               /* options */
  uint64_t wait_ms;
  enum progress_mode progress;
  const char *columns, *sort;
  uint64_t block_size;          /* 0 = not given */
  uint64_t rate;                /* bytes a second; 0 = not given */
};

static inline bool
given (const struct command *c, uint32_t option)
{
  return (c->given & option) != 0;
}

/* ---- main.c ------------------------------------------------------------ */

extern const struct command_verb *command_verbs (size_t *n);
extern const struct command_verb *command_find (const char *name);

/* The arguments as a JSON array; NULL if one is not UTF-8. */
extern json_t *command_names (const struct command *c);
/* TEXT as a JSON string; bytes that are not UTF-8 become '?'. */
extern json_t *command_text (const char *text);
/* Are all arguments names?  WANT_SNAPSHOT as for pool_check_name. */
extern int command_check_names (const struct command *c, int want_snapshot);
/* The SIZE that TEXT is: 1 to MAX bytes, else -EINVAL. */
extern int command_size (const char *text, uint64_t max, uint64_t *size);

/* ---- options.c --------------------------------------------------------- */

/* Fill in C from ARGV, the words behind the verb, of which there are ARGC.
 * -EINVAL with a message.
 */
extern int options_parse (struct command *c, int argc, char **argv);
/* One line for each option in SET, for people; for completion "--json ...". */
extern void options_print (uint32_t set, FILE *fp);
extern void options_print_words (uint32_t set, FILE *fp);
/* Those that take their value from the next word, as a pattern of bash. */
extern void options_print_valued (FILE *fp);
/* Those in SET as [{"name", "value", "text"}...]; NULL = no memory. */
extern json_t *options_json (uint32_t set);

/* ---- report.c ---------------------------------------------------------- */

/* Handle SIGINT, SIGTERM and SIGHUP, ignore SIGPIPE. */
extern void signals_init (void);
/* A signal came; its number, or 0. */
extern int signal_seen (void);
/* The same as a callback of control_connect and control_request. */
extern bool signal_cancelled (void *opaque);

/* Says that the verb failed with R and base_error_text (), as text on stderr
 * and, with --json, as an object on stdout; returns the exit code.
 */
extern int report (const struct command *c, int r);
/* The same with a code of its own. */
extern int report_code (const struct command *c, int r, int code);
/* ... and with what to do about it, for a verb that the pool refused. */
extern int report_verb (const struct command *c, int r, int code);
/* -EINVAL and its message: wrong usage. */
extern int report_usage (const struct command *c);
extern int exit_code (int r);
/* A line on stderr behind "nbdvol: ". */
extern void complain (const char *fs, ...) BASE_PRINTF (1, 2);
/* With -v and not -q, a line behind "nbdvol: VERB: POOL: ". */
extern void remark (const struct command *c, const char *fs, ...)
  BASE_PRINTF (2, 3);
/* {"error":{...}} of R and TEXT. */
extern json_t *error_json (const struct command *c, int r, int code,
                           const char *text);
/* Print J with times as text, and drop it (NULL = no memory). */
extern void print_json (json_t *j);

/* ---- target.c ---------------------------------------------------------- */

struct target;

enum target_use {
  TARGET_CHANGE,
  TARGET_LOOK,                  /* shares the pool with others that read */
  TARGET_PREFER_SERVER,         /* ... but a server among them knows more */
  TARGET_NEED_SERVER,           /* ... or is the only one that knows */
  TARGET_MEND,                  /* for writing if that can be, else to look */
};

/* The POOL of C: a live server that has it, or opened here.  Failures are
 * reported; *RET is then NULL.  Result: an exit code.
 */
extern int target_open (const struct command *c, enum target_use use,
                        struct target **ret);
extern bool target_served (const struct target *t);
/* It is opened here, and so damaged that volumes may be missing. */
extern bool target_incomplete (const struct target *t);
/* Calls VERB with REQUEST (taken over; NULL = no memory) and descriptor FD
 * (-1 none).  *REPLY is a new reference.
 */
extern int target_call (struct target *t, const char *verb, json_t *request,
                        int fd, json_t **reply);
/* Also called for each line of a streaming verb. */
extern int target_stream (struct target *t, const char *verb,
                          json_t *request,
                          int (*line) (void *opaque, json_t *object),
                          void *opaque, json_t **reply);
/* The exit code of a verb that gave R and base_error_text (), to which more
 * may be added.
 */
extern int target_code (struct target *t, int r);
/* Reports R (0 or -errno, base_error_text ()) of the verb, does what is left
 * to do if the pool is open here, closes, frees T.  Exit code.
 */
extern int target_end (struct target *t, int r);
/* The three together: opens for writing, calls C's verb, ends, prints REPLY if
 * --json, and lets SAY remark what was done.
 */
extern int target_change (const struct command *c, json_t *request,
                          void (*say) (const struct command *c,
                                       const json_t *reply));
/* The path that TEXT is; NULL if it is a device of another kind. */
extern const char *target_path (const char *text);
/* The exit code when opening POOL gave R. */
extern int target_open_code (const struct command *c, int r);
/* The same file or device as the pool's backing? */
extern bool target_is_backing (const struct command *c, const char *path);

/* ---- owner.c ----------------------------------------------------------- */

struct control_client;

struct owner_search {
  const struct command *c;
  bool have_uuid;               /* of the pool; learned on the way */
  uint8_t uuid[16];
};

/* The pool cannot be locked.  Connect to the server that has it, within MS
 * milliseconds.  -EBUSY: not this time, and the message says why, if there is
 * a server that has left its name.
 */
extern int owner_connect (struct owner_search *s, uint64_t ms,
                          struct control_client **ret);
/* The same for one that has the pool with this uuid open only to read it. */
extern int owner_connect_reader (const struct command *c,
                                 const uint8_t uuid[16], uint64_t ms,
                                 struct control_client **ret);
/* Has anybody, ourselves included, a lock on that file?  NULL: no. */
extern bool owner_is_locked (const char *path);
/* -EBUSY with a message that names who has the pool, as far as can be known.
 * LOCK: what locking it said; WHY: what owner_connect said.
 */
extern int owner_explain (const struct command *c, const char *lock,
                          const char *why);

/* ---- output.c ---------------------------------------------------------- */

enum column_type { COLUMN_TEXT, COLUMN_SIZE, COLUMN_NUMBER, COLUMN_TIME,
                   COLUMN_BOOL };

struct column {
  const char *name;             /* heading, -o, and key of the JSON object */
  enum column_type type;
};

/* One cell for people or, with EXACT, for programs; to be freed. */
extern char *output_cell (const struct column *column, const json_t *row,
                          bool exact);
/* The columns that -o names, or DEFAULTS (a list with commas); to be freed.
 * -EINVAL.
 */
extern int output_columns (const struct command *c, const struct column *all,
                           size_t nall, const char *defaults,
                           const struct column ***ret, size_t *n);
/* Print the array ROWS as a table by -H, -p, -o and -s. */
extern int output_table (const struct command *c, const struct column *all,
                         size_t nall, const char *defaults,
                         const json_t *rows);
/* Print one object, a line for each column; as a table if -o is given. */
extern int output_facts (const struct command *c, const struct column *all,
                         size_t nall, const json_t *facts);

/* ---- progress.c -------------------------------------------------------- */

struct progress {
  const struct command *c;
  bool on, terminal;
  int last;                     /* percent; -1 = nothing shown */
  size_t width;                 /* characters on the terminal's line */
};
extern void progress_init (struct progress *p, const struct command *c);
extern void progress_show (struct progress *p, uint64_t done,
                           uint64_t total);
extern void progress_clear (struct progress *p);

/* ---- new-file.c -------------------------------------------------------- */

struct new_file {
  int fd;                       /* -1 none; owned */
  const char *name;             /* for messages; borrowed */
  char *target;                 /* where it goes */
  char *temporary;              /* NULL = it is there, or there is none */
};

/* A new file, mode 0600, that will be TARGET.  F is to be dropped in any
 * case.  -errno of the system.
 */
extern int new_file_open (struct new_file *f, const char *target,
                          const char *name);
/* Gives it its name, durably; what was written to it must be durable before.
 * EEXIST if the name is taken, without REPLACE.
 */
extern int new_file_publish (struct new_file *f, bool replace);
extern void new_file_drop (struct new_file *f);

/* ---- verbs ------------------------------------------------------------- */

extern int run_check (struct command *c);
extern int run_repair (struct command *c);      /* check --repair */
extern int run_clone (struct command *c);
extern int run_completion (struct command *c);
extern int run_create (struct command *c);
extern int run_events (struct command *c);
extern int run_export (struct command *c);
extern int run_grow (struct command *c);
extern int run_help (struct command *c);
extern int run_import (struct command *c);
extern int run_info (struct command *c);
extern int run_init (struct command *c);
extern int run_ls (struct command *c);
extern int run_rename (struct command *c);
extern int run_resize (struct command *c);
extern int run_rm (struct command *c);
extern int run_rollback (struct command *c);
extern int run_scrub (struct command *c);
extern int run_snapshot (struct command *c);

/* What info says of the object "scrub", as a string; NULL = no memory. */
extern json_t *scrub_summary (const json_t *scrub);

extern void help_program (FILE *fp);
extern void help_verb (const struct command_verb *verb, FILE *fp);

#endif /* NBDVOL_COMMAND_H */
