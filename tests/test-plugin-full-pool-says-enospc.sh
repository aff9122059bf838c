#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A request that does not fit is refused whole with ENOSPC and changes
# nothing; overwrites, trims and flushes go on; one line of log each way, full
# and no longer full.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

said ()
{
  equal "$(grep -c "^nbdkit: .*nbdvol: $pool: full: .*; " "$s_log")" "$1" \
        "lines of log: full"
  equal "$(grep -c "^nbdvol: $pool: no longer full$" "$s_log" || true)" \
        "$2" "lines of log: no longer full"
}

serve s create=1G pool-size=64M
filled=0
while nbd_do "$s_uri" "write:${filled}M:1M:@1" 2>/dev/null; do
  filled=$((filled + 1))
done
between $filled 40 64 "MiB that fitted"
must nbd_do "$s_uri" "ENOSPC!write:${filled}M:1M:@2" \
     "ENOSPC!write:${filled}M:32M:@2" "read:${filled}M:32M:0" \
     "read:0:${filled}M:@1" flush "write:0:${filled}M:@3" flush \
     "read:0:${filled}M:@3"
said 1 0
must nbd_do "$s_uri" "trim:0:${filled}M" flush "write:512M:32M:@4" \
     "read:512M:32M:@4" flush write:544M:1M:@4 flush
said 1 1
must nbd_do "$s_uri" "ENOSPC!write:1:64M:@2"
equal "$(grep -c ": full: " "$s_log")" 2 "lines of log: full"
