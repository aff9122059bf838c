#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Crash enumeration of the pool at length: first under a device that forgets
# the flushes, where it must fail; then all sequences of one, two and three
# operations; then random histories until STATES (50,000,000) states have been
# judged and no cell of operation x crash point holds fewer than CELL (10,000),
# in parts of PART (250,000) with a seed each.
#
# It takes hours, so it may be had in pieces: after TIME seconds, if that is
# given, it ends behind the part that runs.  The figures and the table are
# written down after each part (acceptance/results/crash-soak: the cells as
# lines of kind, phase, states), and the next run goes on from there, unless
# SEED is given or the code, or what judges it, is another one by now.
set -e
source "$(dirname "$0")/lib/functions.sh"
abs_top_srcdir=$srcdir
source "$srcdir/acceptance/functions.sh"

given=${SEED:-}
use_seed
states=${STATES:-50000000}
cell=${CELL:-10000}
part=${PART:-250000}
limit=${TIME:-0}
log=$tmpdir/log
total=$tmpdir/total             # the table so far
: >"$total"
judged=0 tried=0 histories=0 seconds=0 exhausted=0 length=0 failures=0 teeth=0
seed=$SEED

# The number before WORD in the log.
said ()
{
  sed -n -E "s/.*(^|[ (])([0-9]+) $1.*/\2/p" "$log" | tail -n 1
}

# enumerate ARGUMENT...: one run; its figures are added.
enumerate ()
{
  local rc=0 table=$tmpdir/table
  : >"$table"
  "$builddir/tests/pool-crash" --table "$table" "$@" >"$log" 2>&1 || rc=$?
  grep -aE '^(FAILED|repeat:)|^  ' "$log" | head -n 40 || true
  tail -n 5 "$log"
  [ $rc -eq 0 ] || failures=$((failures + 1))
  awk -F '\t' -v OFS='\t' '
    { key = $1 OFS $2; if (! (key in n)) order[count++] = key; n[key] += $3 }
    END { for (i = 0; i < count; i++) print order[i], n[order[i]] }' \
      "$total" "$table" >"$total.new"
  mv "$total.new" "$total"
  judged=$((judged + "$(said 'states of')"))
  tried=$((tried + "$(said 'crashes looked at')"))
  histories=$((histories + "$(said 'histories \(')"))
  seconds=$((seconds + "$(said 'seconds')"))
  passed
}

least ()
{
  awk -F '\t' 'NR == 1 || $3 < m { m = $3 } END { print m + 0 }' "$total"
}

note ()
{
  record crash-soak "STATES=$states SEED=$SEED tests/soak-pool-crash.sh" \
         states="$judged" least-cell="$(least)" exhausted="$exhausted" \
         failures="$failures" teeth="$teeth" histories="$histories" \
         crashes="$tried" seconds="$seconds" length="$length" seed="$SEED" \
         last-seed="$seed"
  cat "$total" >>"$results/crash-soak"
}

# True if part of the work is done: its seed, its figures, its table.
take_up ()
{
  local commit
  commit=$(head -n 1 "$results/crash-soak" 2>/dev/null | cut -f 2) &&
    git -C "$srcdir" diff --quiet "$commit" -- tests/lib tests/pool-crash.c \
        2>/dev/null || return 1
  judged=$(recorded crash-soak states) &&
    failures=$(recorded crash-soak failures) && [ "$failures" -eq 0 ] &&
    exhausted=$(recorded crash-soak exhausted) &&
    length=$(recorded crash-soak length) &&
    teeth=$(recorded crash-soak teeth) &&
    histories=$(recorded crash-soak histories) &&
    tried=$(recorded crash-soak crashes) &&
    seconds=$(recorded crash-soak seconds) &&
    SEED=$(recorded crash-soak seed) &&
    seed=$(recorded crash-soak last-seed) &&
    tail -n +2 "$results/crash-soak" >"$total" &&
    echo "SEED=$SEED, $judged states are done"
}

forget_flushes ()
{
  local rc=0
  "$builddir/tests/pool-crash" --seed "$seed" --states "$part" --drop-flush \
    >"$log" 2>&1 || rc=$?
  equal $rc 1 "exit code without flushes"
  grep -a '^FAILED' "$log" | head -n 1
  teeth=1
}

may_go_on ()
{
  [ "$failures" -eq 0 ] && { [ "$limit" -eq 0 ] || [ $SECONDS -lt "$limit" ]; }
}

if [ -n "$given" ] || ! take_up; then
  : >"$total"
  judged=0 tried=0 histories=0 seconds=0 exhausted=0 length=0 failures=0
  teeth=0
fi
[ "$teeth" -eq 1 ] || forget_flushes
while [ "$length" -lt 3 ] && may_go_on; do
  length=$((length + 1)) before=$histories
  enumerate --seed "$seed" --exhaustive "$length" --histories 1000000000
  equal "$(said 'points not exhausted')" 0 "points that were not exhausted"
  exhausted=$((exhausted + histories - before))
  note
done
while { [ "$judged" -lt "$states" ] || [ "$(least)" -lt "$cell" ]; } &&
      may_go_on; do
  seed=$((seed + 1))
  enumerate --seed "$seed" --states "$part"
  note
done
cat "$total"
echo "$judged states of $histories histories ($exhausted exhausted), least" \
     "cell $(least), $failures failures, $seconds seconds"
equal "$failures" 0 "failures"
