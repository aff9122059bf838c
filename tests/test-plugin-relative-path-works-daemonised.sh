#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A daemon's working directory is /; paths given relative to the user's must
# keep their meaning, that of the control socket too.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

cd "$sockdir"
start_nbdkit_daemon s pool file=here.pool control=here.ctl create=4M
equal "$(readlink "/proc/$s_pid/cwd")" / "the server's directory"
must nbd_do "$s_uri" write:0:4K:7 flush
pass_if test -s here.pool
pass_if test -S here.ctl
stop_nbdkit s
start_nbdkit_daemon s pool file:here.pool control=off
must nbd_do "$s_uri" read:0:4K:7
