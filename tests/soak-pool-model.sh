#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The model test at length: OPERATIONS (20,000,000) in pools of 40 blocks to
# 64 MiB against the flat oracle, in parts of PART (720) pools, which go
# through all shapes and mixes ten times; and CONCURRENT (2,000) histories of
# simulated threads, 400 of real ones, judged for linearizability.  The result
# is written down after each part.  A run that was cut short is taken up where
# it ended, unless SEED is given or the code, or what judges it, is another
# one by now.
set -e
source "$(dirname "$0")/lib/functions.sh"
abs_top_srcdir=$srcdir
source "$srcdir/acceptance/functions.sh"

given=${SEED:-}
use_seed
operations=${OPERATIONS:-20000000}
part=${PART:-720}
concurrent=${CONCURRENT:-2000}
log=$tmpdir/log
failures=0

note ()
{
  local share=0
  [ "$steps" -eq 0 ] || share=$((full * 100 / steps))
  record model-soak \
         "OPERATIONS=$operations SEED=$SEED tests/soak-pool-model.sh" \
         operations="$steps" full="$full" share="$share" refused="$refused" \
         pools="$pools" failures="$failures" histories="$histories" \
         judged="$judged" seed="$SEED" next-seed="$seed"
}

# The figures of a run that was cut short.
take_up ()
{
  local commit
  commit=$(head -n 1 "$results/model-soak" 2>/dev/null | cut -f 2) &&
    git -C "$srcdir" diff --quiet "$commit" -- tests/lib \
        tests/test-pool-model-equals-oracle.c \
        tests/test-pool-concurrent-histories-are-linear.c \
        tests/test-pool-concurrent-histories-of-real-threads.c \
        2>/dev/null || return 1
  steps=$(recorded model-soak operations) &&
    [ "$(recorded model-soak failures)" -eq 0 ] &&
    full=$(recorded model-soak full) &&
    refused=$(recorded model-soak refused) &&
    pools=$(recorded model-soak pools) &&
    histories=$(recorded model-soak histories) &&
    judged=$(recorded model-soak judged) &&
    SEED=$(recorded model-soak seed) &&
    seed=$(recorded model-soak next-seed) &&
    echo "SEED=$SEED, $steps operations and $histories histories are done"
}

# run NAME VARIABLE=VALUE...: one run of a test; its log is shown if it fails.
run ()
{
  local name=$1
  shift
  if ! env SEED="$seed" "$@" "$builddir/tests/$name" >"$log" 2>&1; then
    cat "$log"
    failures=$((failures + 1))
  fi
  passed
}

model_part ()
{
  local n f r
  local figures='^([0-9]+) operations in [0-9]+ pools, ([0-9]+) of .*, ([0-9]+)'
  run test-pool-model-equals-oracle CASES="$part"
  read -r n f r < <(sed -nE "s/$figures refused\$/\1 \2 \3/p" "$log") || true
  steps=$((steps + ${n:-0})) full=$((full + ${f:-0}))
  refused=$((refused + ${r:-0})) pools=$((pools + part))
  seed=$((seed + part))
  note
  echo "$steps operations, $full of them on a full pool, $failures failures"
}

# concurrent_part NAME SEEDS VARIABLE=VALUE...
concurrent_part ()
{
  local name=$1 n=$2 j
  shift 2
  run "$name" SEEDS="$n" "$@"
  j=$(sed -nE 's/^.* ([0-9]+) judged, .*$/\1/p' "$log")
  histories=$((histories + n)) judged=$((judged + ${j:-0}))
  seed=$((seed + n))
  note
  echo "$histories histories, $judged requests judged, $failures failures"
}

if [ -n "$given" ] || ! take_up; then
  steps=0 full=0 refused=0 pools=0 histories=0 judged=0 seed=$SEED
fi
while [ "$histories" -lt "$concurrent" ] && [ $failures -eq 0 ]; do
  concurrent_part test-pool-concurrent-histories-are-linear 200
  concurrent_part test-pool-concurrent-histories-of-real-threads 40
done
while [ "$steps" -lt "$operations" ] && [ $failures -eq 0 ]; do
  model_part
done
equal $failures 0 "failures"
