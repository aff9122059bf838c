/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The owner record names the process that has the pool open, from opening on
 * and until it is closed: host, pid, and the control socket where there is
 * one, for whoever finds the pool locked.  A read-only opener leaves no
 * record, and neither does one that is gone in peace.
 */

#include <config.h>

#include <unistd.h>

#include "devices.h"
#include "pool.h"
#include "test.h"

static struct vdev *disk;

static void
check_owner (const char *socket)
{
  struct pool_owner o;
  char host[128] = "";

  CHECK_EQ_INT (gethostname (host, sizeof host - 1), 0);
  CHECK_EQ_INT (pool_read_owner (disk, &o), 0);
  CHECK_EQ_INT (o.pid, getpid ());
  CHECK (o.started > 0);
  CHECK_EQ_STR (o.host, host);
  CHECK_EQ_STR (o.socket, socket);
}

static void
check_nobody (void)
{
  struct pool_owner o;

  CHECK_EQ_INT (pool_read_owner (disk, &o), -ENOENT);
}

TEST_MAIN
{
  struct pool_options with = { .control_socket = "/run/somewhere.sock" };
  struct pool_options readonly = { .readonly = true };
  struct pool *p;

  printf ("directed: the same on every run, as if by SEED=0\n");
  CHECK (devices_mem_open (4 << 20, &disk) == 0);
  CHECK (pool_format (disk, &(struct pool_format_options) { 0 }) == 0);
  check_nobody ();
  CHECK (pool_open (vdev_ref (disk), &readonly, &p) == 0);
  check_nobody ();
  CHECK (pool_close (p) == 0);
  CHECK (pool_open (vdev_ref (disk), NULL, &p) == 0);
  check_owner ("");
  CHECK (pool_set_control_socket (p, "/run/later.sock") == 0);
  check_owner ("/run/later.sock");
  CHECK (pool_close (p) == 0);
  check_nobody ();
  CHECK (pool_open (vdev_ref (disk), &with, &p) == 0);
  check_owner ("/run/somewhere.sock");
  /* Killed: whoever comes next finds whom to ask for, then takes over. */
  pool_abandon (p);
  check_owner ("/run/somewhere.sock");
  CHECK (pool_open (vdev_ref (disk), NULL, &p) == 0);
  check_owner ("");
  CHECK (pool_close (p) == 0);
  check_nobody ();
  vdev_unref (disk);
}
