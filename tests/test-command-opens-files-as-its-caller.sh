#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# import and export through a server: the files are the caller's, found from
# the caller's directory and opened with the caller's rights, which the
# server need not have.
set -e
source "$(dirname "$0")/lib/functions.sh"
mkdir "$tmpdir/mine"
cd "$tmpdir/mine"

args=()
if [ "$(id -u)" = 0 ]; then
  # A server that could not open a file of mine.
  chmod 0777 "$tmpdir" "$sockdir"
  args=(-u nobody -g nogroup)
fi
start_nbdkit server "${args[@]}" pool "$tmpdir/data.pool" create=1M \
             control="$sockdir/ctl"
chmod 0700 .
head -c 100000 /dev/urandom >image
chmod 0600 image
must nbdvol import ../data.pool new image
must nbdvol export ../data.pool new out
must cmp image out
equal "$(stat -c %u:%s out)" "$(id -u):100000" "owner and size of the export"
nbdvol export ../data.pool new - | cmp - image
passed
must nbdvol import ../data.pool piped - <image
nbdvol export ../data.pool piped - >out2
must cmp image out2
# No descriptor stays open in the server.
equal "$(find "/proc/$server_pid/fd" -lname "$PWD/*")" ''
