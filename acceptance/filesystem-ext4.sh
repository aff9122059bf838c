#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A real ext4 on a volume, mounted by the kernel: snapshots of it busy and
# frozen, and the space given back by trim.
set -e
source "$(dirname "$0")/functions.sh"
source "$(dirname "$0")/../tests/lib/functions.sh"
source "$(dirname "$0")/../tests/lib/plugin.sh"
source "$(dirname "$0")/../tests/lib/filesystem.sh"

make_fs ()
{
  must mkfs.ext4 -q "$1"
}
check_fs ()
{
  e2fsck -f -n "$1"
}
check_frozen ()
{
  check_fs "$1"
}

serve s create=2G pool-size=6G
filesystem_test ext4 "${SNAPSHOTS:-10}" defaults ro,noload
figure_line "ext4: busy snapshots right and clean after replay" \
            "$busy_ok" == "${SNAPSHOTS:-10}"
figure_line "ext4: frozen snapshots clean as they are" \
            "$frozen_ok" == "${SNAPSHOTS:-10}"
echo "used: $used_full bytes with files, $space_back after rm and fstrim"
figure_line "ext4: bytes used after rm and fstrim" "$space_back" \
            '<=' $((used_full - (BALLAST << 20)))
line "ext4: nbdvol check" "$(nbdvol check "$pool" 2>&1 | tail -n 1)" clean \
     nbdvol check "$pool"
