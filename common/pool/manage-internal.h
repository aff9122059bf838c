/* SPDX-License-Identifier: BSD-3-Clause
 *
 * manage-internal: what the verbs that change volumes share (manage.c,
 * remove.c, resize.c, import.c).
 */

#ifndef NBDVOL_POOL_MANAGE_INTERNAL_H
#define NBDVOL_POOL_MANAGE_INTERNAL_H

#include "pool-internal.h"

/* Around every verb: table_lock and the commit hold. */
extern int manage_begin (struct pool *p);
extern void manage_end (struct pool *p);
extern void manage_collect_locked (struct pool *p);

/* ENOSPC unless WANTED blocks of growth are available. */
extern int manage_check_space (struct pool *p, uint64_t wanted);
/* With no lock held; 0 = it is worth trying again. */
extern int manage_make_room (struct pool *p, uint64_t wanted,
                             unsigned *idle);
/* Tell the watch that the verb takes effect here. */
extern int manage_result (int r, const char *name);
extern void manage_effect (struct pool *p, uint64_t id);

/* The rest: between manage_begin and manage_end. */
extern int manage_exists (const char *name);
extern struct volume *manage_find (struct pool *p, const char *name);
extern int manage_new_volume (struct pool *p, unsigned kind, const char *name,
                              struct volume *parent, struct volume **ret);
extern int manage_create (struct pool *p, unsigned kind, const char *name,
                          uint64_t size, struct volume **ret);
extern void manage_forget (struct volume *v);
extern void manage_add_record (struct cut *cut, struct volume *v);
extern void manage_inherit (struct volume *dst, const struct volume *src);
extern unsigned manage_levels (const struct pool *p, uint64_t size);
extern int manage_check_size (const char *volume, uint64_t size);
/* EBUSY naming the connections of V, or with FORCE end them. */
extern int manage_no_connections (struct volume *v, bool force);

/* V's map gets LEVELS levels (more than it has).  Publish held exclusively
 * by nobody: takes it.
 */
extern int manage_raise (struct volume *v, unsigned levels);

#endif /* NBDVOL_POOL_MANAGE_INTERNAL_H */
