#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# rollback, resize --shrink and rm of what a client has open, a volume or a
# snapshot, are refused with code 1, name the client, and change nothing; with
# --force they are done, and the client's requests end with ESHUTDOWN.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
cd "$tmpdir"

must nbdvol init data.pool 64M
must nbdvol create data.pool root 4M
pool=data.pool
serve s
cleanup_fn 'exec 7>&-'          # the server waits for its clients
must nbd_do "$(uri s root)" write:0:4K:1 flush
must nbdvol snapshot data.pool root@a
must nbd_do "$(uri s root)" write:0:4K:2 flush

# connect EXPORT: $client holds a connection to it until hang_up.
connect ()
{
  rm -f in
  mkfifo in
  : >client
  "$nbd_do" "$(uri s "$1")" hold 'ESHUTDOWN!read:0:4K:1' <in >client 2>&1 &
  client=$!
  exec 7>in
  wait_until 10 grep -q holding client
  equal "$(nbdvol info data.pool "$1" -Ho connections)" 1
}
# It has seen the end of its connection.
hang_up ()
{
  exec 7>&-
  wait "$client" || { cat client >&2; fail "the client's request"; }
  passed
}

# refused NAME VERB ARGUMENT...
refused ()
{
  local name=$1 before
  shift
  before=$(nbdvol ls data.pool -Hpo name,size,used)
  must_fail 1 nbdvol "$@"
  equal "$err" "nbdvol: $1: data.pool: $name: has 1 connection \
(pid $client uid $(id -u)); end them, or use --force"
  equal "$(nbdvol ls data.pool -Hpo name,size,used)" "$before" \
        "the pool after $*"
}

connect root
refused root resize data.pool root 1M --shrink
refused root rollback data.pool root@a
refused root rm data.pool -r root
# Not in the way: larger, another name, a snapshot of it.
must nbdvol resize data.pool root 8M
must nbdvol snapshot data.pool root@b
must nbdvol rm data.pool root@b
must nbdvol rollback data.pool root@a --force
hang_up
equal "$(nbdvol info data.pool root -Hpo size)" $((4 << 20))
must nbd_do "$(uri s root)" read:0:4K:1

connect root
must_fail 1 nbdvol resize data.pool root 1M --force
matches "$err" 'shrink'
must nbdvol resize data.pool root 1M --shrink --force
hang_up
equal "$(nbdvol info data.pool root -Hpo size)" $((1 << 20))
must nbd_do "$(uri s root)" read:0:4K:1

# A snapshot.  Its volume is free meanwhile.
connect root@a
refused root@a rm data.pool root@a
refused root@a rm data.pool -r root
must nbdvol resize data.pool root 512K --shrink
must nbdvol rollback data.pool root@a
must nbdvol rm data.pool root@a --force
hang_up
must_fail 3 nbdvol info data.pool root@a
must_fail 1 nbd_do "$(uri s root@a)" size

# Both at once, with the volume.
must nbdvol snapshot data.pool root@c
connect root@c
must nbdvol rm data.pool -r root --force
hang_up
equal "$(nbdvol ls data.pool -H)" ''
must nbdvol check data.pool
