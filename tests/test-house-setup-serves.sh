#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ./setup serve makes a sparse pool and serves it to its user alone, on the
# wire within its first message; Ctrl-C ends it; an existing pool is served
# with what it holds, any other file is refused untouched; --tcp serves the
# same volume in the same process.
set -e
source "$(dirname "$0")/lib/functions.sh"
need_command nbdinfo
need_command nbdcopy

export NBDVOL_BUILD=$builddir
if [ "$(id -u)" != 0 ]; then
  export XDG_RUNTIME_DIR=$sockdir
fi
# Its own name, or two runs at a time would meet in one directory.
pool=$tmpdir/$$.pool
cd "$tmpdir"

# A terminal's Ctrl-C, which a shell's background jobs ignore by default.
setup_serve ()
{
  rm -f message
  env --default-signal=INT "$srcdir/setup" serve "$@" \
      >message 2>log </dev/null &
  setup=$!
  wait_until 60 server_settled_or_says "$setup"
  if server_gone "$setup"; then
    cat log >&2
    return 1
  fi
  uri=$(sed -n 's/^  \(nbd+unix:.*\)/\1/p' message)
}
server_settled_or_says ()
{
  grep -q '^Ctrl-C' message || server_gone "$1"
}
setup_ends ()
{
  local rc=0
  kill -INT "$setup"
  wait_until 60 server_gone "$setup"
  wait "$setup" || rc=$?
  equal "$rc" 0 "exit code after Ctrl-C"
}

pass_if setup_serve "$pool" 64M
cat message
must nbdinfo --size "$uri"
equal "$out" $((64 * 1024 * 1024)) "size"
socket=${uri#*socket=}
equal "$(stat -c '%a %u %F' "$socket")" "600 $(id -u) socket" "the socket"
between "$(stat -c '%b' "$pool")" 0 20000 "blocks of a sparse pool"
head -c 1M /dev/urandom >data
truncate -s 64M data
must nbdcopy data "$uri"

# The commands that it proposes, as they stand there.
grep '^  ' message | sed 1d >commands
equal "$(wc -l <commands)" 3 "commands proposed"
while read -r line; do
  must bash -c "$line"
done <commands
matches "$out" 'root@first'
setup_ends
pass_if test ! -e "$socket"

# Again: the pool is there, and the size now is its own.
pass_if setup_serve --tcp="$((20000 + $$ % 10000))" "$pool" 1M
cat message
must nbdinfo --size "$uri"
equal "$out" $((64 * 1024 * 1024)) "size after reopening"
must nbdcopy "$uri" copy
must cmp data copy
tcp=$(sed -n 's/^Also served: //p' message)
matches "$tcp" '^nbd://127.0.0.1:[0-9]+/root$'
must nbdinfo --size "$tcp"
matches "$(cat message)" 'Any user of this machine can connect'

# A pool that is served cannot be served twice.
first=$setup
if setup_serve "$pool"; then
  fail "a pool was served twice"
fi
matches "$(cat log)" 'in use'
setup=$first
setup_ends

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
must_fail 2 "$srcdir/setup" nonsense
