#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# qemu-img convert in and out again, raw and qcow2, gives the same bytes, and
# holes stay holes.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

truncate -s 256M "$tmpdir/in"
for mib in 0 17 100 101 255; do
  head -c 1M /dev/urandom |
    dd of="$tmpdir/in" bs=1M seek=$mib conv=notrunc status=none
done
must qemu-img convert -f raw -O qcow2 "$tmpdir/in" "$tmpdir/in.qcow2"

serve s create=256M volume=a pool-size=1G
stop_nbdkit s
serve s
must nbdvol create "$pool" b 256M
must qemu-img convert -n -f raw -O raw "$tmpdir/in" "$(uri s a)"
must qemu-img convert -n -f qcow2 -O raw "$tmpdir/in.qcow2" "$(uri s b)"
for volume in a b; do
  between "$(nbdvol ls -H -p -o used "$pool" $volume)" \
          $((5 << 20)) $((6 << 20)) "bytes used by $volume"
  must qemu-img convert -f raw -O raw "$(uri s $volume)" "$tmpdir/out"
  pass_if cmp "$tmpdir/in" "$tmpdir/out"
  between $(($(stat -c %b "$tmpdir/out") * 512)) $((5 << 20)) $((6 << 20)) \
          "bytes used by the copy"
  must qemu-img compare -f raw -F raw "$tmpdir/in" "$(uri s $volume)"
done
