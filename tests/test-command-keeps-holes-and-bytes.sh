#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# import and export are byte-identical and exact to the byte, keep holes both
# ways, and write into files, pipes and devices; a target that exists needs
# --force.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

kib () { du -k "$1" | cut -f1; }

must nbdvol init data.pool 256M

# A sparse image: 1 MiB of data at 0, at 40 MiB and at the odd end of
# 256 MiB.
head -c 1M /dev/urandom >piece
cp piece image
dd if=piece of=image bs=1M seek=40 conv=notrunc status=none
truncate -s $((268435456 + 777)) image
printf end | dd of=image bs=1 seek=$((268435456 + 774)) conv=notrunc \
                status=none

must nbdvol import data.pool sparse image
equal "$(nbdvol info data.pool sparse -Hpo size)" $((268435456 + 777))
between "$(nbdvol info data.pool sparse -Hpo used)" \
        $((2 << 20)) $(((2 << 20) + 8192))
between "$(kib data.pool)" 2048 65536 "KiB of the pool's file"
must nbdvol export data.pool sparse out
must cmp image out
between "$(kib out)" 2048 2200 "KiB of the exported file"
equal "$(stat -c %a out)" "$(touch x && stat -c %a x)" "mode of the export"

# The same through pipes, both ways.
# shellcheck disable=SC2002 # a pipe is the point
cat image | must nbdvol import data.pool piped -
equal "$(nbdvol info data.pool piped -Hpo size)" $((268435456 + 777))
between "$(nbdvol info data.pool piped -Hpo used)" \
        $((2 << 20)) $(((2 << 20) + 8192))
nbdvol export data.pool piped - | cmp - image
passed
# Standard output is a file: sparse if it is empty, appended to if not.
nbdvol export data.pool piped - >out2
must cmp image out2
between "$(kib out2)" 2048 2200 "KiB of redirected standard output"
printf head >out3
nbdvol export data.pool piped - >>out3
{ printf head; cat image; } | cmp - out3
passed
must nbdvol rm data.pool piped
rm out out2 out3

# Longer than what a pipe's volume begins with.
truncate -s $((1073741824 + 777)) long
printf end | dd of=long bs=1 seek=$((1073741824 + 774)) conv=notrunc \
                status=none
# shellcheck disable=SC2002
cat long | must nbdvol import data.pool long -
equal "$(nbdvol info data.pool long -Hpo size,used)" $'1073742601\t4096'
nbdvol export data.pool long - | tail -c 1000 | cmp - <(tail -c 1000 long)
passed
rm long

# To the byte.
for size in 1 511 512 5000 4096 4097; do
  head -c "$size" /dev/urandom >odd
  must nbdvol import data.pool "f$size" odd
  must nbdvol import data.pool "p$size" - <odd
  must nbdvol export data.pool "f$size" odd.f
  nbdvol export data.pool "p$size" - >odd.p
  must cmp odd odd.f
  must cmp odd odd.p
  equal "$(stat -c %s odd.f)" "$size" "size of the export"
  rm odd.f odd.p
done

# Zeroes that are not holes take no space either.
head -c 20M /dev/zero >zeroes
must nbdvol import data.pool zeroes zeroes
equal "$(nbdvol info data.pool zeroes -Hpo size,used)" $'20971520\t0'
must nbdvol export data.pool zeroes out
must cmp zeroes out
equal "$(kib out)" 0 "KiB of exported zeroes"

# Nothing is no image.
: >empty
must_fail 1 nbdvol import data.pool empty empty
matches "$err" ': data.pool: empty: empty; a volume has at least one byte$'
must_fail 1 nbdvol import data.pool empty - </dev/null
must_fail 3 nbdvol info data.pool empty
must_fail 1 nbdvol import data.pool new .
must_fail 1 nbdvol import data.pool new nowhere
matches "$err" 'import: data.pool: nowhere: cannot read: No such file'

# A snapshot holds what was there when it was taken.
must nbdvol snapshot data.pool f5000@a
must nbdvol resize data.pool f5000 9999
must nbdvol export data.pool f5000@a at-a
nbdvol export data.pool p5000 - | cmp - at-a
passed

# Targets that exist.
echo precious >file
chmod 0640 file
must_fail 4 nbdvol export data.pool f5000@a file
matches "$err" 'file: exists already; --force overwrites it$'
equal "$(cat file)" precious
must nbdvol export --force data.pool f5000@a file
must cmp file at-a
equal "$(stat -c %a file)" 640 "mode of the replaced file"
mkdir dir
must_fail 4 nbdvol export data.pool f5000@a dir
must_fail 1 nbdvol export --force data.pool f5000@a dir
must_fail 1 nbdvol export data.pool f5000@a nowhere/file
must_fail 1 nbdvol export --force data.pool f5000@a data.pool
matches "$err" 'data.pool: is the pool itself'
ln data.pool link
must_fail 1 nbdvol export --force data.pool f5000@a link
must nbdvol check data.pool
# A symbolic link stays one; its file is replaced.
ln -s file symlink
must nbdvol export --force data.pool f4096 symlink
equal "$(readlink symlink)" file
equal "$(stat -c %s file)" 4096
# No temporary files are left.
equal "$(find . -name '.nbdvol*')" ''

# A full target: one line, no file.
mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k none small; then
  cleanup_fn umount "$tmpdir/small"
  must_fail 6 nbdvol export data.pool sparse small/out
  matches "$err" 'small/out: cannot write: No space left on device'
  equal "$(ls small)" ''
fi

# A reader that goes away.
rc=0
nbdvol export data.pool sparse - 2>broken | head -c 10 >/dev/null || rc=$?
equal "$rc" 1 "exit code with a broken pipe"
matches "$(cat broken)" 'output: cannot write: nobody reads it any more'
