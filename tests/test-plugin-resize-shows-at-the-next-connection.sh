#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# NBD cannot tell a client a new size: a connection keeps the one it began
# with, the next has the new one.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

mkfifo "$tmpdir/in"
serve s create=4M
"$nbd_do" "$s_uri" size hold size write:0:4M:@1 'ENOSPC!write:4M:4K:1' \
       <"$tmpdir/in" >"$tmpdir/client" 2>&1 &
client=$!
exec 7>"$tmpdir/in"
wait_until 10 grep -q holding "$tmpdir/client"
must nbdvol resize "$pool" root 8M
must nbd_do "$s_uri" size write:4M:4M:@2
equal "$out" $((8 << 20))
exec 7>&-
wait "$client" || { cat "$tmpdir/client" >&2; fail "the first connection"; }
passed
must nbd_do "$s_uri" read:0:4M:@1 read:4M:4M:@2
