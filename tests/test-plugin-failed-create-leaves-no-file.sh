#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# When making a new pool fails, the file that was made for it goes again.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

start_fails . "$pool" create=4M pool-size=1
pass_if test ! -e "$pool"
start_fails . "$tmpdir/no/such/directory/p" create=4M
pass_if test ! -e "$tmpdir/no"
# Without create= no file is made at all.
start_fails "$pool: .*No such file" "$pool"
pass_if test ! -e "$pool"
