#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# rm, rollback and shrink of a volume that is connected are refused, naming
# the client; --force ends its requests with ESHUTDOWN.  A rename leaves
# connections alone.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

mkfifo "$tmpdir/in"
serve s create=4M volume=a
stop_nbdkit s
serve s
must nbdvol snapshot "$pool" a@s
"$nbd_do" "$(uri s a)" write:0:4K:1 hold read:0:4K:1 write:0:4K:2 flush \
       <"$tmpdir/in" >"$tmpdir/client" 2>&1 &
client=$!
exec 7>"$tmpdir/in"
wait_until 10 grep -q holding "$tmpdir/client"
must_fail 1 nbdvol rm -r "$pool" a
matches "$err" "pid $client"
must_fail 1 nbdvol rollback "$pool" a@s
must_fail 1 nbdvol resize --shrink "$pool" a 1M
must nbdvol rename "$pool" a b
exec 7>&-
wait "$client" || { cat "$tmpdir/client" >&2; fail "the renamed volume"; }
passed
must nbd_do "$(uri s b)" read:0:4K:2

mkfifo "$tmpdir/in2"
"$nbd_do" "$(uri s b)" hold 'ESHUTDOWN!read:0:4K:2' 'ESHUTDOWN!write:0:4K:3' \
       'ESHUTDOWN!flush' <"$tmpdir/in2" >"$tmpdir/client2" 2>&1 &
client=$!
exec 8>"$tmpdir/in2"
wait_until 10 grep -q holding "$tmpdir/client2"
must nbdvol rm -r --force "$pool" b
exec 8>&-
wait "$client" || { cat "$tmpdir/client2" >&2; fail "the removed volume"; }
passed
must_fail 1 nbd_do "$(uri s b)" size
