#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An export name is text from a stranger: too long, a path, control bytes, a
# format string.  Each is refused, none reaches the log as it is, and the
# server goes on.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=4M
long=$(printf 'x%.0s' {1..4096})
for name in ../root ..%2F..%2Fetc%2Fpasswd root/ %20 root%0Aerror%3A%20fake \
            %1B%5B2J %25s%25n root@ @ @s root@a@b .root "$long" \
            "${long:0:201}" ROOT; do
  must_fail 1 nbd_do "$(uri s "$name")" size
done
lacks "$(cat "$s_log")" 'passwd|error: fake|%s%n|xxxx|'$'\x1b'
must nbd_do "$s_uri" write:0:4K:1 flush
