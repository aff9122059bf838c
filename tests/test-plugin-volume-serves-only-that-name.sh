#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# With volume=NAME only NAME and the empty export name are served, and NAME
# is the only one listed.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=4M volume=one
must nbdvol create "$pool" two 8M
must nbdvol snapshot "$pool" one@s
stop_nbdkit s

serve s volume=two
must nbd_do "$(uri s '')" size name
equal "$out" "$((8 << 20))
two"
must nbd_do "$(uri s two)" size
equal "$out" $((8 << 20))
must_fail 1 nbd_do "$(uri s one)" size
must_fail 1 nbd_do "$(uri s one@s)" size
must nbdinfo --list --json "$s_uri"
equal "$(grep -c '"export-name"' <<<"$out")" 1 "exports listed"
matches "$out" '"export-name": "two"'
stop_nbdkit s

# A snapshot may be the one that is served.
serve s volume=one@s
must nbd_do "$(uri s '')" size name
equal "$out" "$((4 << 20))
one@s"
must_fail 1 nbd_do "$(uri s one)" size
