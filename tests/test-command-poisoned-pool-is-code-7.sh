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
head -c 100000 /dev/urandom >"$tmpdir/image"
while read -ra words; do
  must_fail 7 nbdvol "${words[0]}" "$ctl" "${words[@]:1}"
  matches "$err" "^nbdvol: ${words[0]}: $ctl: [^:]"
done <<VERBS
clone root@before new
grow 32M
import new $tmpdir/image
rename root base
resize root 2M
rm root@before
rm -r root
rollback root@before
VERBS
must_fail 7 nbdvol rm "$ctl" root@before nothing --json
matches "$out" '"name":"root@before",.*"error":\{"code":7,"errno":"EIO"'
matches "$out" '"name":"nothing",.*"error":\{"code":3,'
must nbdvol info "$ctl" -H -o state
equal "$out" poisoned
must nbdvol info "$ctl"
matches "$out" $'\nlast-error  +[^\n]*flush[^\n]*; '
matches "$out" $'\nlast-error-time  +[0-9-]+T[0-9:]+Z\n'
must nbdvol ls "$ctl"
must nbdvol events "$ctl"
matches "$out" '  poisoned: '
