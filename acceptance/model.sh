#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Random operations against the flat oracle, and concurrent histories judged
# for linearizability: here as `make check` runs them; 20,000,000 operations
# and 2,000 histories by tests/soak-pool-model.sh.
set -e
source "$(dirname "$0")/functions.sh"

cd "$abs_top_builddir"
for test in pool-model-equals-oracle crash-linear-histories-are-judged \
            pool-concurrent-histories-are-linear \
            pool-concurrent-histories-of-real-threads; do
  rc=0
  "tests/test-$test" || rc=$?
  figure_line "$test: exit code" "$rc" == 0
done

recorded_line "model operations in make soak" \
              model-soak operations '>=' 20000000
recorded_line "model operations in make soak: % of steps on a full pool" \
              model-soak share '>' 30
recorded_line "concurrent histories in make soak" \
              model-soak histories '>=' 2000
recorded_line "model operations and histories in make soak: failures" \
              model-soak failures == 0
