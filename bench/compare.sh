#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The pool beside nbdkit and qemu-nbd; `make bench` runs this.  bench/run
# says what is measured and how.  Twice: on the disk below $BENCH_DIR
# (default bench/data of the build tree, 10 GiB are needed), which is the
# table that speaks, and, file and pool alone, on a tmpfs (/dev/shm, 6 GiB),
# where only CPU time counts.  All figures go to bench/out/ of the build
# tree; with all cells and at least 15 rounds also to acceptance/results/.
#
#   PAIRS=3 make bench      a quick look (a full run takes about 30 minutes)
#   SECONDS_EACH=2  SIZE=1024  CELLS=a,b  KINDS=a,b  as bench/run takes them

set -eu -o pipefail

: "${abs_top_srcdir:?}" "${abs_top_builddir:?}"
source "$(dirname "$0")/../acceptance/functions.sh"
source "$(dirname "$0")/lib.sh"

pairs=${PAIRS:-15}
seconds=${SECONDS_EACH:-0.8}
size=${SIZE:-1024}
tmpfs_cells=rr4k_q1,rr4k_q32,rr4k_q32x4,rw4k_q1,rw4k_q32,rw4k_q32x4
tmpfs_cells+=,sr64k_q8,sw64k_q8,flush1,flush8
out=$abs_top_builddir/bench/out
mkdir -p "$out"
data=$(make_data_dir compare)
shm=$(mktemp -d /dev/shm/nbdvol-bench.XXXXXX)
trap 'rm -rf "$data" "$shm"' EXIT

describe_machine "$data" | tee "$out/machine.txt"
"$abs_top_srcdir/bench/run" --pairs "$pairs" --seconds "$seconds" \
    --size "$size" ${CELLS:+--cells "$CELLS"} ${KINDS:+--kinds "$KINDS"} \
    --out "$out/disk" "$data"
cat "$out/disk.md"
if [ "$(stat -f -c %T "$shm")" = tmpfs ]; then
  "$abs_top_srcdir/bench/run" --pairs "$pairs" --kinds file,pool \
      --seconds "$(awk -v s="$seconds" 'BEGIN { print s / 2 }')" \
      --size "$size" --cells "${CELLS:-$tmpfs_cells}" --no-count \
      --out "$out/tmpfs" "$shm"
  cat "$out/tmpfs.md"
fi
{
  echo "command:     make bench, PAIRS=$pairs SECONDS_EACH=$seconds SIZE=$size"
  echo "load after:  $(cut -d ' ' -f 1-3 /proc/loadavg)"
} | tee -a "$out/machine.txt"

if [ "$pairs" -lt 15 ] || [ -n "${CELLS:-}${KINDS:-}" ]; then
  echo "compare.sh: not recorded: too few rounds, or not all cells and kinds"
  exit 0
fi
mapfile -t figures <"$out/disk.figures"
record bench "make bench" pairs="$pairs" seconds="$seconds" \
       filesystem="$(stat -f -c %T "$data")" "${figures[@]}"
