#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# After a failed flush the pool is poisoned: info says so with cause, remedy
# and time, looking works, and a verb that would change the pool is exit code
# 7, with one line.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

must nbdvol init "$pool" 16M
must nbdvol create "$pool" root 1M
serve_under_test s "faulty(file:$pool,flush=1,armed=$tmpdir/now)"
ctl=unix:$sockdir/s.ctl
must nbdvol snapshot "$ctl" root@before
touch "$tmpdir/now"
must_fail 7 nbdvol snapshot "$ctl" root@failed
equal "$(wc -l <<<"$err")" 1 "lines of the message"
must_fail 7 nbdvol create "$ctl" new 1M --json
matches "$out" '^\{"error":\{"code":7,"errno":"EIO"'
must nbdvol info "$ctl" -H -o state
equal "$out" poisoned
must nbdvol info "$ctl"
matches "$out" $'\nlast-error  +[^\n]*flush[^\n]*; '
matches "$out" $'\nlast-error-time  +[0-9-]+T[0-9:]+Z\n'
must nbdvol ls "$ctl"
must nbdvol events "$ctl"
matches "$out" '  poisoned: '
