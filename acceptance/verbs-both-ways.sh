#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every verb, run on a pool that is served and on one that is not, prints and
# does the same: the figure is the number of command lines compared.
set -eu
source "$(dirname "$0")/functions.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
rc=0
bash "$abs_top_srcdir/tests/test-command-does-the-same-both-ways.sh" \
     >"$log" 2>&1 || rc=$?
tail -n 50 "$log"
figure_line "verbs both ways: command lines with equal output and result" \
            "$(grep -ac '^+ [a-z]* data.pool' "$log")" '>=' 60
figure_line "verbs both ways: exit code of the comparison" "$rc" == 0
