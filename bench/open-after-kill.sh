#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# How long a pool takes from its start to the first answer after kill -9 with
# as much in its journal as there may be; `make bench` runs this.  16 GiB of
# capacity, 4 KiB at random over 8 GiB with a flush every 64 until a second
# before the server is killed, then 64 KiB after 64 KiB with no flush, so that
# the last transactions hold much data that recovery has to look at.  Five
# times as it is after a kill, and once with the file's pages dropped.  Some
# 12 GiB of $BENCH_DIR (default bench/data of the build tree).

set -eu -o pipefail

: "${abs_top_srcdir:?}" "${abs_top_builddir:?}"
source "$(dirname "$0")/../acceptance/functions.sh"
source "$(dirname "$0")/lib.sh"

data=$(make_data_dir open)
socks=$(mktemp -d /tmp/nbdvol-open.XXXXXX)
pid=
# shellcheck disable=SC2317  # by the trap
clean ()
{
  [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || :
  rm -rf "$data" "$socks"
}
trap clean EXIT
pool=$data/data.pool
sock=$socks/nbd
uri="nbd+unix:///root?socket=$sock"
runs=${RUNS:-5}
writes=${WRITES:-120000}

start ()
{
  rm -f "$sock" "$sock.pid"
  nbdkit -P "$sock.pid" -U "$sock" pool "$pool"
  pid=$(cat "$sock.pid")
}

# Milliseconds until a block has been read.
timed_start ()
{
  local from=$EPOCHREALTIME
  start
  nbdinfo --size "$uri" >/dev/null
  qemu-io -r -f raw -c "read 0 4k" "$uri" >/dev/null
  local to=$EPOCHREALTIME
  ms=$(( (${to/./} - ${from/./}) / 1000 ))
}

# The journal fills; then the server dies.
fill_and_kill ()
{
  fio --name=fill --ioengine=nbd --uri="$uri" --size=8g --rw=randwrite \
      --bs=4k --iodepth=32 --fsync=64 --norandommap --randrepeat=0 \
      --number_ios="$writes" >/dev/null
  fio --name=long --ioengine=nbd --uri="$uri" --size=8g --rw=write --bs=64k \
      --iodepth=8 --io_size="${LONG:-1800m}" >/dev/null
  kill -9 "$pid"
  tail --pid="$pid" -f /dev/null
}

nbdvol init "$pool" 16G
nbdvol create "$pool" root 8G
start
times=()
for ((i = 0; i < runs; i++)); do
  fill_and_kill
  timed_start
  times+=("$ms")
done
fill_and_kill
sync -f "$data"
dd of="$pool" oflag=nocache conv=notrunc,fdatasync count=0 status=none
timed_start
cold=$ms
kill "$pid"
tail --pid="$pid" -f /dev/null
pid=
describe_machine "$data"
echo "after kill -9, ms: ${times[*]}; not in the page cache: $cold"
[ -z "${WRITES:-}${RUNS:-}${LONG:-}" ] || exit 0
record open-after-kill "make bench" filesystem="$(stat -f -c %T "$data")" \
       most-ms="$(printf '%s\n' "${times[@]}" | sort -n | tail -n 1)" \
       median-ms="$(printf '%s\n' "${times[@]}" | sort -n |
                    sed -n "$((runs / 2 + 1))p")" cold-ms="$cold"
