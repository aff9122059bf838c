/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The message that goes with a negative errno.
 *
 * One line per thread, in thread-local storage, so that a failing function
 * deep in a stack of devices needs neither an allocation nor a parameter to
 * say what happened, and so that threads do not see each other's words.
 * Every room above writes it with base_fail*; faces read it once, where they
 * log or answer.
 *
 * The text is formatted into a buffer on the stack first: the arguments may
 * point into the old message (base_fail (EIO, "x: %s", base_error_text ())).
 */

#include <config.h>

#include "base.h"

#define MESSAGE_SIZE 1024

static __thread char message[MESSAGE_SIZE];

/* Control characters would break the rule of one line. */
static void
set_message (const char *text)
{
  size_t i;

  for (i = 0; i < MESSAGE_SIZE - 1 && text[i] != '\0'; ++i)
    message[i] = (unsigned char) text[i] < ' ' ? ' ' : text[i];
  message[i] = '\0';
}

/* Append to BUF, which is a string in MESSAGE_SIZE bytes; cuts off. */
static void BASE_PRINTF (2, 0)
append_va (char *buf, const char *fs, va_list args)
{
  size_t n = strlen (buf);

  (void) vsnprintf (buf + n, MESSAGE_SIZE - n, fs, args);
}

static void BASE_PRINTF (2, 3)
append (char *buf, const char *fs, ...)
{
  va_list args;

  va_start (args, fs);
  append_va (buf, fs, args);
  va_end (args);
}

int
base_fail (int err, const char *fs, ...)
{
  char buf[MESSAGE_SIZE] = "";
  va_list args;

  assert (err > 0);
  va_start (args, fs);
  append_va (buf, fs, args);
  va_end (args);
  set_message (buf);
  return -err;
}

/* Untranslated, as all messages are, and without the locale's lock. */
const char *
base_strerror (int err)
{
  const char *words = strerrordesc_np (err);

  return words ? words : "unknown error";
}

int
base_fail_errno (int err, const char *fs, ...)
{
  char buf[MESSAGE_SIZE] = "";
  va_list args;

  assert (err > 0);
  va_start (args, fs);
  append_va (buf, fs, args);
  va_end (args);
  append (buf, ": %s", base_strerror (err));
  set_message (buf);
  return -err;
}

int
base_fail_in (int r, const char *fs, ...)
{
  char buf[MESSAGE_SIZE] = "";
  va_list args;

  assert (r < 0);
  va_start (args, fs);
  append_va (buf, fs, args);
  va_end (args);
  append (buf, ": %s", message);
  set_message (buf);
  return r;
}

const char *
base_error_text (void)
{
  return message;
}

void
base_error_clear (void)
{
  message[0] = '\0';
}

bool
base_error_transient (int r)
{
  return r == -ETIMEDOUT || r == -EAGAIN || r == -ENOMEM;
}
