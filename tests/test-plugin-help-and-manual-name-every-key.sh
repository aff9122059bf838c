#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every key of the table in config.c stands in `nbdkit pool --help` at the
# start of a line, where bash completion looks, and in the man page; and
# neither names one that does not exist.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

keys=$(sed -n 's/^  { "\([a-z-]*\)", take_.*/\1/p' \
           "$srcdir/plugins/pool/config.c" | sort)
between "$(wc -l <<<"$keys")" 9 50 "keys in config.c"

help=$(nbdkit pool --help | sed -n 's/^\([a-z-]*\)=.*/\1/p' | sort)
equal "$help" "$keys" "keys in --help"

pod=$(sed -n 's/^=item .*B<\([a-z-]*\)=.*/\1/p' \
          "$srcdir/man/nbdkit-pool-plugin.pod" | sort -u)
equal "$pod" "$keys" "keys in the man page"
