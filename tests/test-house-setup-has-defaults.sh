#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ./setup serve without words makes data.pool with a volume of 4 GiB in the
# current directory; --tcp without a port means 10809, and where somebody has
# that one nothing is made.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/setup.sh"
need_command nbdinfo

pass_if setup_serve
must nbdinfo --size "$uri"
equal "$out" $((4 << 30)) "size"
pass_if test -s "$tmpdir/data.pool"
between "$(stat -c %b data.pool)" 0 1000000 "blocks of a sparse pool"
setup_ends 0 INT

if setup_serve --tcp; then
  equal "$(sed -n 's/^Also served: //p' message)" nbd://127.0.0.1:10809/root
  must nbdinfo --size nbd://127.0.0.1:10809/root
else
  matches "$(cat log)" '127.0.0.1:10809: Address already in use'
  # Then whoever has it will do.
  setup=""
fi

# The port is taken now, by us or by somebody else.
if setup_serve --tcp other.pool; then
  fail "one port was served twice"
fi
matches "$(cat log)" '127.0.0.1:10809: Address already in use'
pass_if test ! -e other.pool
