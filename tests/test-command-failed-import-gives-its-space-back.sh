#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An image that does not fit, from a file and through a pipe, leaves no volume
# and gives all its space back: the same is free as before, and can be used.
# Without a server and through one.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

must nbdvol init data.pool 32M
head -c 40M /dev/urandom >toobig
head -c 8M /dev/urandom >kept
must nbdvol import data.pool kept kept

space () { nbdvol info data.pool -Hpo used,available,reclaiming,volumes; }
is_as_before () { [ "$(space)" = "$before" ]; }

too_big ()
{
  before=$(space)
  must_fail 6 nbdvol import data.pool new toobig
  matches "$err" '^nbdvol: import: data\.pool: new: no space '
  equal "$(wc -l <<<"$err")" 1 "lines of the message"
  must_fail 3 nbdvol info data.pool new
  wait_until 20 is_as_before
  must_fail 6 nbdvol import data.pool new - <toobig
  must_fail 3 nbdvol info data.pool new
  wait_until 20 is_as_before
  # The space is there.
  must nbdvol import data.pool new kept
  must nbdvol rm data.pool new
  wait_until 20 is_as_before
  equal "$(nbdvol ls data.pool -Ho name)" kept
  nbdvol export data.pool kept - | cmp - kept
  passed
}

too_big
start_nbdkit server pool data.pool control="$sockdir/ctl"
too_big
stop_nbdkit server
must nbdvol check data.pool
