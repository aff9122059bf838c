#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A script of at most thirty lines, run twice under `set -eu`, says the same
# both times.
set -eu
source "$(dirname "$0")/functions.sh"

PATH=$abs_top_builddir:$PATH
script=$abs_top_srcdir/tests/lib/thirty-lines.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
rc=0
bash -eu "$script" "$tmp/data.pool" >"$tmp/1" && \
  bash -eu "$script" "$tmp/data.pool" >"$tmp/2" || rc=$?
cat "$tmp/1"
figure_line "script: lines" "$(wc -l <"$script")" '<=' 30
figure_line "script: exit code of two runs under set -eu" "$rc" == 0
line "script: second run says the same" \
     "$(grep -c . "$tmp/1") lines" "equal" cmp "$tmp/1" "$tmp/2"
