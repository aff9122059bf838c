#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit turns an errno it does not know into EINVAL, as if the client were
# to blame.  Whatever the store below says when it fails, the client sees
# EIO.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

must nbdkit -U - pool "$pool" create=16M control=off \
     --run "'$builddir/tests/tools/nbd-do' \$uri write:0:8M:@1 flush"
for error in ETIMEDOUT ECONNRESET ESTALE EIO EBADMSG; do
  rm -f "$tmpdir/now"
  serve_under_test s "faulty(file:$pool,read=1+:$error,armed=$tmpdir/now)"
  must nbd_do "$s_uri" read:0:8M:@1
  : >"$tmpdir/now"
  must nbd_do "$s_uri" 'EIO!read:0:8M:@1'
  kill_nbdkit s
done
