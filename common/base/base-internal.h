/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to common/base and its tests: the portable checksum, which has no
 * place in base.h because callers must not choose between the two.
 */

#ifndef NBDVOL_BASE_INTERNAL_H
#define NBDVOL_BASE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* The register of CRC-32C, without inversion, after SIZE more bytes; always
 * built, so that a machine with isa-l can check one against the other.
 */
extern uint32_t base_crc32c_table (uint32_t reg, const void *buf, size_t size);

#endif /* NBDVOL_BASE_INTERNAL_H */
