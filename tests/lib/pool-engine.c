/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pool, as the crash and model harness sees it.
 */

#include <config.h>

#include "crash-engine.h"
#include "pool-internal.h"

/* As pool_get_info says it, which looks at much more and is asked after each
 * step of the model tests.
 */
static bool
pool_is_full (struct pool *p)
{
  LOCK_FOR_SCOPE (&p->space.lock);

  return p->space.full || space_available_locked (p) <= 0;
}

const struct crash_engine crash_pool_engine = {
  .name = "pool",
  .kinds = (1 << CRASH_KINDS) - 1,
  .journal = true,
  .tells_holes = true,
  .format = pool_format,
  .open = pool_open,
  .work = pool_work,
  .close = pool_close,
  .abandon = pool_abandon,
  .volume_open = pool_volume_open,
  .create = pool_create,
  .snapshot = pool_snapshot,
  .clone = pool_clone,
  .rollback = pool_rollback,
  .resize = pool_resize,
  .rename = pool_rename,
  .remove = pool_remove,
  .grow = pool_grow,
  .flush = pool_flush,
  .checkpoint = pool_checkpoint,
  .reclaim = pool_reclaim,
  .import_begin = pool_import_begin,
  .import_vdev = pool_import_vdev,
  .import_commit = pool_import_commit,
  .import_drop = pool_import_drop,
  .list = pool_list,
  .check = pool_check,
  .full = pool_is_full,
  .scrub = pool_scrub,
};
