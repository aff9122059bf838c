#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The model test at length: OPERATIONS (20,000,000) in pools of 40 blocks to
# 64 MiB against the flat oracle, in parts of PART (144) pools, which go
# through all shapes and mixes twice, JOBS (as many as processors) at once; and
# CONCURRENT (2,000) histories, one in six of real threads, judged for
# linearizability.  The result is written down after each part.  A run that was
# cut short is taken up where it ended, unless SEED is given or the code, or
# what judges it, is another one by now.
set -e
source "$(dirname "$0")/lib/functions.sh"
abs_top_srcdir=$srcdir
source "$srcdir/acceptance/functions.sh"

given=${SEED:-}
use_seed
operations=${OPERATIONS:-20000000}
part=${PART:-144}
concurrent=${CONCURRENT:-2000}
jobs=${JOBS:-$(nproc)}
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

# judge LOG RC: of one run of a test; the log is shown if it failed.
judge ()
{
  if [ "$2" -ne 0 ]; then
    cat "$1"
    failures=$((failures + 1))
  fi
  passed
}

# Add up what LOG says.
count ()
{
  local n f r
  local figures='^([0-9]+) operations in [0-9]+ pools, ([0-9]+) of .*, ([0-9]+)'
  read -r n f r < <(sed -nE "s/$figures refused\$/\1 \2 \3/p" "$1") || true
  steps=$((steps + ${n:-0})) full=$((full + ${f:-0}))
  refused=$((refused + ${r:-0})) pools=$((pools + part))
}

# One part for each job.
model_parts ()
{
  local i rc pids=()
  for ((i = 0; i < jobs; i++)); do
    SEED=$((seed + i * part)) CASES=$part \
      "$builddir/tests/test-pool-model-equals-oracle" >"$log-$i" 2>&1 &
    pids+=($!)
  done
  for ((i = 0; i < jobs; i++)); do
    rc=0
    wait "${pids[i]}" || rc=$?
    judge "$log-$i" $rc
    count "$log-$i"
  done
  seed=$((seed + jobs * part))
  note
  echo "$steps operations, $full of them on a full pool, $failures failures"
}

# concurrent_part NAME SEEDS
concurrent_part ()
{
  local name=$1 n=$2 j rc=0
  SEED=$seed SEEDS=$n "$builddir/tests/$name" >"$log" 2>&1 || rc=$?
  judge "$log" $rc
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
  model_parts
done
equal $failures 0 "failures"
