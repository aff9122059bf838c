#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ./setup check ends with "N passed, N failed, N skipped" and the right exit
# code: a skip that tests/SKIPS does not allow, a test that asserts nothing,
# a stage that breaks and a sanitizer run that fails are failures.
set -e
source "$(dirname "$0")/lib/functions.sh"

# A tree whose `make TARGET` leaves the results that stand in results/TARGET:
# lines of DIRECTORY NAME RESULT TEXT; exit code in rc/TARGET.
tree=$tmpdir/tree
mkdir -p "$tree/tests" "$tree/results" "$tree/rc"
cp "$srcdir/setup" "$tree"
echo 'test-a-needs-nbd: no nbd module' >"$tree/tests/SKIPS"
cat >"$tree/leave" <<'LEAVE'
while read -r dir name result text; do
  mkdir -p "$dir/tests"
  echo "$text" >"$dir/tests/$name.log"
  echo ":test-result: $result" >"$dir/tests/$name.trs"
done <"results/$1"
exit "$(cat "rc/$1")"
LEAVE
cat >"$tree/GNUmakefile" <<'MAKEFILE'
%: FORCE ; @bash leave $@
GNUmakefile: ;
FORCE: ;
MAKEFILE

# results TARGET RC [LINE...]
results ()
{
  local target=$1
  echo "$2" >"$tree/rc/$target"
  shift 2
  : >"$tree/results/$target"
  [ $# -eq 0 ] || printf '%s\n' "$@" >"$tree/results/$target"
}
# ends RC LAST-LINE
ends ()
{
  must_fail "$1" env NBDVOL_BUILD="$tree" "$tree/setup" check
  equal "$(tail -n 1 <<<"$out")" "$2" "last line"
}

all_good ()
{
  results syntax-check 0
  results check 0 '. test-a-works PASS 3 assertions' \
          '. test-a-needs-nbd SKIP SKIP: no nbd module'
  results check-asan 0 'build-asan/obj test-a-works PASS 3 assertions'
  results check-tsan 0 'build-tsan/obj test-a-works PASS 3 assertions'
}

all_good
ends 0 '4 passed, 0 failed, 1 skipped'
matches "$out" 'skipped: tests/test-a-needs-nbd: no nbd module'

results check 0 '. test-a-works PASS 3 assertions' \
        '. test-a-needs-nbd SKIP SKIP: fio is not installed'
ends 1 '4 passed, 1 failed, 0 skipped'
matches "$out" 'tests/SKIPS does not allow'

results check 0 '. test-a-works PASS 0 assertions'
rm "$tree"/tests/*.trs
ends 1 '3 passed, 1 failed, 0 skipped'
matches "$out" 'tests/test-a-works: made no assertion'

results check 2 '. test-a-works FAIL no' '. test-b-works PASS 1 assertions'
ends 1 '4 passed, 1 failed, 0 skipped'
matches "$out" 'failed: tests/test-a-works: FAIL, see .*test-a-works.log'

# A stage that failed without a test to show for it.
rm "$tree"/tests/*.trs
results check 2
ends 1 '3 passed, 1 failed, 0 skipped'
all_good
results syntax-check 1
ends 1 '3 passed, 1 failed, 1 skipped'
all_good
results check-tsan 2
ends 1 '3 passed, 1 failed, 1 skipped'
results check-tsan 2 'build-tsan/obj test-a-works FAIL race'
ends 1 '3 passed, 1 failed, 1 skipped'
matches "$out" 'failed: tsan: tests/test-a-works: FAIL'
