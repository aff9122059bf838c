#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A start that fails, by the plugin or by nbdkit and however late, leaves
# nothing behind: no new pool, no volume in an old one, no control socket; a
# file that was there stays, empty if it was empty.  A start that succeeds
# leaves its pool, whatever becomes of the server.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

ctl=$sockdir/c.ctl
nothing_left ()
{
  pass_if test ! -e "$pool"
  pass_if test ! -e "$ctl"
}

must_fail 1 nbdkit -U - pool "$pool" create=16M \
          control="$sockdir/no/such/c" --run true
nothing_left
# By nbdkit: before it forks, ...
must_fail 1 nbdkit -f -U "$sockdir/no/such/socket" pool "$pool" create=16M \
          control="$ctl"
matches "$err" 'no/such/socket'
nothing_left
must_fail 1 nbdkit -f -U "$sockdir/u" -u no-such-user pool "$pool" \
          create=16M control="$ctl"
nothing_left
# ... and after it, where only a daemon's parent has ended well.
must_fail 1 nbdkit -f -U "$sockdir/f" -P "$tmpdir/no/such/pid" \
          pool "$pool" create=16M control="$ctl"
nothing_left
nbdkit -U "$sockdir/d" -P "$tmpdir/no/such/pid" \
       pool "$pool" create=16M control="$ctl" || true
wait_until 20 test ! -e "$ctl"
wait_until 20 test ! -e "$pool"

# A file that was there.
: >"$pool"
inode=$(stat -c %i "$pool")
for way in control="$sockdir/no/such/c" pool-size=1; do
  must_fail 1 nbdkit -U - pool "$pool" create=16M "$way" --run true
  equal "$(stat -c '%i %s' "$pool")" "$inode 0" "the empty file"
done
must_fail 1 nbdkit -f -U "$sockdir/no/such/socket" pool "$pool" create=16M \
          control="$ctl"
equal "$(stat -c '%i %s' "$pool")" "$inode 0" "the empty file"

# A daemon's parent ends, and the pool stays; so it does when it cannot be
# served twice.
start_nbdkit_daemon s pool "$pool" create=16M control="$ctl"
must nbd_do "$s_uri" write:0:1M:@1 flush
must_fail 1 nbdkit -U - pool "$pool" create=16M control=off --run true
equal "$(stat -c %i "$pool")" "$inode" "the pool's inode"
pass_if test -S "$ctl"
stop_nbdkit s

# An old pool gets no new volume, and is closed cleanly.
for way in control="$sockdir/no/such/c" control=off; do
  must_fail 1 nbdkit -f -U "$sockdir/no/such/socket" pool "$pool" \
            create=8M volume=other "$way"
  equal "$(nbdvol ls -H -o name "$pool")" root "volumes"
done
serve s
matches "$(cat "$s_log")" 'opened: .*, clean'
must nbd_do "$s_uri" read:0:1M:@1
stop_nbdkit s

# That the command of --run fails is no failed start.
rm "$pool"
must_fail 3 nbdkit -U - pool "$pool" create=16M control=off --run 'exit 3'
must nbdvol ls "$pool" root
