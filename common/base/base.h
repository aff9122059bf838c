/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base: the ground every room stands on.
 *
 * Errors with a message, memory that tests can make fail, scope-bound
 * cleanup, checked arithmetic, growable vectors, checksums, uuids, random
 * numbers, sizes and times as text, threads and locks, range locks.  Nothing
 * here knows what a device or a pool is.
 *
 * Two files can be exchanged by a test program at link time, so that no
 * production code carries a test hook: thread.c (tests/lib/thread-sim.c runs
 * the same threads one at a time in an order chosen by a seed) and alloc.c
 * (tests/lib/alloc-faulty.c fails the n-th allocation).  All locks, threads
 * and allocations of the rooms above go through these two.
 *
 * Return values: functions that can fail return 0 or a negative errno unless
 * their comment says otherwise.
 */

#ifndef NBDVOL_BASE_H
#define NBDVOL_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <assert.h>
#include <endian.h>
#include <pthread.h>

/* ---- compiler ------------------------------------------------------------ */

#define BASE_PRINTF(fmt, args) __attribute__ ((__format__ (printf, fmt, args)))
#define BASE_UNUSED __attribute__ ((__unused__))
#define BASE_MUST_USE __attribute__ ((__warn_unused_result__))

#define BASE_ARRAY_SIZE(a) (sizeof (a) / sizeof ((a)[0]))
#define BASE_CONTAINER_OF(ptr, type, member) \
  ((type *) ((char *) (ptr) - offsetof (type, member)))

#define BASE_MIN(a, b) ((a) < (b) ? (a) : (b))
#define BASE_MAX(a, b) ((a) > (b) ? (a) : (b))

/* ---- errors ----------------------------------------------------------------
 *
 * A failing function returns -errno and leaves one line of text in a
 * thread-local buffer (at most 1023 bytes, no newline).  Callers that know
 * more put it in front: "replica[1]: nbd: connection reset".  The text is
 * for people who operate the pool; it must not hold secrets, and faces do
 * not send it to remote clients.
 */

/* Record the message FS (replacing any earlier one) and return -ERR.
 * ERR is a positive errno.
 */
extern int base_fail (int err, const char *fs, ...) BASE_PRINTF (2, 3);

/* What ERR (positive) means, in English; never NULL. */
extern const char *base_strerror (int err);

/* Like base_fail, with ": base_strerror (ERR)" appended. */
extern int base_fail_errno (int err, const char *fs, ...) BASE_PRINTF (2, 3);

/* Put "FS: " in front of the recorded message and return R (a negative
 * errno, as the failing callee returned it).
 */
extern int base_fail_in (int r, const char *fs, ...) BASE_PRINTF (2, 3);

/* The calling thread's last message, or "" if none.  Valid until the next
 * base_fail* on this thread.
 */
extern const char *base_error_text (void);
extern void base_error_clear (void);

/* True for errors after which the same call may succeed later without
 * anybody changing anything (ETIMEDOUT, EAGAIN, ENOMEM).
 */
extern bool base_error_transient (int r);

/* ---- memory ----------------------------------------------------------------
 *
 * As malloc (3) etc.; NULL and errno = ENOMEM on failure; freed by free (3).
 * base_memalign returns zeroed memory of SIZE bytes aligned to ALIGN (a
 * power of two); also freed by free (3).
 */
extern void *base_malloc (size_t size);
extern void *base_calloc (size_t n, size_t size);
extern void *base_realloc (void *p, size_t size);
extern void *base_memalign (size_t align, size_t size);
extern char *base_strdup (const char *s);
extern char *base_asprintf (const char *fs, ...) BASE_PRINTF (1, 2);

/* 1 in a program that looks for memory errors or races (ASan, TSan): memory
 * that is no longer used goes back by free (3), so that a late use is seen.
 */
#ifndef __has_feature
#define __has_feature(x) 0      /* gcc says it otherwise */
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ \
  || __has_feature (address_sanitizer) || __has_feature (thread_sanitizer)
#define BASE_SANITIZED 1
#else
#define BASE_SANITIZED 0
#endif

/* ---- cleanup at the end of a scope --------------------------------------- */

extern void base_cleanup_free (void *pp);
extern void base_cleanup_file (FILE **pp);
extern void base_cleanup_fd (int *fdp);

#define CLEANUP_FREE __attribute__ ((__cleanup__ (base_cleanup_free)))
#define CLEANUP_FILE __attribute__ ((__cleanup__ (base_cleanup_file)))
/* An int file descriptor; -1 means none. */
#define CLEANUP_FD __attribute__ ((__cleanup__ (base_cleanup_fd)))

/* ---- checked arithmetic: true means OVERFLOW ----------------------------- */

#define BASE_ADD_OVERFLOW(a, b, r) __builtin_add_overflow ((a), (b), (r))
#define BASE_SUB_OVERFLOW(a, b, r) __builtin_sub_overflow ((a), (b), (r))
#define BASE_MUL_OVERFLOW(a, b, r) __builtin_mul_overflow ((a), (b), (r))

