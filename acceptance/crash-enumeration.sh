#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Crash enumeration: here as `make check` runs it, 200,000 states; 5,000,000
# by tests/soak-pool-crash.sh.  With the flushes taken out it must fail.
set -e
source "$(dirname "$0")/functions.sh"

cd "$abs_top_builddir"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rc=0
tests/test-pool-crash-leaves-one-commit >"$log" 2>&1 || rc=$?
cat "$log"
figure_line "crash states in make check" \
            "$(awk '/ states of / { print $1 }' "$log" | tail -n 1)" \
            '>=' 200000
figure_line "crash states in make check: least cell" \
            "$(sed -n 's/.*smallest cell //p' "$log" | tail -n 1)" '>=' 1000
figure_line "crash states in make check: exit code" "$rc" == 0
rc=0
tests/test-pool-crash-dropped-flush-is-found || rc=$?
figure_line "crash states without flushes are found: exit code" "$rc" == 0

recorded_line "crash states in make soak" crash-soak states '>=' 5000000
recorded_line "crash states in make soak: least cell" \
              crash-soak least-cell '>=' 1000
recorded_line "crash states in make soak: failures" crash-soak failures == 0
recorded_line "crash states in make soak: fails without flushes" \
              crash-soak teeth == 1
