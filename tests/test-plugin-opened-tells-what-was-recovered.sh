#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The first event says uuid and format version, and whether the pool was
# closed cleanly or how many transactions were recovered after a kill -9.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

opened ()
{
  local line
  line=$(grep -c "^nbdvol: $pool: opened: " "$s_log")
  equal "$line" 1 "lines of log: opened"
  matches "$(cat "$s_log")" \
          "opened: uuid [0-9a-f-]{36}, version 1, generation [0-9]+, $1"
  nbdvol events "$pool" >"$tmpdir/events"
  matches "$(head -n 1 "$tmpdir/events")" "opened: uuid .*, $1"
}

serve s create=16M
must nbd_do "$s_uri" write:0:1M:@1 flush write:1M:1M:@2
opened clean
kill_nbdkit s
rm "$s_log"

serve s
opened 'recovered [0-9]+ transactions after a stop that was not clean'
must nbd_do "$s_uri" read:0:1M:@1
stop_nbdkit s
rm "$s_log"

serve s
opened clean
lacks "$(cat "$s_log")" 'not clean'
