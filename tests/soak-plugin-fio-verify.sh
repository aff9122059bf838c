#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fio with crc32c verify on four volumes at once (4 jobs each in a region of
# its own, depth 32, requests of 512 bytes to 64 KiB at any sector) for
# RUNTIME (600) seconds, while LOOPS (8) loops make and remove snapshots and
# clones.  Prints MiB/s and verbs for every second.
#
# The first QUIET seconds pass without verbs: the rate then is what the rate
# under verbs is compared with.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
abs_top_srcdir=$srcdir
source "$srcdir/acceptance/functions.sh"
need_command fio

runtime=${RUNTIME:-600}
LOOPS=${LOOPS:-8}
quiet=${QUIET:-20}
seconds=$((runtime + quiet))

serve s create=64M volume=v0 pool-size="${POOL_SIZE:-4G}"
stop_nbdkit s
serve s
for v in v1 v2 v3; do
  must nbdvol create "$pool" $v 64M
done

cd "$tmpdir"
fios=()
start=${EPOCHREALTIME//[.,]/}
for v in v0 v1 v2 v3; do
  cat >$v.fio <<END
[global]
ioengine=nbd
uri=$(uri s $v)
rw=randrw
rwmixread=30
bsrange=512-64k
blockalign=512
iodepth=32
verify=crc32c
verify_fatal=1
verify_backlog=512
serialize_overlap=1
time_based=1
runtime=$seconds
size=16m
write_bw_log=$v
log_avg_msec=1000
END
  for job in 0 1 2 3; do
    printf '[%s-%s]\noffset=%sm\n' $v $job $((job * 16)) >>$v.fio
  done
  timeout $((seconds + 120)) \
    fio --output=$v.out $v.fio </dev/null >$v.log 2>&1 &
  fios+=($!)
done

# Sets now: milliseconds since the start.  Starts no program.
clock ()
{
  now=$(((${EPOCHREALTIME//[.,]/} - start) / 1000))
}

# Snapshots and clones of volume v$1 by loop $2, each removed again.  One
# line per verb: when it was asked for and when it returned, and the verb.
verbs ()
{
  local v=v$1 n=0 t0 now name words
  clock
  while [ "$now" -lt $((seconds * 1000)) ]; do
    name=$2-$n
    for words in "snapshot $v@s$name" "clone $v@s$name $v-$name" \
                 "rm $v-$name" "rm $v@s$name"; do
      clock
      t0=$now
      # shellcheck disable=SC2086
      nbdvol ${words%% *} -q "unix:$sockdir/s.ctl" ${words#* } || return 1
      clock
      echo "$t0 $now ${words%% *}"
    done
    n=$((n + 1))
  done
}

quiet_is_over ()
{
  clock
  [ "$now" -ge $((quiet * 1000)) ]
}
wait_until $((quiet + 10)) quiet_is_over
loops=()
for ((i = 0; i < LOOPS; i++)); do
  verbs $((i % 4)) "$i" >"verbs$i.log" &
  loops+=($!)
done
verbs_failed=0
for pid in "${loops[@]}"; do
  wait "$pid" || verbs_failed=$((verbs_failed + 1))
done
sort -n verbs[0-9]*.log >verbs.log

# An error is a job that fio says had one, or a fio that ended badly without
# saying so.
bad_ends=0
for pid in "${fios[@]}"; do
  wait "$pid" || bad_ends=$((bad_ends + 1))
done
jobs=$(cat ./*.out | grep -cE 'err= *[0-9]' || true)
errors=$(cat ./*.out | grep -cE 'err= *[1-9]' || true)
[ "$errors" -ge "$bad_ends" ] || errors=$bad_ends
[ "$errors" -eq 0 ] || cat ./v?.log ./*.out >&2

# Sum up per second: KiB/s of all jobs (time, rate, direction, ...).
cat ./*_bw.*.log | awk -F ', *' -v quiet="$quiet" -v runtime="$seconds" '
  FILENAME == "-" { t = int ($1 / 1000); bw[t] += $2 }
  END { for (t = 1; t < runtime; t++) print t, bw[t] + 0 }' - >rate.log
awk 'NR == FNR { for (t = int ($1 / 1000); t <= int ($2 / 1000); t++) busy[t]++
                 n[int ($2 / 1000)]++; next }
     { printf "second %d: %.1f MiB/s, %d verbs returned%s\n", $1, $2 / 1024,
       n[$1], busy[$1] ? "" : ", none in flight" }' verbs.log rate.log
quiet_rate=$(awk -v q="$quiet" '$1 > 2 && $1 < q { s += $2; n++ }
                                END { printf "%d", s / n }' rate.log)
lowest=$(awk -v q="$quiet" -v last=$((seconds - 1)) '
  NR == FNR { for (t = int ($1 / 1000); t <= int ($2 / 1000); t++) busy[t] = 1
              next }
  $1 > q && $1 < last && busy[$1] && (low == "" || $2 < low) { low = $2 }
  END { printf "%d", low }' verbs.log rate.log)
per_second=$(($(wc -l <verbs.log) / runtime))
slowest=$(awk '{ d = $2 - $1; if (d > max) max = d } END { print max }' \
              verbs.log)
echo "quiet: $((quiet_rate / 1024)) MiB/s;" \
     "lowest second under verbs: $((lowest / 1024)) MiB/s;" \
     "verbs per second: $per_second; slowest verb: $slowest ms"
checked=0
nbdvol check "$pool" || checked=$?
[ "$runtime" -lt 600 ] ||
  record fio-verify "RUNTIME=$runtime tests/soak-plugin-fio-verify.sh" \
         seconds="$runtime" jobs="$jobs" errors="$errors" \
         verbs-failed="$verbs_failed" check="$checked" \
         quiet-kib="$quiet_rate" lowest-kib="$lowest" \
         tenths=$((lowest * 10 / quiet_rate)) \
         verbs-per-second="$per_second" slowest-verb-ms="$slowest"
equal "$jobs" 16 "fio jobs that told their result"
equal "$errors" 0 "fio jobs with an error"
equal "$verbs_failed" 0 "loops of verbs that failed"
equal "$checked" 0 "exit code of nbdvol check"
