#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Ctrl-C, which a terminal sends to setup and server alike, ends both and
# takes the socket away.  With a client connected the first one says what is
# waited for, and the second one ends it now; what the client has flushed is
# there afterwards.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
source "$(dirname "$0")/lib/setup.sh"

name=$$.pool
no_process_left ()
{
  ! pgrep -g "$1"
}
ended ()
{
  local rc=0
  wait_until 60 server_gone "$setup"
  wait "$setup" || rc=$?
  equal "$rc" "$1" "exit code"
  wait_until 60 no_process_left "$setup"
  pass_if test ! -e "${uri#*socket=}"
}

for signal in INT TERM HUP; do
  pass_if setup_serve "$name" 16M
  terminal_sends $signal
  ended 0
done

# connect COMMAND...: a client that stays.
mkfifo in
connect ()
{
  : >client
  "$nbd_do" "$uri" "$@" hold <in >client 2>&1 &
  client=$!
  exec 7>in
  wait_until 10 grep -q holding client
}
waits ()
{
  wait_until 60 grep -q 'waiting for the clients' log
  pass_if kill -0 "$setup"
}

# It waits for the client, and no longer.
pass_if setup_serve "$name"
connect write:0:1M:@1 flush
terminal_sends INT
waits
exec 7>&-
must wait "$client"
ended 0

# Once more ends it now.
pass_if setup_serve "$name"
connect read:0:1M:@1 write:1M:1M:@2 flush
terminal_sends INT
waits
terminal_sends INT
ended 130
exec 7>&-
wait "$client" || true

pass_if setup_serve "$name"
must nbd_do "$uri" read:0:1M:@1 read:1M:1M:@2
setup_ends 0 INT
