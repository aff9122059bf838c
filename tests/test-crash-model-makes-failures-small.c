/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A failing sequence of the model tests is made small: with each of three
 * bugs of the toy engine the harness ends with a handful of operations that
 * still fail, out of thousands.
 */

#include <config.h>

#include "crash-model.h"
#include "test.h"
#include "toy-engine.h"

TEST_MAIN
{
  static const enum toy_bug bugs[] = {
    TOY_EDGE, TOY_SNAPSHOT_NOT_COUNTED, TOY_REFUSES_HALF };
  struct model_case c = {
    .e = &toy_engine, .blocks = 40, .block = 4096, .mix = &crash_mix_plain,
    .steps = 3000,
  };
  const struct model_result *r;
  size_t i, before;

  c.seed = test_seed ();
  r = model_run (&c);
  CHECK_MSG (r->failure[0] == '\0', "the toy without a bug: %s", r->failure);
  CHECK_EQ_INT (r->steps, c.steps);
  for (i = 0; i < sizeof bugs / sizeof bugs[0]; i++) {
    toy_bug = bugs[i];
    r = model_run (&c);
    CHECK_MSG (r->failure[0] != '\0', "%s is not found",
               toy_bug_names[toy_bug]);
    before = r->nops;
    r = model_minimise (&c, 60);
    printf ("%s: %zu operations instead of %zu: %s\n",
            toy_bug_names[toy_bug], r->nops, before, r->failure);
    CHECK (r->failure[0] != '\0' && r->nops <= 25);
  }
}
