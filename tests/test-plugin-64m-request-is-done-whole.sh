#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit takes requests up to 64 MiB, more than the plugin announces.  One of
# that size is done if it fits, even into a pool that is hardly larger.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=128M pool-size=96M
must nbd_do "$s_uri" write:4097:64M:@1 read:4097:64M:@1 read:0:4097:0 flush
# And over it, which needs the space of both only until the old is free.
must nbd_do "$s_uri" write:4097:16M:@2:fua read:4097:16M:@2
