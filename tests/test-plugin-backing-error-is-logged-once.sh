#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A block that the device below cannot read is one line of log, which names
# the volume, however often a client asks for it, and stays among the events;
# other blocks are read as before.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

must nbdkit -U - pool "$pool" create=16M control=off \
     --run "'$nbd_do' \$uri write:0:4K:@1 write:1M:4K:@1 flush"
serve_under_test s "faulty(file:$pool,read=1:EIO,armed=$tmpdir/now)"
must nbd_do "$s_uri" read:0:4K:@1 read:1M:4K:@1
: >"$tmpdir/now"
must nbd_do "$s_uri" read:1M:4K:@1 'EIO!read:0:4K:@1' read:1M:4K:@1
said ()
{
  grep -c "error: nbdvol: .*: volume root: backing error at block" "$s_log"
}
wait_until 20 said
must nbdvol events "unix:$sockdir/s.ctl"
matches "$out" 'volume root: backing error at block [0-9]+ of the pool: .'
must nbdvol info "unix:$sockdir/s.ctl"
matches "$out" 'backing error at block'
stop_nbdkit s

# Every read fails from now on.
rm "$tmpdir/now" "$s_log"
serve_under_test s "faulty(file:$pool,read=1+:EIO,armed=$tmpdir/now)"
must nbd_do "$s_uri" read:0:4K:@1 read:1M:4K:@1
: >"$tmpdir/now"
nbd_do "$s_uri" read:0:4K:@1 || true
for i in 1 2 3; do
  must nbd_do "$s_uri" 'EIO!read:0:4K:@1' 'EIO!read:0:1K:@1' \
       'EIO!read:1M:4K:@1'
done
kill_nbdkit s
equal "$(said)" 2 "lines of log for two blocks"
