#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Crash enumeration of the pool at length: all sequences of one and of two
# operations, then random histories until STATES (5,000,000) states have been
# judged, in parts of PART (250,000) with a seed each, and at last a device
# that forgets the flushes, under which the same command must fail.  The
# result and its table are written down after each part.  A run that was cut
# short is taken up where it ended, unless SEED is given or the code, or what
# judges it, is another one by now.
set -e
source "$(dirname "$0")/lib/functions.sh"
abs_top_srcdir=$srcdir
source "$srcdir/acceptance/functions.sh"

given=${SEED:-}
use_seed
states=${STATES:-5000000}
part=${PART:-250000}
log=$tmpdir/log
total=$tmpdir/total
: >"$total"
failures=0 seed=$SEED

# enumerate ARGUMENT...: one run; its table is added to the total.
enumerate ()
{
  local rc=0
  "$builddir/tests/pool-crash" "$@" >"$log" 2>&1 || rc=$?
  grep -aE '^(FAILED|repeat:)|^  ' "$log" | head -n 40 || true
  grep -aE '^[a-z]+( +[0-9]+){7}$' "$log" >>"$total" || true
  tail -n 1 "$log"
  [ $rc -eq 0 ] || failures=$((failures + 1))
  passed
}

# Column sums of all tables: the whole table, the sum, or the least cell.
table ()
{
  awk -v what="$1" '
    { if (! ($1 in row)) { row[$1] = n; name[n++] = $1 }
      for (i = 2; i <= 8; i++) { cell[$1, i] += $i; sum += $i } }
    END {
      least = -1
      for (k = 0; k < n; k++) {
        line = sprintf ("%-10s", name[k])
        for (i = 2; i <= 8; i++) {
          c = cell[name[k], i]
          line = line sprintf (" %9d", c)
          if (least < 0 || c < least) least = c
        }
        if (what == "all") print line
      }
      if (what == "sum") printf "%d\n", sum
      if (what == "least") printf "%d\n", least
    }' "$total"
}

note ()
{
  record crash-soak "STATES=$states SEED=$SEED tests/soak-pool-crash.sh" \
         states="$(table sum)" least-cell="$(table least)" \
         failures="$failures" teeth="$1" seed="$SEED" last-seed="$seed"
  table all >>"$results/crash-soak"
}

# True if part of the work is done: its seed, its table.
take_up ()
{
  local judged commit
  commit=$(head -n 1 "$results/crash-soak" 2>/dev/null | cut -f 2) &&
    git -C "$srcdir" diff --quiet "$commit" -- tests/lib tests/pool-crash.c \
        2>/dev/null || return 1
  judged=$(recorded crash-soak states) &&
    [ "$(recorded crash-soak teeth)" -eq 0 ] &&
    [ "$(recorded crash-soak failures)" -eq 0 ] &&
    SEED=$(recorded crash-soak seed) &&
    seed=$(recorded crash-soak last-seed) &&
    tail -n +2 "$results/crash-soak" >"$total" &&
    echo "SEED=$SEED, $judged states are done"
}

if [ -n "$given" ] || ! take_up; then
  enumerate --seed "$seed" --exhaustive 1 --histories 1000000000
  enumerate --seed "$seed" --exhaustive 2 --histories 1000000000
fi
while [ "$(table sum)" -lt "$states" ] && [ $failures -eq 0 ]; do
  seed=$((seed + 1))
  enumerate --seed "$seed" --states "$part"
  note 0
done
printf '%-10s %9s %9s %9s %9s %9s %9s %9s\n' \
       '' data nodes flush-1 super flush-2 after recovery
table all
echo "$(table sum) states, least cell $(table least), $failures failures"
equal $failures 0 "failures"

rc=0
"$builddir/tests/pool-crash" --seed "$seed" --states "$part" --drop-flush \
  >"$log" 2>&1 || rc=$?
equal $rc 1 "exit code without flushes"
grep -a '^FAILED' "$log"
note 1
