/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CRC-32C, by isa-l where configure found it and by table where not.
 *
 * isa-l's crc32_iscsi works on the bare register (it inverts neither at the
 * start nor at the end), takes the length as an int and the buffer as a
 * pointer that is not const; the inversions and the pieces are made here.
 * It chooses among its implementations at run time.
 */

#include <config.h>

#ifdef HAVE_LIBISAL
#include <isa-l/crc.h>
#endif

#include "base.h"
#include "base-internal.h"

static uint32_t
crc_register (uint32_t reg, const void *buf, size_t size)
{
#ifdef HAVE_LIBISAL
  const size_t piece = 1 << 30;
  const unsigned char *p = buf;
  size_t n;

  for (; size > 0; p += n, size -= n) {
    n = BASE_MIN (size, piece);
    reg = crc32_iscsi ((unsigned char *) (uintptr_t) p, (int) n, reg);
  }
  return reg;
#else
  return base_crc32c_table (reg, buf, size);
#endif
}

uint32_t
base_crc32c (const void *buf, size_t size)
{
  return ~crc_register (UINT32_MAX, buf, size);
}

uint32_t
base_crc32c_more (uint32_t crc, const void *buf, size_t size)
{
  return ~crc_register (~crc, buf, size);
}
