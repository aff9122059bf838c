#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# file= takes a path, file:PATH, and any device text; file= itself may be left
# out.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

works ()
{
  must nbdkit -U - pool control=off create=4M "$@" \
       --run "'$builddir/tests/tools/nbd-do' \$uri size write:0:4K:7 flush"
  equal "$out" $((4 << 20)) "size of the volume"
}

works "$pool"
works file="$pool"
works file="file:$pool"
works "mem:64M"
works "slice(mem:64M,1M,32M)"

# All three names of the file meant the same pool.
must nbdkit -U - pool "$pool" control=off \
     --run "'$builddir/tests/tools/nbd-do' \$uri read:0:4K:7"
# A path that only looks like a device is a path.
cd "$tmpdir"
works "./mem:1"
works "strange:name"
pass_if test -s "mem:1"
pass_if test -s "strange:name"
