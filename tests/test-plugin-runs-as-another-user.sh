#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit -u: the pool is opened as the user who started it, then served as
# another who may not even read it.  That user and root, and nobody else, are
# answered on the control socket: at control=PATH where the user may write,
# by default in the user's own place.  Somebody who cannot change users is
# told so by nbdkit, and the pool is untouched.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

if [ "$(id -u)" -ne 0 ]; then
  must nbdkit -U - pool "$pool" create=4M control=off \
       --run "'$nbd_do' \$uri write:0:1M:@1 flush"
  must_fail 1 nbdkit -f -U "$sockdir/x" -u root pool "$pool" create=1M \
            volume=other control=off
  matches "$err" 'setuid|setgroups'
  serve s
  equal "$(nbdvol ls -H -o name "$pool")" root "volumes"
  must nbd_do "$s_uri" read:0:1M:@1
  exit 0
fi

# The pidfile and the socket are made by the new user.
chmod 0777 "$tmpdir" "$sockdir"
cp "$builddir/command/nbdvol" "$tmpdir/nbdvol"
as ()
{
  local user=$1
  shift
  setpriv --reuid "$user" --regid nogroup --clear-groups \
          "$tmpdir/nbdvol" "$@"
}
server_is_nobody ()
{
  equal "$(stat -c %u "/proc/$s_pid")" "$(id -u nobody)" "uid of the server"
}

start_nbdkit_daemon s -u nobody -g nogroup pool "$pool" create=8M \
                    control="$sockdir/c.ctl"
server_is_nobody
must nbd_do "$s_uri" write:0:1M:@1 flush trim:0:512K
must nbdvol snapshot "$pool" root@s
equal "$(stat -c '%a %U' "$sockdir/c.ctl")" "600 nobody" "the socket"
must as nobody snapshot "unix:$sockdir/c.ctl" root@by-nobody
must_fail 1 as daemon ls "unix:$sockdir/c.ctl"
stop_nbdkit s
pass_if test ! -e "$sockdir/c.ctl"

# By default: root's usual place is not this user's.
start_nbdkit_daemon s -u nobody -g nogroup pool "$pool"
uuid=$(nbdvol info --json "$pool" |
         sed -n 's/.*"uuid": *"\([^"]*\)".*/\1/p' | head -n 1)
socket=/tmp/nbdvol-$(id -u nobody)/$uuid.sock
cleanup_fn "rm -f '/run/nbdvol/$uuid.sock'"
equal "$(stat -c '%a %U' "$socket")" "600 nobody" "the socket"
must nbdvol snapshot "$pool" root@by-root
must as nobody snapshot "unix:$socket" root@by-default
must_fail 1 as daemon ls "unix:$socket"
stop_nbdkit s
pass_if test ! -e "$socket"

# Where the user may not take root's socket away it stays, and root is
# answered.
mkdir -m 0755 "$sockdir/roots"
mkdir -m 1777 "$sockdir/sticky"
for dir in roots sticky; do
  start_nbdkit_daemon s -u nobody -g nogroup pool "$pool" \
                      control="$sockdir/$dir/c"
  server_is_nobody
  equal "$(stat -c '%a %U' "$sockdir/$dir/c")" "600 root" "the socket"
  must nbdvol snapshot "$pool" root@$dir
  must_fail 1 as nobody ls "unix:$sockdir/$dir/c"
  stop_nbdkit s
done

serve s
must nbd_do "$(uri s root@s)" read:0:512K:0 read:512K:512K:@1
equal "$(nbdvol ls -H -o name "$pool" | xargs)" \
      "root root@by-default root@by-nobody root@by-root root@roots root@s \
root@sticky"
