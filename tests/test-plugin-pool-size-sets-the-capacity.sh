#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# pool-size= is the capacity of a new pool; without it the volume fits in
# full, with room for metadata.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

capacity ()
{
  nbdvol info --json "$pool" |
    sed -n 's/.*"capacity": *\([0-9]*\).*/\1/p' | head -n 1
}

serve s create=1G pool-size=64M
equal "$(capacity)" $((64 << 20)) "capacity as given"
must nbd_do "$s_uri" size
equal "$out" $((1 << 30)) "size of the thin volume"
stop_nbdkit s
rm "$pool"

serve s create=64M
between "$(capacity)" $((64 << 20)) $((96 << 20)) "capacity by the volume"
must nbd_do "$s_uri" write:0:64M:@1 flush read:0:64M:@1
