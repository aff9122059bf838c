#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A pool on a block device: made within it, never of one that is too small,
# mounted or holds something else; served; grown when the device has grown.
# A block device as the source of an import and, with --force, as the target
# of an export, whose old content shows nowhere.
set -e
source "$(dirname "$0")/lib/functions.sh"
[ "$(id -u)" = 0 ] || skip "loop devices cannot be made here"
cd "$tmpdir"

# attach NAME SIZE: $NAME is a loop device of a new file NAME.img.
attach ()
{
  local dev
  truncate -s "$2" "$1.img"
  dev=$(losetup -f --show "$1.img") || skip "loop devices cannot be made here"
  printf -v "$1" %s "$dev"
  cleanup_fn losetup -d "$dev"
}
attach disk 64M
attach other 8M
# shellcheck disable=SC2154 # attach sets them
echo "disk: $disk, other: $other"
capacity () { nbdvol info "$disk" -Hpo capacity; }

# ---- init
must_fail 6 nbdvol init "$disk" 65M
equal "$err" "nbdvol: init: $disk: too small: 67108864 bytes, the pool would \
have 68157440"
pass_if cmp -n $((64 << 20)) "$disk" /dev/zero
mkfs.ext4 -q "$disk"
must_fail 4 nbdvol init "$disk" 32M
mkdir mnt
mount "$disk" mnt
cleanup_fn 'mountpoint -q mnt && umount mnt || true'
must_fail 5 nbdvol init "$disk" 32M --force --wait=0
equal "$err" "nbdvol: init: $disk: in use (mounted, or part of another \
device); see \`lsblk $disk\`"
must_fail 5 nbdvol create "$disk" root 1M --wait=0
umount mnt
must e2fsck -fn "$disk"
must nbdvol init "$disk" 32M --force
equal "$(capacity)" $((32 << 20))
must_fail 4 nbdvol init "$disk" 32M --force

# ---- grow: into the device, and with it
must nbdvol grow "$disk" 48M
equal "$(capacity)" $((48 << 20))
must nbdvol grow "$disk"
equal "$(capacity)" $((64 << 20))
must_fail 1 nbdvol grow "$disk" 96M
truncate -s 96M disk.img
losetup -c "$disk"
must nbdvol grow "$disk"
equal "$(capacity)" $((96 << 20))
must nbdvol check "$disk"

# ---- served, under this and another name of the device
ln -s "$disk" link
must nbdvol create "$disk" root 1M
start_nbdkit server pool "$disk" control="$sockdir/ctl"
must nbdvol snapshot "$disk" root@a -v
matches "$err" "asks pid $server_pid"
must nbdvol ls link -Ho name
equal "$out" $'root\nroot@a'
truncate -s 128M disk.img
losetup -c "$disk"
must nbdvol grow link
equal "$(capacity)" $((128 << 20))
stop_nbdkit server

# ---- import and export
head -c 8M /dev/urandom >"$other"
must nbdvol import "$disk" copy "$other"
nbdvol export "$disk" copy - | cmp - "$other"
passed
must_fail 4 nbdvol export "$disk" copy "$other"
# shellcheck disable=SC2016
must_fail 6 bash -c 'nbdvol export "$1" copy - >/dev/full' bash "$disk"
head -c 300000 /dev/urandom >image
truncate -s 5000001 image
must nbdvol import "$disk" sparse image
must nbdvol export "$disk" sparse "$other" --force
must cmp -n 5000001 image "$other"
must nbdvol create "$disk" large 9M
must_fail 6 nbdvol export "$disk" large "$other" --force
matches "$err" "$other: too small: 8388608 bytes, the volume has 9437184$"
must cmp -n 5000001 image "$other"
must_fail 1 nbdvol export "$disk" sparse "$disk" --force
matches "$err" 'is the pool itself'
must_fail 1 nbdvol export "$disk" sparse link --force
mkfs.ext4 -q "$other"
mount "$other" mnt
must_fail 1 nbdvol export "$disk" sparse "$other" --force
matches "$err" "$other: cannot write: Device or resource busy"
umount mnt
must nbdvol check "$disk"
