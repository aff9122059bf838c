#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What is wrong with a pool is said on the terminal before nbdkit forks, in
# one line that names it, with exit code 1 and the file unchanged.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

# A daemon would fork after get_ready: the error comes before.
daemon_fails ()
{
  local regex=$1 before after
  shift
  before=$(sha256sum <"$pool")
  must_fail 1 nbdkit -P "$tmpdir/pid" -U "$sockdir/x" pool "$pool" \
            control=off "$@"
  matches "$err" "^nbdkit: error: $pool: $regex" "error message"
  equal "$(wc -l <<<"$err")" 1 "lines of the error message"
  pass_if test ! -e "$tmpdir/pid"
  after=$(sha256sum <"$pool")
  equal "$after" "$before" "the file"
}

: >"$pool"
daemon_fails "empty, not a pool; create=SIZE makes one"
head -c 2M /dev/urandom >"$pool"
daemon_fails "not a pool"
rm "$pool"

must nbdkit -U - pool "$pool" create=16M control=off --run true
start_fails "nothere: no such volume" "$pool" volume=nothere
start_fails "root@nothere: no such snapshot" "$pool" volume=root@nothere
equal "$(nbdvol ls -H -o name "$pool")" root "volumes"
cp "$pool" "$tmpdir/good"

truncate -s 1M "$pool"
daemon_fails "."
cp "$tmpdir/good" "$pool"

# The magic of every copy of the superblock.
perl -0777 -pi -e 's/NBDVOL/XBDVOL/g' "$pool"
if ! cmp -s "$pool" "$tmpdir/good"; then
  daemon_fails "."
fi
