#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Without clients SIGTERM ends the server within a second, also with data not
# yet committed and somebody following its events; and what was not flushed
# is there afterwards, for this is a clean end.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=64M
must nbd_do "$s_uri" write:0:16M:@1
nbdvol events --follow "$pool" >"$tmpdir/events" &
follower=$!
wait_until 10 grep -q opened "$tmpdir/events"
start=$(date +%s%N)
stop_nbdkit s
limit=1000
[ -z "${NBDKIT_VALGRIND:-}${NBDVOL_SANITIZER:-}" ] || limit=10000
between $((($(date +%s%N) - start) / 1000000)) 0 $limit "milliseconds"
wait_until 10 server_gone "$follower"
wait "$follower" || true
matches "$(cat "$s_log")" "nbdvol: $pool: .*close"

serve s
must nbd_do "$s_uri" read:0:16M:@1
