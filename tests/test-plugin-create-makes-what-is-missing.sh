#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# create=SIZE makes the pool and the volume where they are missing (the
# volume is called root unless volume= says otherwise), touches neither where
# they exist, and leaves a foreign file alone.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

sizes ()
{
  nbdvol ls -H -p -o name,size "$pool" | tr '\t\n' ' ;'
}

serve s create=4M
must nbd_do "$(uri s root)" size write:0:1M:@1 flush
equal "$out" $((4 << 20))
stop_nbdkit s

# The pool is there, the volume is not.
serve s create=8M volume=other
equal "$(sizes)" "other $((8 << 20));root $((4 << 20));"
stop_nbdkit s

# Both are there: another size changes nothing.
serve s create=1M
must nbd_do "$(uri s root)" size read:0:1M:@1
equal "$out" $((4 << 20))
stop_nbdkit s
equal "$(sizes)" "other $((8 << 20));root $((4 << 20));"

# A file that is neither empty nor a pool.
echo "my only copy of something" >"$tmpdir/foreign"
cp "$tmpdir/foreign" "$tmpdir/before"
start_fails "$tmpdir/foreign: not a pool, and not empty" \
            "$tmpdir/foreign" create=4M
pass_if cmp "$tmpdir/foreign" "$tmpdir/before"

# An empty file is as good as none.
: >"$tmpdir/empty"
must nbdkit -U - pool control=off "$tmpdir/empty" create=4M --run true
pass_if test -s "$tmpdir/empty"
