#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the backing is given for each byte that a client writes, counted;
# `make bench` runs this.  bench/cost-amplify.c says what is counted.  Some
# minutes, and 300 MiB in $BENCH_DIR (default bench/data of the build tree).
# The figures go to bench/out/amplify.txt and, for `make acceptance`, to
# acceptance/results/.  With SCALE they are only shown.

set -eu -o pipefail

: "${abs_top_srcdir:?}" "${abs_top_builddir:?}"
source "$(dirname "$0")/../acceptance/functions.sh"
source "$(dirname "$0")/lib.sh"

data=$(make_data_dir amplify)
trap 'rm -rf "$data"' EXIT
out=$abs_top_builddir/bench/out
mkdir -p "$out"

describe_machine "$data" | tee "$out/amplify.txt"
"$abs_top_builddir/bench/pool-cost" "$data" amplify | tee -a "$out/amplify.txt"

figure ()
{
  sed -n "s/^${1//./\\.}=//p" "$out/amplify.txt"
}

[ -z "${SCALE:-}" ] || exit 0
record amplification "make bench" \
       seed="$(figure seed)" filesystem="$(stat -f -c %T "$data")" \
       plain-each="$(figure amplify.plain.each.bytes)" \
       plain-thousand="$(figure amplify.plain.thousand.bytes)" \
       plain-touch="$(figure amplify.plain.touch.bytes)" \
       plain-more-flushes="$(figure amplify.plain.each.more-flushes)" \
       all-each="$(figure amplify.all.each.bytes)" \
       all-each-pairs="$(figure amplify.all.each.pairs-a-second)" \
       all-thousand="$(figure amplify.all.thousand.bytes)" \
       all-thousand-pairs="$(figure amplify.all.thousand.pairs-a-second)"
