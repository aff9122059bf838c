/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inputs by which the fuzzer once brought the engine down, each named after
 * what went wrong: they end with a result now.
 */

#include "fuzz-image.h"
#include "test.h"

struct input {
  const char *name;
  size_t size;
  const char *bytes;
};

#define INPUT(name, bytes) { name, sizeof (bytes) - 1, bytes }

#define E1_16 \
  "\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1"
#define DD_16 \
  "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"

TEST_MAIN
{
  static const struct input all[] = {
    INPUT ("gigabytes for a table of 2^24 slots",
           "\x00\x00\x00\x29\x06\x50\x76\x00\x8b\x11"),
    INPUT ("a bent entry below an orphan's cursor",
           "\xd6\x00\x0b\x31\x00\x00\x00\x92\x00\x00\x00"),
    INPUT ("a node at two levels: a write that never ends",
           "\x3b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
           "\x00\x4c\x6e\x72\x66\x68\x6f\xff\x3b\x75\x74\x69"),
    INPUT ("a block given back twice",
           "\x61\x40\x66\x65\x7a\x6e\x7a\xb0\x6c\x7a"),
    INPUT ("counts of a record that wrap around",
           "\x02\x08\x89\x5e\x01" E1_16 E1_16 E1_16 E1_16
           "\xe1\xe1\x00\x00\x08\x00\xa3\xe2"),
    INPUT ("fewer free blocks than the reserve: an overwrite waits for ever",
           "\x3b\x00\x00\x00\x00\x2c\x58\x58\x58\x58"),
    INPUT ("the same with an exact admission",
           "\x10\x50\x00\x00\x00\x50\x00\x00\x10\x40\x00\x00\x00\x2c"
           "\xdd\xdd" DD_16 DD_16 DD_16 "\xdd\xdd\xdd\xdd\x30\x58\x58\x58"),
    INPUT ("an older superblock that was bent, while the newer one stands",
           "\xa5\x2c\xb7\xdc\x49\x5f\x02\x05\x1e\xfc\x00\x84\xa8\xe2"
           "\x04\x0a\x00\x17"),
  };
  size_t i;

  for (i = 0; i < sizeof all / sizeof all[0]; i++) {
    fprintf (stderr, "%s\n", all[i].name);
    fuzz_check ((const uint8_t *) all[i].bytes, all[i].size);
    fuzz_open ((const uint8_t *) all[i].bytes, all[i].size);
    test_count (1);
  }
}
