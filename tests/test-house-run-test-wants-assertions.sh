#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The runner of `make check` fails a test that exits 0 without an assertion,
# that skips without a reason, that a sanitizer complains of, or that takes
# too long; and lets the others through.
set -e
source "$(dirname "$0")/lib/functions.sh"

# try RC SCRIPT-TEXT: what the runner makes of it
try ()
{
  printf '%s\n' "$2" >"$tmpdir/test-it.sh"
  must_fail "$1" env TEST_TIMEOUT=2 NBDVOL_SANITIZER=asan \
      bash "$srcdir/tests/lib/run-test" "$tmpdir/test-it.sh"
}

try 0 'echo 3 assertions'
try 1 'true'
matches "$out" "last line is not 'N assertions'"
try 1 'echo 0 assertions'
try 1 'echo 3 assertions; echo more'
try 5 'echo 3 assertions; exit 5'
try 77 'echo SKIP: no such hardware; exit 77'
try 1 'exit 77'
matches "$out" 'skipped without a reason'
try 124 'tail -f /dev/null'
matches "$out" 'killed after 2 seconds'
# shellcheck disable=SC2016 # for the inner shell
try 1 'echo overflow >${ASAN_OPTIONS##*log_path=}.123; echo 3 assertions'
matches "$out" 'the sanitizer reported'

# A shell test that asserts nothing fails by itself, one that fails says
# where.
printf '%s\n' 'set -e' "source '$srcdir/tests/lib/functions.sh'" \
  >"$tmpdir/test-empty.sh"
must_fail 1 bash "$tmpdir/test-empty.sh"
matches "$out" '^0 assertions$'
printf '%s\n' 'set -e' "source '$srcdir/tests/lib/functions.sh'" \
  'equal 1 1' '' 'equal 1 2 "the number"' >"$tmpdir/test-wrong.sh"
must_fail 1 bash "$tmpdir/test-wrong.sh"
matches "$err" "test-wrong.sh:5: FAILED: the number: '1' is not '2'"
