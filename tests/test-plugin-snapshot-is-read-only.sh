#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A snapshot's export is read-only, says so, and keeps what it held.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=8M
must nbd_do "$s_uri" write:0:1M:@1
must nbdvol snapshot "$pool" root@s
must nbd_do "$s_uri" write:0:1M:@2 write:4M:1M:@3 flush
must nbd_do "$(uri s root@s)" flags read:0:1M:@1 read:1M:7M:0 flush \
     cache:0:1M 'EPERM!write:0:4K:1' 'EPERM!trim:0:4K' 'EPERM!zero:0:4K'
matches "$out" '^readonly=1 flush=1 .*multi_conn=1'
must nbd_do "$s_uri" flags read:0:1M:@2
matches "$out" '^readonly=0 '
must nbdinfo --json "$(uri s root@s)"
matches "$out" '"is_read_only": true'
