#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Crash enumeration: here as `make check` runs it, 300,000 states; 50,000,000
# by tests/soak-pool-crash.sh, and all sequences of up to three operations over
# an alphabet of 22, on two pools: 2 * (22 + 22^2 + 22^3) = 22,308.  With the
# flushes taken out it must fail.
set -e
source "$(dirname "$0")/functions.sh"

cd "$abs_top_builddir"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rc=0
tests/test-pool-crash-leaves-one-commit >"$log" 2>&1 || rc=$?
# What a failing test says may be long.
tail -n 100 "$log"
figure_line "crash states in make check" \
            "$(awk '/ states of / { print $1 }' "$log" | tail -n 1)" \
            '>=' 300000
figure_line "crash states in make check: least cell" \
            "$(sed -n 's/.*smallest cell //p' "$log" | tail -n 1)" '>=' 1000
figure_line "crash states in make check: exit code" "$rc" == 0
rc=0
tests/test-pool-crash-dropped-flush-is-found >"$log" 2>&1 || rc=$?
tail -n 3 "$log"
figure_line "crash states without flushes are found: exit code" "$rc" == 0

recorded_line "crash states in make soak" crash-soak states '>=' 50000000
recorded_line "crash states in make soak: least cell" \
              crash-soak least-cell '>=' 10000
recorded_line "crash states in make soak: sequences of up to 3 exhausted" \
              crash-soak exhausted == 22308
recorded_line "crash states in make soak: failures" crash-soak failures == 0
recorded_line "crash states in make soak: fails without flushes" \
              crash-soak teeth == 1
