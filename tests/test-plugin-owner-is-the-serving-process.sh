#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The owner record names the process that serves, not one that it forked
# from, and nobody after a clean end.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

start_nbdkit_daemon s pool "$pool" create=4M control="$sockdir/c.ctl"
must nbdvol info --json "$pool"
matches "$out" "\"owner\": *\"[^\"]*$s_pid"
matches "$out" "\"owner\": *\"[^\"]*$sockdir/c.ctl"
stop_nbdkit s
must nbdvol info --json "$pool"
lacks "$out" "\"owner\": *\"[^\"]*$sockdir"
