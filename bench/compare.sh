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
#
# With KINDS=file,qcow2,pool1000 or pool95 (servers.pl) it is the same inside a
# pool with 1,000 snapshots, or one that is 95 % full: recorded by itself, on
# the disk alone.

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
name=bench
case ${KINDS:-} in
  *pool1000*) name=bench-pool1000 ;;
  *pool95*) name=bench-pool95 ;;
esac
table=disk${name#bench}
mkdir -p "$out"
data=$(make_data_dir compare)
shm=$(mktemp -d /dev/shm/nbdvol-bench.XXXXXX)
trap 'rm -rf "$data" "$shm"' EXIT

describe_machine "$data" | tee "$out/machine.txt"
"$abs_top_srcdir/bench/run" --pairs "$pairs" --seconds "$seconds" \
    --size "$size" ${CELLS:+--cells "$CELLS"} ${KINDS:+--kinds "$KINDS"} \
    --out "$out/$table" "$data"
cat "$out/$table.md"
if [ "$name" = bench ] && [ "$(stat -f -c %T "$shm")" = tmpfs ]; then
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

# Is there all that acceptance/bench-ratios.sh asks for?
complete ()
{
  local cell
  [ "$pairs" -ge 15 ] || return 1
  case ,${KINDS:-file,qcow2,pool}, in
    *,file,*,qcow2,*pool*) ;;
    *) return 1 ;;
  esac
  [ -n "${CELLS:-}" ] || return 0
  for cell in {rr,rw}4k_{q1,q32,q32x4} {sr,sw}64k_q8 flush{1,8} \
              fresh4k_flush8 touch64k_q32 touch4k_{q32,flush1}; do
    case ,$CELLS, in *,$cell,*) ;; *) return 1 ;; esac
  done
}
if ! complete; then
  echo "compare.sh: not recorded: too few rounds, or not all cells and kinds"
  exit 0
fi
mapfile -t figures <"$out/$table.figures"
record "$name" "${KINDS:+KINDS=$KINDS }make bench" \
       pairs="$pairs" seconds="$seconds" \
       filesystem="$(stat -f -c %T "$data")" "${figures[@]}"
