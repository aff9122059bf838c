#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdcopy and qemu-img convert, in and out: the same bytes, the same holes.
# The image is a real ext4 file system with files in it.
set -e
source "$(dirname "$0")/functions.sh"
source "$(dirname "$0")/../tests/lib/functions.sh"
source "$(dirname "$0")/../tests/lib/plugin.sh"

truncate -s 1G "$tmpdir/in"
mkdir "$tmpdir/files"
cp -a "$srcdir/common" "$srcdir/tests" "$tmpdir/files"
head -c 64M /dev/urandom >"$tmpdir/files/random"
mke2fs -q -t ext4 -d "$tmpdir/files" "$tmpdir/in"
fallocate --dig-holes "$tmpdir/in"

allocated ()
{
  echo $(($(stat -c %b "$1") * 512))
}
close_to ()
{
  [ "$1" -le $(($2 + $2 / 20 + (1 << 20))) ]
}
here=$(allocated "$tmpdir/in")

serve s create=1G volume=by-nbdcopy pool-size=3G
stop_nbdkit s
serve s
nbdvol create "$pool" by-qemu 1G
nbdcopy --flush "$tmpdir/in" "$(uri s by-nbdcopy)"
qemu-img convert -n -f raw -O raw "$tmpdir/in" "$(uri s by-qemu)"
for volume in by-nbdcopy by-qemu; do
  used=$(nbdvol ls -H -p -o used "$pool" $volume)
  line "$volume: used in the pool" "$used" "$here + 5 %" \
       close_to "$used" "$here"
  nbdcopy "$(uri s $volume)" "$tmpdir/out"
  line "$volume: nbdcopy out" "1 GiB" identical cmp "$tmpdir/in" "$tmpdir/out"
  line "$volume: nbdcopy out, allocated" "$(allocated "$tmpdir/out")" \
       "$here + 5 %" close_to "$(allocated "$tmpdir/out")" "$here"
  rm "$tmpdir/out"
  qemu-img convert -f raw -O raw "$(uri s $volume)" "$tmpdir/out"
  line "$volume: qemu-img out" "1 GiB" identical \
       cmp "$tmpdir/in" "$tmpdir/out"
  line "$volume: qemu-img out, allocated" "$(allocated "$tmpdir/out")" \
       "$here + 5 %" close_to "$(allocated "$tmpdir/out")" "$here"
  rm "$tmpdir/out"
done
