#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# volume=NAME is the volume that has that name at the start: renamed, it is
# served by its new name and by the empty one, and another that takes the old
# name is not.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=1M volume=root
must nbd_do "$(uri s root)" write:0:64K:@1 flush
must nbdvol rename "$pool" root main
must nbdvol create "$pool" root 2M
must nbd_do "$(uri s main)" read:0:64K:@1
must nbd_do "$(uri s '')" read:0:64K:@1
must_fail 1 nbd_do "$(uri s root)" size
listed=$(nbdinfo --list --json "$(uri s '')" | grep -o '"export-name": "[^"]*"')
equal "$listed" '"export-name": "main"' "exports"
