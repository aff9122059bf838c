#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An export without --force replaces no file, also not one that has appeared
# while it was written, and leaves nothing of its own then.
set -e
source "$(dirname "$0")/lib/functions.sh"
need_command strace
cd "$tmpdir"

must nbdvol init data.pool 16M
must nbdvol create data.pool root 1M
# Two seconds pass before it takes its name.
strace -f -o trace -e trace=renameat2 -e inject=renameat2:delay_enter=2000000 \
       "$builddir/command/nbdvol" export data.pool root out 2>err &
job=$!
passing_file () { find . -name '.nbdvol-*' | grep -q .; }
wait_until 20 passing_file
pass_if test ! -e out
echo precious >out
rc=0
wait $job || rc=$?
equal "$rc" 4 "exit code"
equal "$(cat err)" 'nbdvol: export: data.pool: out: exists already; '\
'--force overwrites it'
equal "$(cat out)" precious
equal "$(find . -name '.nbdvol*')" ''
