#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit turns an errno it does not know into EINVAL, as if the client were
# to blame.  Whatever the store below says when it fails, and whatever was
# asked, the client sees one of the codes that mean what they say: EPERM, EIO,
# ENOMEM, ENOSPC, ESHUTDOWN; for what is none of these, EIO.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

must nbdkit -U - pool "$pool" create=16M control=off \
     --run "'$nbd_do' \$uri write:0:8M:@1 flush"

# fails OP ERRNO CODE COMMAND...: with every OP of the store failing so, each
# COMMAND on a server of its own fails with CODE.
fails ()
{
  local op=$1 error=$2 code=$3 command
  shift 3
  for command; do
    rm -f "$tmpdir/now"
    cp --sparse=always "$pool" "$tmpdir/copy"
    serve_under_test s \
      "faulty(file:$tmpdir/copy,$op=1+:$error,armed=$tmpdir/now)"
    # What a command may fail at is there, and not durable.
    must nbd_do "$s_uri" read:0:8M:@1 write:12M:4K:1
    : >"$tmpdir/now"
    # The call that finds the file there passes.
    must nbd_do "$s_uri" read:12M:4K:1
    must nbd_do "$s_uri" "$code!$command"
    kill_nbdkit s
  done
}

writes=(write:9M:1M:@2 write:100:1000:7 write:0:64K:@3:fua zero:100:3000
        trim:4K:8K:fua zero:0:8M:fua flush)
for error in ETIMEDOUT ESTALE EINVAL; do
  fails write $error EIO "${writes[@]}"
done
for error in ECONNRESET EINVAL; do
  fails flush $error EIO write:9M:1M:@2:fua zero:0:1M:fua trim:0:1M:fua flush
done
for error in ETIMEDOUT ECONNRESET ESTALE EIO EBADMSG EINVAL; do
  fails read $error EIO read:0:8M:@1
done
fails write EROFS EPERM write:9M:1M:@2
fails write ENOMEM ENOMEM write:9M:1M:@2
