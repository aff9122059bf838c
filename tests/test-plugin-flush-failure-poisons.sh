#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# After a failed fdatasync nothing is acknowledged as durable any more: every
# later write and flush fails with EIO, reads go on, one line of log says
# what to do, and a restart has all that was flushed before.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

must nbdkit -U - pool "$pool" create=16M control=off \
     --run "'$builddir/tests/tools/nbd-do' \$uri write:0:1M:@1 flush"
serve_under_test s "faulty(file:$pool,flush=1,armed=$tmpdir/now)"
must nbd_do "$s_uri" write:1M:4K:@1 flush
: >"$tmpdir/now"
# The pool may flush by itself before this client does.
nbd_do "$s_uri" write:1M:4K:@2 || true
must nbd_do "$s_uri" 'EIO!flush' 'EIO!write:2M:4K:1' 'EIO!zero:0:4K' \
     'EIO!write:2M:4K:1:fua' read:0:1M:@1
must nbd_do "$s_uri" 'EIO!flush' read:0:1M:@1
equal "$(grep -c 'nbdvol: .*: poisoned: .*flush.*; ' "$s_log")" 1 "lines of log"
must nbdvol info "unix:$sockdir/s.ctl"
matches "$out" poisoned
kill_nbdkit s
serve s
must nbd_do "$s_uri" read:0:1M:@1 write:2M:4K:1 flush
