#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A pool of a newer version, with unknown features, or damaged beyond its
# second copies is refused before nbdkit forks, with one line that says why,
# and not a byte of it is changed.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

bend ()
{
  cp --sparse=always "$tmpdir/good" "$pool"
  must /usr/bin/python3 "$srcdir/tests/tools/bend-superblock.py" "$pool" "$@"
}
refused ()
{
  local before
  before=$(sha256sum <"$pool")
  start_fails "$pool: .*$1" "$pool"
  start_fails "$pool: .*$1" "$pool" create=16M
  start_fails "$pool: .*$1" "$pool" readonly=true
  equal "$(sha256sum <"$pool")" "$before" "the pool's bytes"
}

must nbdkit -U - pool "$pool" create=16M control=off \
     --run "'$nbd_do' \$uri write:0:1M:@1 flush"
mv "$pool" "$tmpdir/good"

bend all 8:4=2
refused 'version 2'
bend all 16:8=0x10
refused 'feature'
# Both slots of every generation, and their twins.
bend all 200:4^0xdeadbeef
refused 'superblock|damaged'
# The newest state is lost; what is older must not be taken for it.
bend newest 200:4^0xdeadbeef
refused 'check --repair|newer|generation'

# Shorter than its capacity.
cp --sparse=always "$tmpdir/good" "$pool"
truncate -s 8M "$pool"
refused '.'
truncate -s 100 "$pool"
refused '.'
