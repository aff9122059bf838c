/* SPDX-License-Identifier: BSD-3-Clause
 *
 * verbs-internal: what verbs.c, verbs-facts.c and transfer.c share.
 */

#ifndef NBDVOL_VERBS_INTERNAL_H
#define NBDVOL_VERBS_INTERNAL_H

#include <jansson.h>

#include "pool.h"

/* One verb: REQUEST is an object.  *REPLY is NULL at first. */
typedef int (*verb_fn) (struct pool *p, const json_t *request,
                        struct pool_verb_call *call, json_t **reply);

/* ---- verbs.c: members of a request -----------------------------------------
 *
 * EINVAL if the member has another type, or is missing where it must be
 * there.
 */
extern int verb_string (const json_t *request, const char *key,
                        const char **ret);
/* A string, or FALLBACK if it is missing. */
extern int verb_string_or (const json_t *request, const char *key,
                           const char *fallback, const char **ret);
/* False if it is missing. */
extern int verb_bool (const json_t *request, const char *key, bool *ret);
/* Bytes; FALLBACK if it is missing. */
extern int verb_size_or (const json_t *request, const char *key,
                         uint64_t fallback, uint64_t *ret);
/* The array of strings KEY; *NAMES is allocated, its strings are REQUEST's. */
extern int verb_names (const json_t *request, const char *key,
                       const char ***names, size_t *n);
/* Puts VALUE (taken over, NULL = no memory) into *REPLY, which is made if it
 * is NULL and freed on failure.
 */
extern int verb_reply (json_t **reply, const char *key, json_t *value);
/* TEXT as a JSON string; bytes that are not UTF-8 become '?'. */
extern json_t *verb_text (const char *text);
/* SIZE as a JSON integer; UINT64_MAX = null. */
extern json_t *verb_number (uint64_t n);
/* Non-zero: the caller wants to end. */
extern int verb_progress (struct pool_verb_call *call, uint64_t done,
                          uint64_t total);

/* ---- verbs-facts.c ------------------------------------------------------- */

/* {"volume":{...}} of NAME into *REPLY. */
extern int verb_reply_volume (struct pool *p, const char *name,
                              json_t **reply);
extern int verb_info (struct pool *p, const json_t *request,
                      struct pool_verb_call *call, json_t **reply);
extern int verb_list (struct pool *p, const json_t *request,
                      struct pool_verb_call *call, json_t **reply);
extern int verb_events (struct pool *p, const json_t *request,
                        struct pool_verb_call *call, json_t **reply);
extern int verb_check (struct pool *p, const json_t *request,
                       struct pool_verb_call *call, json_t **reply);
extern int verb_scrub (struct pool *p, const json_t *request,
                       struct pool_verb_call *call, json_t **reply);

/* ---- transfer.c ---------------------------------------------------------- */

extern int verb_import (struct pool *p, const json_t *request,
                        struct pool_verb_call *call, json_t **reply);
extern int verb_export (struct pool *p, const json_t *request,
                        struct pool_verb_call *call, json_t **reply);

#endif /* NBDVOL_VERBS_INTERNAL_H */
