#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit -u: the pool is opened as the user who started it, then served as
# another who may not even read it.  Somebody who cannot change users is told
# so by nbdkit, and the pool is untouched.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

if [ "$(id -u)" -ne 0 ]; then
  must nbdkit -U - pool "$pool" create=4M control=off --run true
  before=$(sha256sum <"$pool")
  must_fail 1 nbdkit -f -U - -u nobody pool "$pool" control=off --run true
  equal "$(sha256sum <"$pool")" "$before"
  exit 0
fi

# The pidfile and the socket are made by the new user.
chmod 0777 "$tmpdir" "$sockdir"
start_nbdkit_daemon s -u nobody -g nogroup pool "$pool" create=8M \
                    control="$sockdir/c.ctl"
equal "$(stat -c %u "/proc/$s_pid")" "$(id -u nobody)" "uid of the server"
must nbd_do "$s_uri" write:0:1M:@1 flush trim:0:512K
must nbdvol snapshot "$pool" root@s
stop_nbdkit s
serve s
must nbd_do "$(uri s root@s)" read:0:512K:0 read:512K:512K:@1
