#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The format, fuzzed for ten minutes with fixed-up checksums: no crash, no
# hang, no unbounded allocation.  FUZZ_SECONDS shortens it, and then it is a
# MISS.

set -eu
# shellcheck source=acceptance/functions.sh
source "$(dirname "$0")/functions.sh"

seconds=${FUZZ_SECONDS:-300}
rc=0
bash "$abs_top_srcdir/fuzzing/run" "$seconds" >fuzz-figures || rc=$?
cat fuzz-figures
total=0
while read -r target execs ran problems; do
  figure_line "$target: failures" "$problems" == 0
  figure_line "$target: inputs" "$execs" '>=' 10000
  total=$((total + ran))
done <fuzz-figures
rm -f fuzz-figures
figure_line "format fuzzed, seconds" "$total" '>=' 600
exit $rc
