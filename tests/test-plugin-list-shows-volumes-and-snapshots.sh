#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdinfo --list shows every volume and snapshot, sorted, each with a
# description that tells what it is.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=4M volume=b
stop_nbdkit s
serve s
must nbdvol create "$pool" a 1536K
must nbdvol snapshot "$pool" b@2
must nbdvol snapshot "$pool" b@1

must nbdinfo --list --json "$s_uri"
names=$(sed -n 's/.*"export-name": "\(.*\)",*/\1/p' <<<"$out" | xargs)
equal "$names" "a b b@1 b@2" "exports"
descriptions=$(sed -n 's/.*"description": "\([^,]*\), \([^,]*\),.*/\1 \2/p' \
                   <<<"$out" | xargs)
equal "$descriptions" "volume 1.5M volume 4M snapshot 4M snapshot 4M"
lacks "$out" "$tmpdir" "what a client is told"
