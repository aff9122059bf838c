/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The text of a device opens the same device again, also when its name is
 * full of the characters that mean something; texts that are no device are
 * refused, and unknown kinds are paths.
 */

#include <config.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices.h"
#include "devices-test.h"
#include "test.h"

static struct vdev *
open_or_fail (const char *text)
{
  struct vdev *d = NULL;
  int r = vdev_open (text, 0, &d);

  CHECK_MSG (r == 0, "%s: %s", text, base_error_text ());
  return d;
}

/* TEXT opens, and says WANT of itself, which opens too and says the same. */
static void
says (const char *text, const char *want)
{
  struct vdev *d = open_or_fail (text);
  char *first = vdev_text (d), *second;

  vdev_unref (d);
  CHECK_EQ_STR (first, want);
  d = open_or_fail (first);
  second = vdev_text (d);
  CHECK_EQ_STR (second, first);
  vdev_unref (d);
  free (first);
  free (second);
}

static void
refuses (const char *text, int error)
{
  struct vdev *d = NULL;

  base_error_clear ();
  CHECK_MSG (vdev_open (text, 0, &d) == error, "'%s': %s", text,
             base_error_text ());
  CHECK (d == NULL && base_error_text ()[0] != '\0');
}

static void
texts (void)
{
  says ("mem:64M", "mem:67108864");
  says ("mem(64M)", "mem:67108864");
  says ("slice(mem:1M,64K,128K)", "slice(mem:1048576,65536,131072)");
  says ("slice(mem:1M,64K)", "slice(mem:1048576,65536,983040)");
  says ("slice(slice(mem:1M,64K),4K)",
        "slice(slice(mem:1048576,65536,983040),4096,978944)");
  says ("volatile(mem:1M)", "volatile(mem:1048576,seed=1,early=10)");
  says ("volatile(slice(mem(1M),0),early=0,seed=77)",
        "volatile(slice(mem:1048576,0,1048576),seed=77,early=0)");
}

static void
malformed (void)
{
  static const char *const bad[] = {
    "", "mem:", "mem:x", "mem()", "mem(", "mem(1M", "mem(1M))", "mem(1M)x",
    "mem(1M,2M)", "mem(1M\\)", "mem(1M\\", "slice(mem:1M)",
    "slice(mem:1M,1,2,3)", "slice(mem:1M,x)", "slice(mem:1M,-1)", "slice:x",
    "slice()", "slice(,)", "slice((mem:1M,0)", "volatile()",
    "volatile(mem:1M,soon=1)", "volatile(mem:1M,early=101)",
    "volatile(mem:1M,seed)", "file:", "file()", "file(a,b)",
    "file(a,direct)", "file(a,direct=perhaps)", "file(a,direct=1,b)",
    "slice(mem:1M,0)(",
  };
  char deep[1000] = "";
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (bad); ++i)
    refuses (bad[i], -EINVAL);
  refuses ("slice(mem:1M,2M)", -ERANGE);
  for (i = 0; i < 40; ++i)
    strcat (deep, "slice(");
  strcat (deep, "mem:1M");
  for (i = 0; i < 40; ++i)
    strcat (deep, ",0)");
  refuses (deep, -EINVAL);
}

static void
make_file (const char *name)
{
  FILE *fp = fopen (name, "w");

  CHECK (fp != NULL);
  CHECK (fputc (name[0], fp) != EOF && ftruncate (fileno (fp), 8192) == 0);
  CHECK (fclose (fp) == 0);
}

