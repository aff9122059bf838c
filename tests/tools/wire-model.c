/* SPDX-License-Identifier: BSD-3-Clause
 *
 * wire-model SOCKET: requests of any length at any offset of the export
 * root (8 MiB, all zeroes), with every flag, over several connections in
 * turn, compared with an array of bytes that undergoes the same.  The model is
 * written to the file MODEL (environment) for a look after a restart.
 */

#include <config.h>

#include <libnbd.h>

#include "base.h"
#include "test.h"

#define SIZE (8 << 20)
#define CONNECTIONS 3
#define MAX_LENGTH (300 << 10)

static uint8_t model[SIZE], buf[SIZE];

static struct nbd_handle *
connect_to (const char *socket)
{
  struct nbd_handle *nbd = nbd_create ();

  CHECK (nbd != NULL);
  CHECK (nbd_set_export_name (nbd, "root") == 0);
  CHECK_MSG (nbd_connect_unix (nbd, socket) == 0, "%s", nbd_get_error ());
  return nbd;
}

static uint64_t
some_length (struct base_rng *rng)
{
  switch (base_rng_below (rng, 4)) {
  case 0: return 1 + base_rng_below (rng, 16);
  case 1: return 4096 * (1 + base_rng_below (rng, 8));
  case 2: return 1 + base_rng_below (rng, 20000);
  default: return 1 + base_rng_below (rng, MAX_LENGTH);
  }
}

static void
write_something (struct nbd_handle *nbd, struct base_rng *rng, uint64_t off,
                 uint64_t len, uint32_t flags)
{
  uint64_t i;

  for (i = 0; i < len; ++i)
    model[off + i] = (uint8_t) base_rng_u64 (rng);
  CHECK_MSG (nbd_pwrite (nbd, model + off, len, off, flags) == 0, "%s",
             nbd_get_error ());
}

static void
one_request (struct nbd_handle *nbd, struct base_rng *rng)
{
  uint32_t flags = base_rng_below (rng, 16) == 0 ? LIBNBD_CMD_FLAG_FUA : 0;
  uint64_t len = some_length (rng);
  uint64_t off = base_rng_below (rng, SIZE - len + 1);

  if (base_rng_below (rng, 3) == 0)
    off &= ~UINT64_C (4095);
  switch (base_rng_below (rng, 10)) {
  case 0:
    CHECK (nbd_trim (nbd, len, off, flags) == 0);
    memset (model + off, 0, len);
    break;
  case 1:
    if (base_rng_below (rng, 2))
      flags |= LIBNBD_CMD_FLAG_NO_HOLE;
    if (base_rng_below (rng, 2))
      flags |= LIBNBD_CMD_FLAG_FAST_ZERO;
    CHECK (nbd_zero (nbd, len, off, flags) == 0);
    memset (model + off, 0, len);
    break;
  case 2:
    CHECK (nbd_cache (nbd, len, off, 0) == 0);
    break;
  case 3:
    CHECK (nbd_flush (nbd, 0) == 0);
    break;
  case 4: case 5:
    CHECK (nbd_pread (nbd, buf, len, off, 0) == 0);
    CHECK_EQ_MEM (buf, model + off, len);
    break;
  default:
    write_something (nbd, rng, off, len, flags);
  }
}

static void
compare_all (struct nbd_handle *nbd)
{
  CHECK (nbd_pread (nbd, buf, SIZE, 0, 0) == 0);
  CHECK_EQ_MEM (buf, model, SIZE);
}

static void
save_model (const char *path)
{
  FILE *fp = fopen (path, "w");

  CHECK (fp != NULL);
  CHECK (fwrite (model, SIZE, 1, fp) == 1);
  CHECK (fclose (fp) == 0);
}

TEST_MAIN
{
  struct nbd_handle *nbd[CONNECTIONS];
  unsigned requests = test_env ("REQUESTS", 4000), i;
  struct base_rng rng;

  CHECK_MSG (test_argc >= 2, "usage: PROGRAM SOCKET");
  base_rng_seed (&rng, test_seed ());
  for (i = 0; i < CONNECTIONS; ++i)
    nbd[i] = connect_to (test_argv[1]);
  for (i = 0; i < requests; ++i) {
    one_request (nbd[base_rng_below (&rng, CONNECTIONS)], &rng);
    if (i % 500 == 499)
      compare_all (nbd[0]);
  }
  compare_all (nbd[1]);
  if (getenv ("MODEL"))
    save_model (getenv ("MODEL"));
  for (i = 0; i < CONNECTIONS; ++i) {
    nbd_shutdown (nbd[i], 0);
    nbd_close (nbd[i]);
  }
}
