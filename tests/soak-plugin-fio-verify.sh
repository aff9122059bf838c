#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fio with crc32c verify on four volumes at once (4 jobs each in a region of
# its own, depth 32, requests of 512 bytes to 64 KiB at any sector) for
# RUNTIME (600) seconds, while snapshots and clones are made and deleted as
# fast as the server does it.  Prints MiB/s and verbs for every second.
#
# The first QUIET seconds pass without verbs: the rate then is what the rate
# under verbs is compared with.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
source "$srcdir/acceptance/functions.sh"
need_command fio

runtime=${RUNTIME:-600}
quiet=${QUIET:-20}
seconds=$((runtime + quiet))

serve s create=64M volume=v0 pool-size="${POOL_SIZE:-4G}"
for v in v1 v2 v3; do
  must nbdvol create "$pool" $v 64M
done

cd "$tmpdir"
fios=()
start=$(date +%s%N)
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

# One line per verb: when it was asked for and when it returned, in
# milliseconds since the start, and the verb.
verbs ()
{
  local n=0 t0 v
  while now=$((($(date +%s%N) - start) / 1000000)) &&
        [ $now -lt $((seconds * 1000)) ]; do
    v=v$((n % 4))
    for verb in "snapshot $v@s$n" "clone $v@s$n c$n" "rm c$n" "rm $v@s$n"; do
      # shellcheck disable=SC2086
      set -- $verb
      verb=$1
      shift
      t0=$((($(date +%s%N) - start) / 1000000))
      nbdvol "$verb" -q "unix:$s_sock_control" "$@" || exit 1
      echo "$t0 $((($(date +%s%N) - start) / 1000000)) $verb"
    done
    n=$((n + 1))
  done
}
s_sock_control=$sockdir/s.ctl
quiet_is_over ()
{
  [ $((($(date +%s%N) - start) / 1000000)) -ge $((quiet * 1000)) ]
}
wait_until $((quiet + 10)) quiet_is_over
verbs >verbs.log
passed

for pid in "${fios[@]}"; do
  wait "$pid" || { cat ./*.log ./*.out >&2; fail "fio ended with an error"; }
  passed
done
errors=$(cat ./*.out | grep -c 'err=[^0]*[1-9]' || true)
equal "$errors" 0 "fio jobs with an error"

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
must nbdvol check "$pool"
record fio-verify "RUNTIME=$runtime tests/soak-plugin-fio-verify.sh" \
       seconds="$runtime" errors="$errors" quiet-kib="$quiet_rate" \
       lowest-kib="$lowest" tenths=$((lowest * 10 / quiet_rate)) \
       verbs-per-second="$per_second" slowest-verb-ms="$slowest"
