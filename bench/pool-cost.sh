#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What a pool costs by its size; `make bench` runs this.  All steps of
# bench/pool-cost one after the other, in $BENCH_DIR (default bench/data of
# the build tree), which should be on the disk that is to be spoken of:
# about 6 GiB are needed, some minutes, and the files are gone at the end.
# The figures go to bench/out/pool-cost.txt and, for `make acceptance`, to
# acceptance/results/.  With SCALE they are only shown.

set -eu -o pipefail

: "${abs_top_srcdir:?}" "${abs_top_builddir:?}"
source "$(dirname "$0")/../acceptance/functions.sh"
source "$(dirname "$0")/lib.sh"

data=$(make_data_dir pool-cost)
trap 'rm -rf "$data"' EXIT
out=$abs_top_builddir/bench/out
mkdir -p "$out"

describe_machine "$data" | tee "$out/pool-cost.txt"
for step in build writes open memory snapshot; do
  "$abs_top_builddir/bench/pool-cost" "$data" $step
done | tee -a "$out/pool-cost.txt"

figure ()
{
  sed -n "s/^${1//./\\.}=//p" "$out/pool-cost.txt"
}

echo
printf '| pool | bytes | CPU us | us | writes | flushes |\n'
printf '| --- | --- | --- | --- | --- | --- |\n'
for what in local whole aged; do
  for size in 256M 16G 1T; do
    printf '| %s, %s | %s | %s | %s | %s | %s |\n' \
           $size $what \
           "$(figure $what.$size.bytes-per-write)" \
           "$(figure $what.$size.cpu-us-per-write)" \
           "$(figure $what.$size.wall-us-per-write)" \
           "$(figure $what.$size.backing-writes-per-write)" \
           "$(figure $what.$size.backing-flushes-per-write)"
  done
done

[ -z "${SCALE:-}" ] || exit 0
record pool-cost "make bench" \
       seed="$(figure seed | tr '\n' , | sed 's/,$//')" \
       filesystem="$(stat -f -c %T "$data")" \
       blocks="$(figure build.1T.blocks)" \
       bytes-spread="$(figure local.bytes-spread)" \
       cpu-spread="$(figure local.cpu-spread)" \
       aged-bytes-spread="$(figure aged.bytes-spread)" \
       aged-cpu-spread="$(figure aged.cpu-spread)" \
       open-clean-ms="$(figure open.clean-ms)" \
       open-clean-uncached-ms="$(figure open.clean-uncached-ms)" \
       open-killed-ms="$(figure open.killed-ms)" \
       memory-peak-mib="$(figure memory.peak-mib)" \
       memory-requests="$(figure memory.requests)" \
       snapshot-ms="$(figure snapshot.ms)" \
       two-flushes-ms="$(figure snapshot.two-flushes-ms)"
