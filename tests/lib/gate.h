/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device at whose gate one chosen call stands until the test lets it go:
 * the moments in the middle of a request, which a schedule by chance may miss.
 *
 * For simulated threads.  A call that stands there goes on by itself when
 * nobody else can run any more; then `late` is set, and the test has found
 * somebody who waits for what he must not wait for.
 *
 * It also counts how many calls are inside at once, and can keep each for
 * some time.
 */

#ifndef NBDVOL_TEST_GATE_H
#define NBDVOL_TEST_GATE_H

#include "vdev.h"

enum gate_op { GATE_READ, GATE_WRITE, GATE_FLUSH };
#define GATE_OPS 3

struct gate {
  struct base_mutex lock;
  struct base_cond changed;
  enum gate_op op;              /* lock ... */
  unsigned nth;                 /* the call from now that stands; 0 = none */
  bool standing;
  bool late;
  unsigned points;              /* of the simulation that a call takes */
  unsigned inside[GATE_OPS];    /* calls of each kind; one thread runs */
  unsigned most[GATE_OPS];      /* ... at once so far */
};

/* A device on CHILD (taken over).  G is the caller's and outlives it. */
extern struct vdev *gate_open (struct vdev *child, struct gate *g);
extern void gate_free (struct gate *g);

/* Call number NTH of kind OP from now on (1 = the next) will stand. */
extern void gate_close (struct gate *g, enum gate_op op, unsigned nth);
/* Wait until it does. */
extern void gate_wait (struct gate *g);
/* It goes on; the gate is open. */
extern void gate_let_go (struct gate *g);

#endif /* NBDVOL_TEST_GATE_H */
