#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A trim, zero, cache or block status of 4 GiB - 1 byte holds no lock for its
# whole time: on a slow disk, with the volume's map to be read from it, writes
# of others to the same volume go on meanwhile, and none waits for its end.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

g=4294967295
serve s create=16G volume=a pool-size=512M
must nbd_do "$s_uri" scatter:2048:2M:@1 flush
must nbdvol snapshot "$pool" a@s
must nbdvol clone "$pool" a@s b
stop_nbdkit s

serve_under_test s "faulty(file:$pool,read=1+:slow:1)" metadata-cache=1M
beside ()
{
  local line ms writes slowest
  must "$builddir/tests/tools/beside" "$1" $((8 << 30)) "${@:2}"
  while read -r line; do
    read -r ms writes slowest < <(sed 's/^[^ ]*//; s/[^0-9]\+/ /g' <<<"$line")
    between "$ms" 400 600000 "milliseconds, or nothing is shown"
    between "$writes" 100 100000000 "writes beside it"
    between "$slowest" 0 $((ms / 2)) "milliseconds of the slowest"
  done <<<"$out"
}
beside "$(uri s a)" status:0:$g cache:0:$g trim:0:$g
beside "$(uri s b)" zero:1:$g
must nbd_do "$(uri s a)" flush read:0:4M:0
must nbd_do "$(uri s b)" flush read:1:4M:0
must nbd_do "$(uri s a@s)" read:0:4K:@1 read:4K:1M:0
stop_nbdkit s
must nbdvol check "$pool"
