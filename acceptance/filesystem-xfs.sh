#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A real XFS on a volume, mounted by the kernel: snapshots of it busy and
# frozen, and the space given back by trim.
#
# XFS leaves its log dirty when it freezes, on purpose, with nothing in it but
# the superblock: xfs_repair -n warns of it and finds counters of free space
# that are behind.  Nothing else may be wrong.
set -e
source "$(dirname "$0")/functions.sh"
source "$(dirname "$0")/../tests/lib/functions.sh"
source "$(dirname "$0")/../tests/lib/plugin.sh"
source "$(dirname "$0")/../tests/lib/filesystem.sh"

make_fs ()
{
  must mkfs.xfs -q "$1"
}
check_fs ()
{
  xfs_repair -n "$1"
}
check_frozen ()
{
  xfs_repair -n "$1" >"$tmpdir/repair" 2>&1 || true
  cat "$tmpdir/repair"
  ! grep -vE -e '^(Phase [1-7]|        - |ALERT: The filesystem has valuable)' \
          -e '^(ignored because|which may be resolved|No modify flag set)' \
          -e '^sb_(fdblocks|icount|ifree) [0-9]+, counted [0-9]+$' \
          "$tmpdir/repair"
}

serve s create=2G pool-size=6G
filesystem_test xfs "${SNAPSHOTS:-10}" nouuid ro,norecovery,nouuid
figure_line "xfs: busy snapshots right and clean after replay" \
            "$busy_ok" == "${SNAPSHOTS:-10}"
figure_line "xfs: frozen snapshots clean as they are" \
            "$frozen_ok" == "${SNAPSHOTS:-10}"
echo "used: $used_full bytes with files, $space_back after rm and fstrim"
figure_line "xfs: bytes used after rm and fstrim" "$space_back" \
            '<=' $((used_full - (BALLAST << 20)))
line "xfs: nbdvol check" "$(nbdvol check "$pool" 2>&1 | tail -n 1)" clean \
     nbdvol check "$pool"
