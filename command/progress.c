/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The progress bar, on stderr: on a terminal one line that is drawn again,
 * else (--progress=always) one line for each percent.
 */

#include <config.h>

#include <unistd.h>

#include "command.h"

#define BAR 30

void
progress_init (struct progress *p, const struct command *c)
{
  p->c = c;
  p->terminal = isatty (STDERR_FILENO);
  p->on = c->progress == PROGRESS_ALWAYS ||
    (c->progress == PROGRESS_AUTO && p->terminal && !given (c, OPT_QUIET));
  p->last = -1;
  p->width = 0;
}

void
progress_show (struct progress *p, uint64_t done, uint64_t total)
{
  char line[128], a[BASE_SIZE_TEXT], b[BASE_SIZE_TEXT];
  static const char bar[] = "##############################";
  int percent, filled;

  if (!p->on || total == 0)
    return;
  done = BASE_MIN (done, total);
  percent = (int) ((double) done * 100 / (double) total);
  if (percent == p->last)
    return;
  p->last = percent;
  if (!p->terminal) {
    fprintf (stderr, "nbdvol: %s: %d%%\n", p->c->verb->name, percent);
    return;
  }
  filled = percent * BAR / 100;
  snprintf (line, sizeof line, "%s: %3d%% [%.*s%*s] %s of %s",
            p->c->verb->name, percent, filled, bar, BAR - filled, "",
            base_size_text (done, a), base_size_text (total, b));
  fprintf (stderr, "\r%-*s", (int) p->width, line);
  p->width = strlen (line);
}

void
progress_clear (struct progress *p)
{
  if (p->on && p->terminal && p->width > 0)
    fprintf (stderr, "\r%*s\r", (int) p->width, "");
  p->width = 0;
  p->last = -1;
}
