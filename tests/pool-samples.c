/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pool-samples DIRECTORY: writes the hand-built sample pools to files, for
 * tests in other languages.
 *
 * DIRECTORY/NAME.pool is the pool, DIRECTORY/NAME/VOLUME what a reader must
 * make of each volume and snapshot (sparse), DIRECTORY/NAME.list the list
 * that pool-dump.py must print.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool-samples.h"

static void
fatal (const char *what)
{
  perror (what);
  exit (1);
}

static FILE *
create (const char *path)
{
  FILE *fp = fopen (path, "w");

  if (fp == NULL)
    fatal (path);
  return fp;
}

/* Blocks that are all zero become holes. */
static void
write_sparse (const char *path, const uint8_t *data, uint64_t size)
{
  const int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  uint64_t at, n;

  if (fd < 0 || ftruncate (fd, size) < 0)
    fatal (path);
  for (at = 0; at < size; at += n) {
    n = BASE_MIN (size - at, 4096);
    if (!base_is_zero (data + at, n) &&
        pwrite (fd, data + at, n, at) != (ssize_t) n)
      fatal (path);
  }
  close (fd);
}

static bool
is_listed (const struct pi_record *r)
{
  return r->f.kind == FORMAT_VOLUME || r->f.kind == FORMAT_SNAPSHOT;
}

static void
write_volumes (struct pi *p, const char *dir, FILE *list)
{
  unsigned i;

  for (i = 0; i < p->records; i++) {
    const struct pi_record *r = &p->record[i];
    char *name, *path;
    uint8_t *data;

    if (!is_listed (r))
      continue;
    name = pi_name (p, i);
    fprintf (list, "%s %s %llu %llu\n",
             r->f.kind == FORMAT_VOLUME ? "volume" : "snapshot", name,
             (unsigned long long) le64toh (r->f.size),
             (unsigned long long) le64toh (r->f.mapped));
    path = base_asprintf ("%s/%s", dir, name);
    /* What does not fit into memory is only listed. */
    if (le64toh (r->f.size) <= UINT64_C (1) << 30) {
      data = pi_contents (p, i);
      write_sparse (path, data, le64toh (r->f.size));
      free (data);
    }
    free (path);
    free (name);
  }
}

int
main (int argc, char **argv)
{
  const char *name;
  struct pi *p;
  unsigned i;

  if (argc != 2) {
    fprintf (stderr, "usage: pool-samples DIRECTORY\n");
    return 2;
  }
  for (i = 0; (p = pool_sample (i, &name)) != NULL; i++) {
    char *dir = base_asprintf ("%s/%s", argv[1], name);
    char *pool = base_asprintf ("%s.pool", dir);
    char *list = base_asprintf ("%s.list", dir);
    FILE *fp = create (list);

    if (mkdir (dir, 0777) < 0)
      fatal (dir);
    write_sparse (pool, p->image, p->o.blocks * p->bs);
    write_volumes (p, dir, fp);
    fclose (fp);
    pi_free (p);
    free (dir);
    free (pool);
    free (list);
  }
  return 0;
}
