#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The log gets one line per change, never one per request: opened, closed; a
# damaged block is one line however often it is read.  In the foreground they
# go to stderr, and lines that are no trouble are not marked as errors.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=16M
must nbd_do "$s_uri" write:0:1M:0x5a write:1M:1M:@7 flush
stop_nbdkit s
equal "$(grep -c "^nbdvol: $pool: opened" "$s_log")" 1 "opened"
equal "$(grep -c "^nbdvol: $pool: .*close" "$s_log")" 1 "closed"
lacks "$(cat "$s_log")" 'error'

# Change one byte of one data block below.
perl -0777 -pi -e 's/(Z{4096})/"Y" . substr($1, 1)/e' "$pool"
rm "$s_log"
serve s
for i in 1 2 3; do
  must nbd_do "$s_uri" 'EIO!read:0:1M:0x5a' read:1M:1M:@7
done
equal "$(grep -c "nbdvol: $pool: volume root: .*checksum" "$s_log")" 1 \
      "lines about the damaged block"
must nbdvol events "$pool"
matches "$out" 'root.*checksum'
