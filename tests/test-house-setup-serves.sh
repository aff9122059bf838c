#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ./setup serve makes a sparse pool and serves it to its user alone, on the
# wire within its first message; Ctrl-C ends it; an existing pool is served
# with what it holds, any other file is refused untouched; --tcp serves the
# same volume in the same process.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/setup.sh"
need_command nbdinfo
need_command nbdcopy

# Its own name, or two runs at a time would meet in one directory.
pool=$tmpdir/$$.pool

pass_if setup_serve "$pool" 64M
must nbdinfo --size "$uri"
equal "$out" $((64 * 1024 * 1024)) "size"
socket=${uri#*socket=}
equal "$(stat -c '%a %u %F' "$socket")" "600 $(id -u) socket" "the socket"
between "$(stat -c '%b' "$pool")" 0 20000 "blocks of a sparse pool"
head -c 1M /dev/urandom >data
truncate -s 64M data
must nbdcopy data "$uri"

# The commands that it proposes, as they stand there.
equal "$(commands_said | wc -l)" 3 "commands proposed"
while read -r line; do
  must bash -c "$line"
done < <(commands_said)
matches "$out" 'root@first'
setup_ends 0 INT
pass_if test ! -e "$socket"

# Again: the pool is there, and the size now is its own.  A port may be taken
# by somebody else before it is used.
for try in 1 2 3 4 5; do
  if setup_serve --tcp="$(free_port)" "$pool" 1M; then
    break
  fi
  matches "$(cat log)" 'Address already in use'
  [ $try -lt 5 ] || fail "no port"
done
must nbdinfo --size "$uri"
equal "$out" $((64 * 1024 * 1024)) "size after reopening"
must nbdcopy "$uri" copy
must cmp data copy
tcp=$(sed -n 's/^Also served: //p' message)
matches "$tcp" '^nbd://127.0.0.1:[0-9]+/root$'
must nbdinfo --size "$tcp"
matches "$(cat message)" 'Any user of this machine can connect'

# A pool that is served cannot be served twice, and goes on.
first=$setup first_uri=$uri
if setup_serve "$pool"; then
  fail "a pool was served twice"
fi
matches "$(cat log)" 'in use'
must nbdinfo --size "$first_uri"
setup=$first
setup_ends 0 INT

# Not a pool.
seq 1 1000 >other
cp other before
if setup_serve other 64M; then
  fail "a file that is no pool was served"
fi
matches "$(cat log)" 'other'
must cmp other before

must_fail 2 "$srcdir/setup" serve --nonsense
must_fail 2 "$srcdir/setup" serve a 1M more
must_fail 2 "$srcdir/setup" serve --tcp=nbd a
must_fail 2 "$srcdir/setup" nonsense

# Ports that are none.
for port in 0 65536 99999 08 abc ''; do
  must_fail 2 "$srcdir/setup" serve --tcp="$port" "$tmpdir/none.pool" 1M
  matches "$err" "is no port"
  pass_if test ! -e "$tmpdir/none.pool"
done
