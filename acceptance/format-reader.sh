#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The independent reader: at most 400 lines of Python, only the standard
# library; its dump of every volume and snapshot equals the export of the
# command, and of hand-built pools what was built into them.

set -eu
# shellcheck source=acceptance/functions.sh
source "$(dirname "$0")/functions.sh"

reader=$abs_top_srcdir/tests/tools/pool-dump.py
figure_line "reader, lines" "$(wc -l <"$reader")" '<=' 400
figure_line "reader, modules beyond os, re, struct, sys" \
  "$(grep -E '^ *(import|from) ' "$reader" |
     grep -cvE '^import (os|re|struct|sys)$' || true)" == 0

run_test ()
{
  local rc=0
  bash "$abs_top_srcdir/tests/$1.sh" || rc=$?
  figure_line "$2, exit code" "$rc" == 0
}
run_test test-pool-format-reader-agrees "reader against hand-built pools"
run_test test-pool-format-reader-equals-export "reader against export"
run_test test-pool-format-fixtures-open "pools of earlier releases"
