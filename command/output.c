/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tables on stdout, from the same JSON objects that --json prints.
 *
 * For people: a heading, columns two blanks apart, numbers to the right,
 * sizes like 1.5G.  For programs: -H (no heading, one tab between columns)
 * and -p (bytes).  What is missing or unknown is "-" in both.
 */

#include <config.h>

#include <stdlib.h>

#include "command.h"

char *
output_cell (const struct column *column, const json_t *row, bool exact)
{
  const json_t *j = json_object_get (row, column->name);
  char size[BASE_SIZE_TEXT], time[BASE_TIME_TEXT];
  const char *s;

  if (json_is_string (j)) {
    s = json_string_value (j);
    return base_strdup (s[0] ? s : "-");
  }
  if (json_is_boolean (j))
    return base_strdup (json_is_true (j) ? "yes" : "no");
  if (!json_is_integer (j))
    return base_strdup ("-");
  if (column->type == COLUMN_TIME)
    return base_strdup (json_integer_value (j) == 0 ? "-" :
                        base_time_text (json_integer_value (j), time));
  if (column->type == COLUMN_SIZE && !exact)
    return base_strdup (base_size_text ((uint64_t) json_integer_value (j),
                                        size));
  return base_asprintf ("%lld", (long long) json_integer_value (j));
}

static const struct column *
find_column (const struct column *all, size_t nall, const char *name,
             size_t len)
{
  size_t i;

  for (i = 0; i < nall; ++i)
    if (strlen (all[i].name) == len && memcmp (all[i].name, name, len) == 0)
      return &all[i];
  return NULL;
}

int
output_columns (const struct command *c, const struct column *all,
                size_t nall, const char *defaults,
                const struct column ***ret, size_t *n)
{
  const char *p = c->columns ? c->columns : defaults;
  const struct column **list;
  size_t len, count = 0;

  list = base_calloc (strlen (p) + 1, sizeof *list);
  if (list == NULL)
    return base_fail_errno (ENOMEM, "output");
  for (;; p += len + 1) {
    len = strcspn (p, ",");
    list[count] = find_column (all, nall, p, len);
    if (list[count++] == NULL) {
      free (list);
      return base_fail (EINVAL, "-o: no such column: '%.*s'", (int) len, p);
    }
    if (p[len] == '\0')
      break;
  }
  if (c->sort != NULL &&
      find_column (all, nall, c->sort, strlen (c->sort)) == NULL) {
    free (list);
    return base_fail (EINVAL, "-s: no such column: '%s'", c->sort);
  }
  *ret = list;
  *n = count;
  return 0;
}

/* ---- sorting ----------------------------------------------------------- */

static int
compare_values (const json_t *a, const json_t *b)
{
  json_int_t x = json_integer_value (a), y = json_integer_value (b);

  if (json_is_string (a) && json_is_string (b))
    return strcmp (json_string_value (a), json_string_value (b));
  return (x > y) - (x < y);
}

/* Indices of ROWS in the order of member KEY; equal rows keep theirs.  Merge
 * sort, since qsort keeps no order and takes no context.
 */
static void
merge_sort (const json_t *rows, const char *key, size_t *v, size_t *tmp,
            size_t n)
{
  size_t half = n / 2, i = 0, j = half, k = 0;

  if (n < 2)
    return;
  merge_sort (rows, key, v, tmp, half);
  merge_sort (rows, key, v + half, tmp, n - half);
  while (i < half && j < n) {
    if (compare_values (json_object_get (json_array_get (rows, v[j]), key),
                        json_object_get (json_array_get (rows, v[i]), key))
        < 0)
      tmp[k++] = v[j++];
    else
      tmp[k++] = v[i++];
  }
  while (i < half)
    tmp[k++] = v[i++];
  memcpy (v, tmp, k * sizeof *v);
}

static size_t *
row_order (const json_t *rows, const char *key)
{
  size_t n = json_array_size (rows), i;
  size_t *v = base_calloc (n + 1, sizeof *v);
  CLEANUP_FREE size_t *tmp = base_calloc (n + 1, sizeof *tmp);

  if (v == NULL || tmp == NULL) {
    free (v);
    return NULL;
  }
  for (i = 0; i < n; ++i)
    v[i] = i;
  if (key != NULL)
    merge_sort (rows, key, v, tmp, n);
  return v;
}

