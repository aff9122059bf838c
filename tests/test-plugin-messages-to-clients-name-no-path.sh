#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# From nbdkit 1.42 on, what a thread said last by nbdkit_error goes to its
# client.  Whatever the plugin says in a connection's thread ("pool.N:" in
# the log) must not hold the pool's path, damaged pools included.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

mkdir "$tmpdir/secret"
pool=$tmpdir/secret/data.pool
serve_under_test s "faulty(file:$pool,read=1+,armed=$tmpdir/now)" \
                 create=64M volume=a metadata-cache=1M
must nbd_do "$(uri s a)" write:0:4M:1 flush
: >"$tmpdir/now"
for export in '' a b a@b ../x; do
  nbd_do "$(uri s "$export")" write:0:4M:1 flush read:0:64M:1 size || true
done
in_connections=$(grep -E 'pool(\.|\[)[0-9]+' "$s_log" || true)
differs "$in_connections" "" "messages of connections"
lacks "$in_connections" secret
