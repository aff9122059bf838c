#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# -D pool.io=1 shows each request with its volume and result; without it none
# is shown, and without -v nothing is said about requests at all.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

start_nbdkit s -v -D pool.io=1 pool "$pool" create=4M control=off
must nbd_do "$s_uri" write:8192:4096:1:fua flush
matches "$(cat "$s_log")" 'root: write count=4096 offset=8192 flags=0x2: ok'
matches "$(cat "$s_log")" 'root: flush count=0 offset=0 flags=0x0: ok'
stop_nbdkit s

rm "$s_log"
start_nbdkit s -v pool "$pool" control=off
must nbd_do "$s_uri" write:8192:4096:1:fua flush
lacks "$(cat "$s_log")" 'root: write count='
