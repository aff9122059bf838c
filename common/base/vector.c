/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The one function behind BASE_VECTOR that is not a template.
 *
 * Capacity grows by half, so that appending N items copies O(N) of them and
 * at most a third of the memory is idle.
 */

#include <config.h>

#include <stdlib.h>

#include "base.h"

int
base_vector_grow (void **ptr, size_t *cap, size_t len, size_t more,
                  size_t itemsize)
{
  size_t want, grown, bytes;
  void *p;

  if (BASE_ADD_OVERFLOW (len, more, &want))
    return base_fail (ENOMEM, "vector: too many items");
  if (!BASE_ADD_OVERFLOW (*cap, *cap / 2 + 4, &grown) && grown > want)
    want = grown;
  if (BASE_MUL_OVERFLOW (want, itemsize, &bytes))
    return base_fail (ENOMEM, "vector: too many items");
  p = base_realloc (*ptr, bytes);
  if (p == NULL)
    return base_fail (ENOMEM, "vector: out of memory (%zu bytes)", bytes);
  *ptr = p;
  *cap = want;
  return 0;
}

void
free_vector_ (void *p)
{
  free (p);
}
