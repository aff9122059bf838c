#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdinfo --map shows exactly which blocks hold data, after random writes,
# trims and zeroes; no extent that could be joined with its neighbour.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

use_seed
RANDOM=$SEED
blocks=2048
declare -a data
commands=()
for ((i = 0; i < 300; i++)); do
  first=$((RANDOM % blocks))
  n=$((1 + RANDOM % 16))
  [ $((first + n)) -le $blocks ] || n=$((blocks - first))
  case $((RANDOM % 4)) in
    0) commands+=("trim:$((first * 4096)):$((n * 4096))"); value=0 ;;
    1) commands+=("zero:$((first * 4096)):$((n * 4096))"); value=0 ;;
    *) commands+=("write:$((first * 4096)):$((n * 4096)):@$i"); value=1 ;;
  esac
  for ((b = first; b < first + n; b++)); do
    data[b]=$value
  done
done

# "OFFSET LENGTH TYPE" as nbdinfo prints it.
expected ()
{
  local b start=0 now
  for ((b = 1; b <= blocks; b++)); do
    now=${data[b]:-0}
    [ $b -lt $blocks ] || now=end
    if [ "$now" != "${data[start]:-0}" ]; then
      if [ "${data[start]:-0}" = 1 ]; then
        echo "$((start * 4096)) $(((b - start) * 4096)) 0 data"
      else
        echo "$((start * 4096)) $(((b - start) * 4096)) 3 hole,zero"
      fi
      start=$b
    fi
  done
}

serve s create=8M
must nbd_do "$s_uri" "${commands[@]}" flush
expected >"$tmpdir/expected"
nbdinfo --map "$s_uri" | awk '{ print $1, $2, $3, $4 }' >"$tmpdir/map"
must diff "$tmpdir/expected" "$tmpdir/map"

# The same after a restart, and on a snapshot.
must nbdvol snapshot "$pool" root@s
stop_nbdkit s
serve s
for export in root root@s; do
  nbdinfo --map "$(uri s $export)" |
    awk '{ print $1, $2, $3, $4 }' >"$tmpdir/map"
  must diff "$tmpdir/expected" "$tmpdir/map"
done