static inline bool
base_is_power_of_2 (uint64_t n)
{
  return n != 0 && (n & (n - 1)) == 0;
}

/* ceil (N / D), no overflow; D > 0. */
static inline uint64_t
base_div_up (uint64_t n, uint64_t d)
{
  return n / d + (n % d != 0);
}

/* floor (log2 (N)); N > 0. */
static inline unsigned
base_log2 (uint64_t n)
{
  return 63 - (unsigned) __builtin_clzll (n);
}

/* True if the SIZE bytes at P are all zero (SIZE may be 0 => true). */
extern bool base_is_zero (const void *p, size_t size);

/* ---- vectors ---------------------------------------------------------------
 *
 * BASE_VECTOR (u64_vector, uint64_t);   declares struct u64_vector
 *   { uint64_t *ptr; size_t len, cap; }  and
 *   u64_vector_append (v, x)   0 or -ENOMEM
 *   u64_vector_reserve (v, n)  room for N more; then append cannot fail
 *   u64_vector_reset (v)       frees
 * A zeroed struct is an empty vector.
 */
extern int base_vector_grow (void **ptr, size_t *cap, size_t len, size_t more,
                             size_t itemsize);

#define BASE_VECTOR(NAME, TYPE)                                         \
  struct NAME { TYPE *ptr; size_t len, cap; };                          \
  static inline BASE_UNUSED int                                         \
  NAME##_reserve (struct NAME *v, size_t more)                          \
  {                                                                     \
    if (v->cap - v->len >= more)                                        \
      return 0;                                                         \
    void *p_ = v->ptr;                                                  \
    int r_ = base_vector_grow (&p_, &v->cap, v->len, more,              \
                               sizeof (TYPE));                          \
    v->ptr = p_;                                                        \
    return r_;                                                          \
  }                                                                     \
  static inline BASE_UNUSED int                                         \
  NAME##_append (struct NAME *v, TYPE x)                                \
  {                                                                     \
    int r_ = NAME##_reserve (v, 1);                                     \
    if (r_ < 0)                                                         \
      return r_;                                                        \
    v->ptr[v->len++] = x;                                               \
    return 0;                                                           \
  }                                                                     \
  static inline BASE_UNUSED void                                        \
  NAME##_reset (struct NAME *v)                                         \
  {                                                                     \
    free_vector_ (v->ptr);                                              \
    v->ptr = NULL;                                                      \
    v->len = v->cap = 0;                                                \
  }                                                                     \
  struct NAME

extern void free_vector_ (void *p);

/* ---- checksum --------------------------------------------------------------
 *
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78, initial value and
 * final xor all ones), as iSCSI (RFC 3720 B.4) and ext4 use it:
 * base_crc32c ("123456789", 9) == 0xe3069283.
 * base_crc32c_more continues: base_crc32c_more (base_crc32c (a), b) is the
 * crc of a followed by b.  Sizes may be 0.
 */
extern uint32_t base_crc32c (const void *buf, size_t size);
extern uint32_t base_crc32c_more (uint32_t crc, const void *buf, size_t size);

/* ---- uuid, random -------------------------------------------------------- */

#define BASE_UUID_TEXT 37        /* 36 characters and the NUL */

extern void base_uuid_generate (uint8_t uuid[16]);       /* RFC 4122 v4 */
extern void base_uuid_format (const uint8_t uuid[16],
                              char text[BASE_UUID_TEXT]);
extern int base_uuid_parse (const char *text, uint8_t uuid[16]); /* EINVAL */

/* N bytes from the kernel (getrandom); cannot fail. */
extern void base_random_bytes (void *buf, size_t n);

/* A small seeded generator (xoshiro256**, Blackman and Vigna 2018), for
 * tests and backoff; not for secrets.
 */
struct base_rng { uint64_t s[4]; };
extern void base_rng_seed (struct base_rng *rng, uint64_t seed);
extern uint64_t base_rng_u64 (struct base_rng *rng);
/* Uniform in [0, N); N > 0. */
extern uint64_t base_rng_below (struct base_rng *rng, uint64_t n);

/* ---- sizes and times as text --------------------------------------------- */

/* A size as nbdkit_parse_size reads it: digits and an optional suffix
 * b k K M G T P E (powers of 1024) or s (512 byte sectors).  -EINVAL with a
 * message naming WHAT and TEXT, also for negative and too large (> INT64_MAX).
 */
extern int base_parse_size (const char *what, const char *text, uint64_t *size);

/* A boolean as nbdkit_parse_bool reads it; a duration "10s", "100ms", "2m",
 * "1h" or plain seconds, as milliseconds.  -EINVAL with a message.
 */
extern int base_parse_bool (const char *what, const char *text, bool *value);
extern int base_parse_duration (const char *what, const char *text,
                                uint64_t *ms);

