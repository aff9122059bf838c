#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The pool beside nbdkit file on the same disk, requests per second, median
# of the ratios within at least 15 rounds.  bench/compare.sh measures it.
# These are goals; what is steady (CPU, calls, syncs, bytes per request)
# stands beside them in BENCHMARKING.md.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "bench: rounds" bench pairs '>=' 15
for depth in q1 q32 q32x4; do
  recorded_line "bench: 4 KiB random read, $depth, to nbdkit file" \
                bench rr4k_$depth-pool '>=' 0.85
done
for depth in q1 q32 q32x4; do
  recorded_line "bench: 4 KiB random write, $depth, to nbdkit file" \
                bench rw4k_$depth-pool '>=' 0.75
done