/* ---- printing ---------------------------------------------------------- */

static bool
to_the_right (const struct column *column)
{
  return column->type == COLUMN_SIZE || column->type == COLUMN_NUMBER;
}

static void
print_cell (const struct command *c, const struct column *column,
            const char *text, size_t width, bool last)
{
  if (given (c, OPT_NO_HEADING))
    printf ("%s%s", text, last ? "\n" : "\t");
  else if (to_the_right (column))
    printf ("%*s%s", (int) width, text, last ? "\n" : "  ");
  else if (last)
    printf ("%s\n", text);
  else
    printf ("%-*s  ", (int) width, text);
}

static void
print_heading (const struct command *c, const struct column **list, size_t n,
               const size_t *width)
{
  char text[64];
  size_t i, k;

  for (i = 0; i < n; ++i) {
    snprintf (text, sizeof text, "%s", list[i]->name);
    for (k = 0; text[k] != '\0'; ++k)
      if (text[k] >= 'a' && text[k] <= 'z')
        text[k] = (char) (text[k] - 'a' + 'A');
    print_cell (c, list[i], text, width[i], i + 1 == n);
  }
}

/* CELLS: nrows * n texts, in the rows' order. */
static void
print_table (const struct command *c, const struct column **list, size_t n,
             char **cells, size_t nrows)
{
  CLEANUP_FREE size_t *width = base_calloc (n, sizeof *width);
  size_t i, k;

  if (width == NULL)
    return;
  for (k = 0; k < n; ++k) {
    width[k] = strlen (list[k]->name);
    for (i = 0; i < nrows; ++i)
      width[k] = BASE_MAX (width[k], strlen (cells[i * n + k]));
  }
  if (!given (c, OPT_NO_HEADING))
    print_heading (c, list, n, width);
  for (i = 0; i < nrows; ++i)
    for (k = 0; k < n; ++k)
      print_cell (c, list[k], cells[i * n + k], width[k], k + 1 == n);
}

int
output_table (const struct command *c, const struct column *all, size_t nall,
              const char *defaults, const json_t *rows)
{
  CLEANUP_FREE const struct column **list = NULL;
  CLEANUP_FREE size_t *order = NULL;
  CLEANUP_FREE char **cells = NULL;
  size_t n, nrows = json_array_size (rows), i;
  int r;

  r = output_columns (c, all, nall, defaults, &list, &n);
  if (r < 0)
    return r;
  order = row_order (rows, c->sort);
  cells = base_calloc (nrows * n + 1, sizeof *cells);
  if (order == NULL || cells == NULL)
    return base_fail_errno (ENOMEM, "output");
  for (i = 0; i < nrows * n; ++i) {
    cells[i] = output_cell (list[i % n], json_array_get (rows, order[i / n]),
                            given (c, OPT_EXACT));
    if (cells[i] == NULL)
      r = base_fail_errno (ENOMEM, "output");
  }
  if (r == 0)
    print_table (c, list, n, cells, nrows);
  for (i = 0; i < nrows * n; ++i)
    free (cells[i]);
  return r;
}

static int
print_facts (const struct command *c, const struct column *all, size_t nall,
             const json_t *facts)
{
  size_t i, width = 0;
  char *cell;

  for (i = 0; i < nall; ++i)
    width = BASE_MAX (width, strlen (all[i].name));
  for (i = 0; i < nall; ++i) {
    cell = output_cell (&all[i], facts, given (c, OPT_EXACT));
    if (cell == NULL)
      return base_fail_errno (ENOMEM, "output");
    if (given (c, OPT_NO_HEADING))
      printf ("%s\t%s\n", all[i].name, cell);
    else
      printf ("%-*s  %s\n", (int) width, all[i].name, cell);
    free (cell);
  }
  return 0;
}

int
output_facts (const struct command *c, const struct column *all, size_t nall,
              const json_t *facts)
{
  json_t *rows;
  int r;

  if (c->columns == NULL)
    return print_facts (c, all, nall, facts);
  rows = json_pack ("[O]", (json_t *) facts);
  if (rows == NULL)
    return base_fail_errno (ENOMEM, "output");
  r = output_table (c, all, nall, c->columns, rows);
  json_decref (rows);
  return r;
}
