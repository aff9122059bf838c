#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A fill-command= that fails is one line of the log, one that hangs holds up
# no request, and not the end of the server: there is never a second one
# beside it, what is reached meanwhile is called for afterwards, and in the
# end it is left alone.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

command=$tmpdir/on-fill
do_this () { printf '#!/bin/sh\n%s\n' "$1" >"$command.new"
             chmod +x "$command.new"; mv "$command.new" "$command"; }
lines () { grep -cE "$1" "$s_log" || :; }
has_line () { [ "$(lines "$1")" -ge 1 ]; }
said () { has_line "$1"; }

# It fails, in each way that there is; the server does not mind.
do_this 'exit 3'
serve s create=64M pool-size=32M fill-command="$command"
line="error: nbdvol: $pool: fill-command $command:"
must nbd_do "$s_uri" write:0:25M:@1
wait_until 30 said "$line failed with exit code 3 at 80%"
# shellcheck disable=SC2016
do_this 'kill -9 $$'
must nbd_do "$s_uri" write:25M:2900K:@1
wait_until 30 said "$line ended by signal 9 at 90%"
rm "$command"
must nbd_do "$s_uri" write:28M:1100K:@1
wait_until 30 said "$line cannot be started at 95%: No such file"
must nbd_do "$s_uri" read:0:25M:@1 trim:0:16M flush
printf 'echo no interpreter\n' >"$command"
chmod +x "$command"
must nbd_do "$s_uri" write:0:15M:@1
wait_until 30 said "$line cannot be started at 90%: Exec format error"
equal "$(lines ': fill-command ')" 4 "lines about the command"
must nbd_do "$s_uri" trim:0:60M flush
stop_nbdkit s

# It hangs; requests and verbs go on, and it is alone.
mkfifo "$tmpdir/go"
do_this "echo \$2 \$\$ >>'$tmpdir/calls'; read -r go <'$tmpdir/go'"
let_go () { timeout 30 sh -c "echo go >'$tmpdir/go'"; }
: >"$tmpdir/calls"
called () { [ "$(wc -l <"$tmpdir/calls")" -ge "$1" ]; }
serve s fill-command="$command"
must nbd_do "$s_uri" write:0:25M:@1
wait_until 30 called 1
must nbd_do "$s_uri" write:25M:2900K:@1 read:0:25M:@1 flush
wait_until 30 said "$line still runs for 80% .pid [0-9]+.; it is called for 90%"
must nbd_do "$s_uri" write:28M:1100K:@1
wait_until 30 said "$line still runs for 80% .pid [0-9]+.; it is called for 95%"
must nbdvol snapshot "$pool" root@a
equal "$(wc -l <"$tmpdir/calls")" 1 "calls at the same time"
must let_go
wait_until 30 called 2
must let_go
equal "$(cut -d' ' -f1 "$tmpdir/calls" | xargs)" '80 95'
must nbdvol rm "$pool" root@a
must nbd_do "$s_uri" trim:0:60M flush
: >"$tmpdir/calls"
must nbd_do "$s_uri" write:0:25M:@2
wait_until 30 called 1
child=$(cut -d' ' -f2 "$tmpdir/calls")
pass_if kill -0 "$child"
before=$(date +%s%N)
stop_nbdkit s
between "$((($(date +%s%N) - before) / 1000000))" 900 10000 "ms to stop"
equal "$(lines "$line still runs for 80% .pid $child. and is left alone")" 1
equal "$(lines 'closed cleanly')" 2
pass_if kill -0 "$child"
must let_go
wait_until 30 server_gone "$child"

# A quick one does not make the end wait.
do_this true
serve s fill-command="$command"
must nbd_do "$s_uri" read:0:25M:@2
before=$(date +%s%N)
stop_nbdkit s
between "$((($(date +%s%N) - before) / 1000000))" 0 5000 "ms to stop"
must nbdvol check "$pool"
