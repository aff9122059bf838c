/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The check finds nothing wrong with hand-built pools of every shape, and
 * counts right what it saw.
 */

#include "pool-samples.h"
#include "pool-verdict.h"
#include "test.h"

static void
check_sample (struct pi *p, const char *name)
{
  static struct verdict v;
  unsigned volumes = 0, snapshots = 0, i;

  verdict_of (&v, p->image, p->o.blocks * p->bs, &p->super, true);
  if (v.result != 0 || v.n > 0)
    verdict_print (&v);
  CHECK_MSG (v.result == 0, "%s: the check ended with %d", name, v.result);
  CHECK_MSG (v.n == 0, "%s: %u problems", name, v.n);
  CHECK_EQ_INT (v.r.errors, 0);
  CHECK_EQ_INT (v.r.leaks, 0);
  CHECK_EQ_INT (v.r.blocks, le64toh (p->super.allocated));
  CHECK_EQ_INT (v.r.blocks, v.r.nodes + v.r.data +
                format_fixed_blocks (&p->super));
  for (i = 0; i < p->records; i++) {
    volumes += p->record[i].f.kind == FORMAT_VOLUME;
    snapshots += p->record[i].f.kind == FORMAT_SNAPSHOT;
  }
  CHECK_EQ_INT (v.r.volumes, volumes);
  CHECK_EQ_INT (v.r.snapshots, snapshots);
}

TEST_MAIN
{
  struct pi *p;
  const char *name;
  unsigned i;

  for (i = 0; (p = pool_sample (i, &name)) != NULL; i++) {
    check_sample (p, name);
    pi_free (p);
  }
  CHECK (i >= 8);
}
