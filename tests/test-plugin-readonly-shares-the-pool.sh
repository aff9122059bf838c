#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# readonly=true opens the pool with a shared lock and writes nothing: two
# such servers at once, after a crash too, and the file stays as it was.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=16M
must nbd_do "$s_uri" write:0:4M:@1 flush
kill_nbdkit s

before=$(sha256sum <"$pool")
serve a readonly=true
serve b readonly=yes
for name in a b; do
  must nbd_do "$(uri $name root)" flags read:0:4M:@1 'EPERM!write:0:4K:1' \
       flush
  matches "$out" 'readonly=1 '
done
# A writer has to wait for them.
start_fails "in use" "$pool"
stop_nbdkit a
stop_nbdkit b
equal "$(sha256sum <"$pool")" "$before" "the pool's bytes"

# And they for a writer.
serve s
start_fails "in use" "$pool" readonly=true
