#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbd-client lists the exports and agrees on a size; as root, where the kernel
# has an NBD client, a volume is its block device: written, flushed,
# discarded, read back, a snapshot as a device that cannot be written to.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
PATH=$PATH:/usr/sbin:/sbin
need_command nbd-client

serve s create=64M
must nbdvol snapshot "$pool" root@empty
must nbd-client -l -unix "$s_sock"
equal "$(grep -oE '^[^ ]+: (volume|snapshot), 64M' <<<"$out" | xargs)" \
      "root: volume, 64M root@empty: snapshot, 64M" "exports listed"
[ "$(id -u)" -eq 0 ] || exit 0

modprobe nbd 2>/dev/null || true
[ -b /dev/nbd0 ] || skip "the kernel has no NBD client"

has_its_size ()
{
  [ "$(blockdev --getsize64 "$device")" -eq $((64 << 20)) ]
}
# attach EXPORT: sets device, one that nobody uses.
attach ()
{
  local sys
  device=
  for sys in /sys/block/nbd*; do
    if [ ! -e "$sys/pid" ]; then
      device=/dev/${sys##*/}
      break
    fi
  done
  differs "$device" "" "a free device"
  must nbd-client -unix "$s_sock" -N "$1" -b 4096 "$device"
  cleanup_fn "nbd-client -d $device || true"
  wait_until 20 has_its_size
}

attach root
equal "$(blockdev --getro "$device")" 0 "read-only"
head -c 8M /dev/urandom >"$tmpdir/data"
must dd if="$tmpdir/data" of="$device" bs=1M oflag=direct conv=fsync
must dd if="$device" of="$tmpdir/back" bs=1M count=8 iflag=direct
must cmp "$tmpdir/data" "$tmpdir/back"
must blkdiscard -o 1M -l 1M "$device"
must blkdiscard -z -o 3M -l 1M "$device"
must nbd-client -d "$device"
nbdcopy "$(uri s root)" - | head -c 8M >"$tmpdir/back"
for range in 0:1 2:1 4:4; do
  skip=$((${range%:*} << 20))
  must cmp -i $skip -n $((${range#*:} << 20)) "$tmpdir/data" "$tmpdir/back"
done
must nbd_do "$(uri s root)" read:1M:1M:0 read:3M:1M:0
equal "$(nbdvol ls -H -p -o used "$pool" root)" $((6 << 20)) "used"

attach root@empty
equal "$(blockdev --getro "$device")" 1 "read-only"
must nbd-client -d "$device"
