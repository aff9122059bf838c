#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# events shows what has happened to a served pool, oldest first, and with
# --follow what happens then; it ends when the server does.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

time='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z'
head -c 20M /dev/urandom >image
must nbdvol init data.pool 16M
start_nbdkit server pool data.pool control="$sockdir/ctl"
must nbdvol events data.pool
matches "$out" "^$time  opened: uuid "
equal "$(wc -l <<<"$out")" 1 "number of events"

nbdvol events data.pool --follow >followed &
plain=$!
nbdvol events data.pool --follow --json >followed.json &
json=$!
wait_until 20 grep -q opened followed
wait_until 20 grep -q opened followed.json
must_fail 6 nbdvol import data.pool new image
wait_until 20 grep -qE "^$time  .*full: " followed
wait_until 20 grep -q '"kind":"full"' followed.json
same_events () { nbdvol events data.pool | cmp - followed; }
wait_until 20 same_events
same_number () { [ "$(wc -l <followed)" = "$(wc -l <followed.json)" ]; }
wait_until 20 same_number
must nbdvol events data.pool --json
must /usr/bin/python3 -c 'import json, sys
events = json.loads (sys.argv[1])["events"]
assert [e["number"] for e in events] == list (range (1, len (events) + 1))
assert events == [json.loads (line) for line in open ("followed.json")]
' "$out"

stop_nbdkit server
must wait $plain
must wait $json
must nbdvol events data.pool --follow
equal "$out" ''
