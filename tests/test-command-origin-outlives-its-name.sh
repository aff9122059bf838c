#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The origin of a clone is shown under the name that it has now, whole; when
# it is gone, under the first 63 characters of the name that it had when the
# clone was made, as nbdvol(1) says.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

origin () { nbdvol info data.pool copy -Ho origin; }

long=$(printf 'x%.0s' {1..150})
must nbdvol init data.pool 64M
must nbdvol create data.pool "$long" 1M
must nbdvol snapshot data.pool "$long@monday"
must nbdvol clone data.pool "$long@monday" copy
equal "$(origin)" "$long@monday"
must nbdvol rename data.pool "$long" "${long/x/y}"
equal "$(origin)" "${long/x/y}@monday"
must nbdvol rm -r data.pool "${long/x/y}"
equal "$(origin)" "${long:0:63}"
matches "$(tr -s ' \n' ' ' <"$srcdir/man/nbdvol.pod")" 'first 63 characters'
