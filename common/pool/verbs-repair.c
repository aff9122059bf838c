/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Verbs: `check --repair` as JSON.
 *
 * Not in the table of verbs.c, whose functions get a pool that is open: this
 * one is for pools that cannot be opened.
 *
 *   reply     errors, leaks, blocks, nodes, data, volumes, snapshots, clean,
 *             problems     as of check: what remains
 *             found        {errors, leaks} before
 *             repaired     [TEXT...]
 *             lost         [{name, whole, offset, length}...]; offset and
 *                          length are null where all is lost
 *             lost-bytes
 */

#include <config.h>

#include <jansson.h>

#include "verbs-internal.h"

#define LINES_MAX 10000         /* more are counted, not listed */

struct state {
  struct pool_verb_call *call;
  json_t *problems, *repaired, *lost;
  bool failed;                  /* no memory for a list */
};

static void
add (struct state *s, json_t *list, json_t *j)
{
  if (json_array_size (list) >= LINES_MAX)
    json_decref (j);
  else if (json_array_append_new (list, j) == -1)
    s->failed = true;
}

static void
on_problem (void *opaque, const struct pool_check_problem *problem)
{
  struct state *s = opaque;

  add (s, s->problems, json_pack ("{s:b, s:o}", "leak", problem->leak, "text",
                                  verb_text (problem->text)));
}

static void
on_repaired (void *opaque, const char *text)
{
  struct state *s = opaque;

  add (s, s->repaired, verb_text (text));
}

static void
on_lost (void *opaque, const struct pool_lost *lost)
{
  struct state *s = opaque;
  const uint64_t none = UINT64_MAX;

  add (s, s->lost, json_pack ("{s:o, s:b, s:o, s:o}", "name",
                              verb_text (lost->name), "whole", lost->whole,
                              "offset",
                              verb_number (lost->whole ? none : lost->offset),
                              "length",
                              verb_number (lost->whole ? none
                                           : lost->length)));
}

static int
on_progress (void *opaque, uint64_t done, uint64_t total)
{
  struct state *s = opaque;

  return verb_progress (s->call, done, total);
}

static json_t *
to_json (const struct pool_repair_result *r, const struct state *s)
{
  const struct pool_check_result *c = &r->after;

  return json_pack ("{s:b, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:O,"
                    " s:{s:I, s:I}, s:O, s:O, s:I}",
                    "clean", c->errors == 0 && c->leaks == 0 && r->lost == 0,
                    "errors", (json_int_t) c->errors,
                    "leaks", (json_int_t) c->leaks,
                    "blocks", (json_int_t) c->blocks,
                    "nodes", (json_int_t) c->nodes,
                    "data", (json_int_t) c->data,
                    "volumes", (int) c->volumes,
                    "snapshots", (int) c->snapshots,
                    "problems", s->problems,
                    "found", "errors", (json_int_t) r->before.errors,
                    "leaks", (json_int_t) r->before.leaks,
                    "repaired", s->repaired,
                    "lost", s->lost,
                    "lost-bytes", (json_int_t) r->lost_bytes);
}

int
pool_verb_repair (struct vdev *backing, const char *name,
                  struct pool_verb_call *call, json_t **reply)
{
  struct state s = { .call = call, .problems = json_array (),
                     .repaired = json_array (), .lost = json_array () };
  const struct pool_repair_options options = {
    .name = name, .repaired = on_repaired, .lost = on_lost,
    .problem = on_problem, .progress = on_progress, .opaque = &s };
  struct pool_repair_result result;
  int r;

  *reply = NULL;
  r = s.problems && s.repaired && s.lost
    ? pool_repair (backing, &options, &result)
    : base_fail_errno (ENOMEM, "check");
  if (r == 0 && !s.failed)
    *reply = to_json (&result, &s);
  if (r == 0 && *reply == NULL)
    r = base_fail_errno (ENOMEM, "check");
  json_decref (s.problems);
  json_decref (s.repaired);
  json_decref (s.lost);
  return r;
}
