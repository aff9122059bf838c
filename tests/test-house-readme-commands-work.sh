#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every command line of README.md, in a copy of the sources, as it stands: the
# build by hand, the server that it starts, and then what ./setup does with
# that build.  Of ./setup check only the tests themselves are left out, which
# would be this one again.  A line that this test does not know is a failure.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/setup.sh"

# The sources without what a build in them has left; without optimizing, for
# only the lines are tested here.
mkdir tree
if [ -e "$srcdir/.git" ] && command -v git >/dev/null; then
  git -C "$srcdir" ls-files -z | tar -C "$srcdir" --null -T - -c
else
  tar -C "$srcdir" --exclude=./_build --exclude=./_inst -c .
fi | tar -C tree -x
chmod -R u+w tree
cd tree
PATH=${PATH//"$builddir:"/}
export CFLAGS=-O0 MAKEFLAGS=
network='unshare --map-current-user --net'
[ "$(id -u)" -ne 0 ] || network='unshare --net'
$network true || network=

# The lines, without their comments.
sed -n 's/^    \([^ ]\)/\1/p' README.md | sed 's/ *#.*//' >../lines
equal "$(sort -u ../lines | wc -l)" "$(wc -l <../lines)" "different lines"

run_build ()
{
  must bash -e -c "$1"
  pass_if test -x command/nbdvol
}

# A daemon, on the port that it has in a network of its own.
end_nbdkit ()
{
  [ -z "$server" ] || kill "$server"
}
run_nbdkit ()
{
  # shellcheck disable=SC2086 # words
  must $network bash -e -c "$1"
  pid_of_server ()
  {
    ./nbdvol info data.pool | sed -n 's/^owner .* pid \([0-9]*\),.*/\1/p'
  }
  server=$(pid_of_server)
  cleanup_fn end_nbdkit
  matches "$server" '^[0-9]+$' "pid of the server"
  equal "$(./nbdvol ls -H -o name,size data.pool)" $'root\t4G' "volumes"
  kill "$server"
  wait_until 60 server_gone "$server"
  server=
  rm data.pool
}

run_setup_serve ()
{
  local words
  export NBDVOL_BUILD=$PWD
  read -ra words <<<"${1#./setup serve}"
  srcdir=. setup_serve "${words[@]}" || fail "it does not serve: $1"
  passed
  matches "$uri" '^nbd\+unix:///root'
}

# Its stages are those of `make`, which does nothing here.
run_setup_check ()
{
  mkdir -p ../bin
  printf '#!/bin/sh\necho "$@" >>%q\n' "$tmpdir/targets" >../bin/make
  chmod +x ../bin/make
  must env PATH="$tmpdir/bin:$PATH" bash -e -c "$1"
  matches "$(tail -n 1 <<<"$out")" '^1 passed, 0 failed, 0 skipped$'
  for target in syntax-check check check-asan check-tsan; do
    matches "$(xargs -n 1 <"$tmpdir/targets")" "(^|"$'\n'")$target($|"$'\n'")"
  done
}

# run_lines PATTERN FUNCTION: those that match, in their order.
run_lines ()
{
  local line
  while IFS= read -r line <&9; do
    # shellcheck disable=SC2053 # a pattern
    [[ $line == $1 ]] || continue
    "$2" "$line"
    printf '%s\n' "$line" >>../done
  done 9<../lines
}
run_verb ()
{
  must bash -e -c "$1"
}
run_lines 'autoreconf*' run_build
run_lines './nbdkit *' run_nbdkit
run_lines './setup serve*' run_setup_serve
run_lines './setup check*' run_setup_check
run_lines './nbdvol *' run_verb
equal "$(sort ../lines)" "$(sort ../done)" "lines that were run"
equal "$(./nbdvol ls -H -o name data.pool | xargs)" "root root@before test"
setup_ends 0 INT
