#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An export name is VOLUME or VOLUME@SNAP.  The empty one means the only
# volume; with several it is refused, and the log names them.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=4M volume=a.b_c+d-1
stop_nbdkit s
serve s
must nbdvol snapshot "$pool" a.b_c+d-1@x
must nbd_do "$s_uri" size name
equal "$out" "$((4 << 20))
a.b_c+d-1"

must nbdvol create "$pool" two 8M
must nbd_do "$(uri s a.b_c+d-1)" size
equal "$out" $((4 << 20))
must nbd_do "$(uri s a.b_c+d-1@x)" size
equal "$out" $((4 << 20))
must nbd_do "$(uri s two)" size
equal "$out" $((8 << 20))

must_fail 1 nbd_do "$s_uri" size
matches "$(cat "$s_log")" 'empty export name .* 2: a\.b_c\+d-1, two;'
must_fail 1 nbd_do "$(uri s three)" size
matches "$(cat "$s_log")" 'export three: no such volume'
must_fail 1 nbd_do "$(uri s two@three)" size
matches "$(cat "$s_log")" 'export two@three: no such snapshot'
# The server is as it was.
must nbd_do "$(uri s two)" read:0:4K:0
