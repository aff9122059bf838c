#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdcopy in and out again gives the same bytes, and holes stay holes on both
# ways.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

truncate -s 256M "$tmpdir/in"
for mib in 0 17 100 101 255; do
  head -c 1M /dev/urandom |
    dd of="$tmpdir/in" bs=1M seek=$mib conv=notrunc status=none
done

serve s create=256M
must nbdcopy --flush "$tmpdir/in" "$s_uri"
used=$(nbdvol ls -H -p -o used "$pool")
between "$used" $((5 << 20)) $((6 << 20)) "bytes used in the pool"
must nbdcopy "$s_uri" "$tmpdir/out"
pass_if cmp "$tmpdir/in" "$tmpdir/out"
between $(($(stat -c %b "$tmpdir/out") * 512)) $((5 << 20)) $((6 << 20)) \
        "bytes used by the copy"
stop_nbdkit s
serve s
must nbdcopy "$s_uri" "$tmpdir/again"
pass_if cmp "$tmpdir/in" "$tmpdir/again"