#define BASE_SIZE_TEXT 24
/* SIZE for people: "0", "512", "4K", "1.5G" (at most one decimal). */
extern const char *base_size_text (uint64_t size, char text[BASE_SIZE_TEXT]);

#define BASE_TIME_TEXT 24
/* Seconds since the epoch as RFC 3339 UTC: "2026-11-21T02:26:08Z". */
extern const char *base_time_text (int64_t seconds, char text[BASE_TIME_TEXT]);

/* ---- threads, locks, clocks ------------------------------------------------
 *
 * Thin covers of pthreads; misuse aborts.  Lock order is said where the
 * locks are declared.  All of these are points at which the deterministic
 * scheduler of the tests may run another thread.
 */
struct base_mutex { pthread_mutex_t m; void *sim; };
struct base_cond { pthread_cond_t c; void *sim; };
struct base_rwlock { pthread_rwlock_t rw; void *sim; };
struct base_thread { pthread_t t; void *sim; };

extern void base_mutex_init (struct base_mutex *m);
extern void base_mutex_destroy (struct base_mutex *m);
extern void base_mutex_lock (struct base_mutex *m);
extern bool base_mutex_trylock (struct base_mutex *m);
extern void base_mutex_unlock (struct base_mutex *m);

extern void base_cond_init (struct base_cond *c);       /* monotonic clock */
extern void base_cond_destroy (struct base_cond *c);
extern void base_cond_wait (struct base_cond *c, struct base_mutex *m);
/* False if MS milliseconds went by first. */
extern bool base_cond_timedwait (struct base_cond *c, struct base_mutex *m,
                                 uint64_t ms);
extern void base_cond_signal (struct base_cond *c);
extern void base_cond_broadcast (struct base_cond *c);

/* Prefers waiting writers; not recursive. */
extern void base_rwlock_init (struct base_rwlock *l);
extern void base_rwlock_destroy (struct base_rwlock *l);
extern void base_rwlock_rdlock (struct base_rwlock *l);
extern void base_rwlock_wrlock (struct base_rwlock *l);
extern void base_rwlock_unlock (struct base_rwlock *l);

/* The new thread blocks all signals.  -errno if it cannot be made. */
extern int base_thread_create (struct base_thread *t, void *(*fn) (void *),
                               void *arg);
extern void base_thread_join (struct base_thread *t);
/* Let another thread run, and nothing else. */
extern void base_thread_yield (void);
/* A small number that tells threads apart, for choosing a stripe. */
extern unsigned base_thread_number (void);

extern uint64_t base_monotonic_ns (void);
extern int64_t base_wall_seconds (void);

/* Lock for the rest of the scope. */
extern void base_cleanup_mutex (struct base_mutex **mp);
extern void base_cleanup_rwlock (struct base_rwlock **lp);
#define BASE_CAT_(a, b) a##b
#define BASE_CAT(a, b) BASE_CAT_ (a, b)
#define LOCK_FOR_SCOPE(MUTEX)                                           \
  BASE_UNUSED __attribute__ ((__cleanup__ (base_cleanup_mutex)))        \
  struct base_mutex *BASE_CAT (lock_, __LINE__) = (MUTEX);              \
  base_mutex_lock (BASE_CAT (lock_, __LINE__))
#define RDLOCK_FOR_SCOPE(RWLOCK)                                        \
  BASE_UNUSED __attribute__ ((__cleanup__ (base_cleanup_rwlock)))       \
  struct base_rwlock *BASE_CAT (lock_, __LINE__) = (RWLOCK);            \
  base_rwlock_rdlock (BASE_CAT (lock_, __LINE__))
#define WRLOCK_FOR_SCOPE(RWLOCK)                                        \
  BASE_UNUSED __attribute__ ((__cleanup__ (base_cleanup_rwlock)))       \
  struct base_rwlock *BASE_CAT (lock_, __LINE__) = (RWLOCK);            \
  base_rwlock_wrlock (BASE_CAT (lock_, __LINE__))

/* ---- range lock ------------------------------------------------------------
 *
 * Locks byte ranges [offset, offset + length) of one object, shared or
 * exclusive, first come first served among those that overlap.  The caller
 * gives the node (usually on its stack); it must stay until unlock.
 * LENGTH may be 0, which locks nothing and never waits.
 */
struct base_range {
  uint64_t offset, length;
  bool exclusive;
  bool held;
  struct base_range *next;      /* lock: the range lock's mutex */
};
struct base_range_lock {
  struct base_mutex mutex;
  struct base_cond changed;
  struct base_range *first, *last;      /* arrival order; lock: mutex */
};
extern void base_range_lock_init (struct base_range_lock *l);
extern void base_range_lock_destroy (struct base_range_lock *l);
extern void base_range_lock_acquire (struct base_range_lock *l,
                                     struct base_range *r, uint64_t offset,
                                     uint64_t length, bool exclusive);
extern void base_range_lock_release (struct base_range_lock *l,
                                     struct base_range *r);

#endif /* NBDVOL_BASE_H */
