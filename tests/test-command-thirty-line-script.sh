#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A script of thirty lines, under `set -eu` and without jq, does an operator's
# round; run twice it says the same, without a server and with one.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

script=$srcdir/tests/lib/thirty-lines.sh
between "$(wc -l <"$script")" 10 30 "lines of the script"
must bash -eu "$script" data.pool
first=$out
matches "$first" 'no root@now'
matches "$first" 'a clone uses the same'
matches "$first" 'less data uses less'
matches "$first" 'has data@now'
matches "$first" 'removing nothing is exit code 3'
matches "$first" 'all gone$'
must bash -eu "$script" data.pool
equal "$out" "$first" "second run"
start_nbdkit server pool data.pool control="$sockdir/ctl"
must bash -eu "$script" data.pool
equal "$out" "$first" "third run, on a served pool"
