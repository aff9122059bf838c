#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Requests of any length at any offset are right, also after a restart: the
# server does not enforce the block size it announces, so odd ones do come.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

use_seed
serve s create=8M
MODEL=$tmpdir/model must "$builddir/tests/tools/wire-model" "$s_sock"
matches "$out" '[0-9]{4,} assertions$'
stop_nbdkit s
serve s
must nbdcopy "$s_uri" "$tmpdir/image"
pass_if cmp "$tmpdir/image" "$tmpdir/model"
