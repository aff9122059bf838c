#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A pool without volumes is served (volumes can be made while it is), and the
# empty export name is refused until there is one.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

must nbdvol init "$pool" 64M
serve s
must_fail 1 nbd_do "$s_uri" size
matches "$(cat "$s_log")" 'there is no volume yet'
must nbdinfo --list --json "$s_uri"
lacks "$out" '"export-name"'
must nbdvol create "$pool" first 1M
must nbd_do "$s_uri" size name
equal "$out" "$((1 << 20))
first"