static void
names (void)
{
  /* A file of each of these names, under three nestings. */
  static const char *const files[] = {
    "plain", "a,b", "a(b", "a)b", "a(b)c", "back\\slash", "end\\", "()",
    ",", ")", "(", "\\,", "sl ice(x,1)", "ünï",
  };
  size_t i;

  for (i = 0; i < BASE_ARRAY_SIZE (files); ++i) {
    CLEANUP_FREE char *escaped = vdev_escape (files[i]);
    CLEANUP_FREE char *plain = base_asprintf ("file:%s", files[i]);
    CLEANUP_FREE char *arg = base_asprintf ("file(%s)", escaped);
    CLEANUP_FREE char *once = base_asprintf ("slice(file:%s,4096,4096)",
                                             escaped);
    CLEANUP_FREE char *bare = base_asprintf ("slice(./%s,4K)", escaped);
    CLEANUP_FREE char *bare_says =
      base_asprintf ("slice(file:./%s,4096,4096)", escaped);
    CLEANUP_FREE char *twice =
      base_asprintf ("slice(slice(file:%s,4096,4096),512,512)", escaped);

    make_file (files[i]);
    says (plain, plain);
    says (arg, plain);
    says (once, once);
    says (bare, bare_says);
    says (twice, twice);
    says (files[i], plain);     /* none is of a known kind */
  }
}

/* The same files past the page cache, where the file system can. */
static void
direct (void)
{
  int fd = open ("plain", O_RDWR | O_DIRECT | O_CLOEXEC);

  if (fd < 0)
    return;
  close (fd);
  says ("file(plain,direct=true)", "file(plain,direct=true)");
  says ("file(plain,direct=no)", "file:plain");
  says ("file(a\\,b,direct=1)", "file(a\\,b,direct=true)");
  says ("slice(file(a\\,b,direct=1),4K)",
        "slice(file(a\\,b,direct=true),4096,4096)");
}

/* What looks like a kind and is none is a path. */
static void
paths (void)
{
  make_file ("unknown:thing");
  says ("unknown:thing", "file:unknown:thing");
  make_file ("mem:4K");
  says ("./mem:4K", "file:./mem:4K");
  says ("file:mem:4K", "file:mem:4K");
  make_file ("slice(x)");
  says ("./slice(x)", "file:./slice(x)");
  make_file ("Mem:4K");
  says ("Mem:4K", "file:Mem:4K");
  refuses ("s3://bucket/x", -ENOENT);
  refuses ("nothing-here", -ENOENT);
  CHECK (strstr (base_error_text (), "nothing-here: open: ") != NULL);
}

static int
never_open (char **args BASE_UNUSED, size_t nargs BASE_UNUSED,
            uint32_t flags BASE_UNUSED, struct vdev **ret BASE_UNUSED)
{
  return base_fail (EIO, "never");
}

static void
registry (void)
{
  static const struct vdev_opener twin = { "mem", never_open };
  static const struct vdev_opener odd[] = {
    { "", never_open }, { "Mem", never_open }, { "a b", never_open },
    { "a:", never_open }, { "9p", never_open },
  };
  static const struct vdev_opener plus = { "nbd+unix", never_open };
  size_t i;

  CHECK_EQ_INT (devices_register (), 0);
  CHECK_EQ_INT (devices_test_register (), 0);
  CHECK_EQ_INT (vdev_register (&twin), -EEXIST);
  for (i = 0; i < BASE_ARRAY_SIZE (odd); ++i)
    CHECK_EQ_INT (vdev_register (&odd[i]), -EINVAL);
  CHECK_EQ_INT (vdev_register (&plus), 0);
  refuses ("nbd+unix:///x?socket=y", -EIO);
}

TEST_MAIN
{
  struct vdev *d = NULL;

  CHECK (chdir (test_tmpdir ()) == 0);
  CHECK_EQ_INT (vdev_open ("anything", 0, &d), -EINVAL);
  CHECK_EQ_INT (devices_register (), 0);
  CHECK_EQ_INT (devices_test_register (), 0);
  texts ();
  malformed ();
  names ();
  direct ();
  paths ();
  registry ();
  CHECK_EQ_INT (vdev_open ("mem:1M", VDEV_OPEN_RO, &d), 0);
  CHECK_EQ_INT (vdev_write (d, "x", 1, 0, 0), -EROFS);
  vdev_unref (d);
}
