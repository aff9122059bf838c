# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
#
# What every shell test stands on: counted assertions, a directory of its
# own, servers that are started, waited for and ended.  A test begins
#
#   #!/usr/bin/env bash
#   # SPDX-License-Identifier: BSD-3-Clause
#   #
#   # What must hold, and why.
#   set -e
#   source "$(dirname "$0")/lib/functions.sh"
#
# and may be run by `make check`, or by hand from the build directory.
#
#   $tmpdir       a directory of this run, removed at the end
#                 (kept with NBDVOL_KEEP=1)
#   $sockdir      the same, but its path is short enough for sockets
#   $srcdir $builddir   absolute paths of the source and build trees;
#                 the build tree's ./nbdkit and ./nbdvol come first in PATH
#
# Assertions (each counts one, a failed one ends the test):
#   must COMMAND...           it exits 0 (its output stays in the log)
#   must_fail RC COMMAND...   it exits exactly RC
#   pass_if COMMAND...        the same as must, without output: a condition
#   equal ACTUAL EXPECTED [WHAT]      text
#   differs A B [WHAT]
#   matches TEXT REGEX [WHAT]         extended regular expression (bash)
#   lacks TEXT REGEX [WHAT]           ... which must not match
#   between N LOW HIGH [WHAT]         integers
#   wait_until SECONDS COMMAND...     polls
# After must and must_fail, $out and $err hold the command's stdout and stderr.
#
# A pipe's right side and (...) may hold assertions too: they are counted in
# a file.

set -u
set -o pipefail

srcdir=$(cd "${abs_top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/../..}" && pwd)
builddir=$(cd "${abs_top_builddir:-.}" && pwd)
PATH=$builddir:$PATH
export PATH srcdir builddir

test_name=$(basename "$0" .sh)
tmpdir=$(mktemp -d "${TMPDIR:-/tmp}/nbdvol-$test_name.XXXXXX")
sockdir=$tmpdir
if [ ${#sockdir} -gt 60 ]; then
  sockdir=$(mktemp -d /tmp/nbdvol.XXXXXX)
fi
count_file=$tmpdir/.assertions
: >"$count_file"
cleanups=()
out=
err=

# Run at the end of the test, last given first: one string, evaluated then.
cleanup_fn ()
{
  cleanups+=("$*")
}

finish ()
{
  local rc=$? i n
  trap - EXIT
  trap '' INT TERM
  set +e
  for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
    eval "${cleanups[$i]}" || { [ $rc -ne 0 ] || rc=1; }
  done
  n=$(stat -c %s "$count_file")
  if [ -n "${NBDVOL_KEEP:-}" ]; then
    echo "kept: $tmpdir"
  else
    rm -rf "$tmpdir" "$sockdir"
  fi
  if [ $rc -eq 0 ]; then
    echo "$n assertions"
    [ "$n" -gt 0 ] || rc=1
  fi
  exit $rc
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

passed ()
{
  printf . >>"$count_file"
}

# fail TEXT: end the test as failed, with the place that called.
fail ()
{
  local i=1
  while [[ ${BASH_SOURCE[$i]} == "${BASH_SOURCE[0]}" ]] &&
        [ $((i + 1)) -lt ${#BASH_SOURCE[@]} ]; do
    i=$((i + 1))
  done
  echo "$(basename "${BASH_SOURCE[$i]}"):${BASH_LINENO[$((i - 1))]}:" \
       "FAILED: $*" >&2
  exit 1
}

# skip REASON: hardware or a kernel feature is missing, never a package.
# Test and reason must stand in tests/SKIPS.
skip ()
{
  echo "SKIP: $*"
  exit 77
}

# A tool that a test needs and that ./setup deps installs.
need_command ()
{
  command -v "$1" >/dev/null || fail "$1 is missing; ./setup deps installs it"
}

# ---- assertions -----------------------------------------------------------

run_captured ()
{
  local rc=0
  echo "+ $*" >&2
  "$@" >"$tmpdir/.out" 2>"$tmpdir/.err" || rc=$?
  out=$(tr -d '\0' <"$tmpdir/.out")
  err=$(tr -d '\0' <"$tmpdir/.err")
  head -c 20000 "$tmpdir/.out"
  head -c 20000 "$tmpdir/.err" >&2
  return $rc
}

must ()
{
  local rc=0
  run_captured "$@" || rc=$?
  [ $rc -eq 0 ] || fail "exit code $rc: $*"
  passed
}

must_fail ()
{
  local want=$1 rc=0
  shift
  run_captured "$@" || rc=$?
  [ $rc -eq "$want" ] || fail "exit code $rc, not $want: $*"
  passed
}

pass_if ()
{
  "$@" >/dev/null || fail "not true: $*"
  passed
}

equal ()
{
  [ "$1" = "$2" ] || fail "${3:-text}: '$1' is not '$2'"
  passed
}

differs ()
{
  [ "$1" != "$2" ] || fail "${3:-text}: both are '$1'"
  passed
}

matches ()
{
  [[ $1 =~ $2 ]] || fail "${3:-text}: '$1' does not match '$2'"
  passed
}

lacks ()
{
  [[ ! $1 =~ $2 ]] || fail "${3:-text}: '$1' matches '$2'"
  passed
}

between ()
{
  { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]; } ||
    fail "${4:-number}: $1 is not in $2..$3"
  passed
}

# The wait helper: 1 if the command did not become true in SECONDS.  It
# asserts nothing; tests use wait_until.
poll_until ()
{
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.02
  done
}

wait_until ()
{
  poll_until "$@" || fail "did not come true in $1 seconds: ${*:2}"
  passed
}

# ---- random ---------------------------------------------------------------

# Set and print SEED, or take the environment's.
use_seed ()
{
  SEED=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
  export SEED
  echo "SEED=$SEED"
}

# ---- servers --------------------------------------------------------------
#
# start_nbdkit NAME ARGUMENT...
#   nbdkit in the foreground, as a child of the test, on a Unix socket; when
#   it returns, the socket takes connections.  Sets NAME_pid, NAME_sock,
#   NAME_uri (the empty export) and NAME_log (its stderr).
# start_nbdkit_daemon NAME ARGUMENT...
#   the same with nbdkit forking by itself.
# stop_nbdkit NAME
#   SIGTERM; it must end within 60 seconds, a foreground server with 0.
# kill_nbdkit NAME
#   SIGKILL; returns when it is gone.
# Whatever still runs at the end of the test is ended; an end that takes more
# than 60 seconds, or another exit code than 0, is a failure.

server_gone ()
{
  ! kill -0 "$1" 2>/dev/null ||
    grep -qs '^State:.Z' "/proc/$1/status" || [ ! -e "/proc/$1" ]
}

# Ready, or dead (the caller tells which).
server_settled ()
{
  [ -s "$1" ] || server_gone "$2"
}

set_server_variables ()
{
  printf -v "$1_sock" %s "$sockdir/$1.sock"
  printf -v "$1_uri" %s "nbd+unix:///?socket=$sockdir/$1.sock"
  printf -v "$1_log" %s "$tmpdir/$1.log"
  rm -f "$sockdir/$1.sock" "$tmpdir/$1.pid"
}

start_nbdkit ()
{
  local name=$1 server
  shift
  set_server_variables "$name"
  nbdkit -f -P "$tmpdir/$name.pid" -U "$sockdir/$name.sock" "$@" \
         </dev/null >>"$tmpdir/$name.log" 2>&1 &
  server=$!
  printf -v "${name}_pid" %s "$server"
  cleanup_fn end_server "$name" "$server"
  wait_until 60 server_settled "$tmpdir/$name.pid" "$server"
  if server_gone "$server"; then
    cat "$tmpdir/$name.log" >&2
    fail "nbdkit did not start: $*"
  fi
}

start_nbdkit_daemon ()
{
  local name=$1 server
  shift
  set_server_variables "$name"
  if ! nbdkit -P "$tmpdir/$name.pid" -U "$sockdir/$name.sock" "$@" \
       </dev/null >>"$tmpdir/$name.log" 2>&1; then
    cat "$tmpdir/$name.log" >&2
    fail "nbdkit did not start: $*"
  fi
  wait_until 60 test -s "$tmpdir/$name.pid"
  server=$(cat "$tmpdir/$name.pid")
  printf -v "${name}_pid" %s "$server"
  cleanup_fn end_server "$name" "$server"
}

# At the end of the test; a server that was stopped or killed is not NAME's
# any more.
end_server ()
{
  local pid_var=$1_pid
  [ "${!pid_var:-}" = "$2" ] || return 0
  [ ! -s "$tmpdir/$1.log" ] || sed "s/^/$1: /" "$tmpdir/$1.log" >&2
  server_gone "$2" || kill "$2"
  if ! poll_until 60 server_gone "$2"; then
    kill -KILL "$2"
    echo "$1: pid $2 did not end on SIGTERM" >&2
    return 1
  fi
  check_exit_code "$1" "$2"
}

# The exit code of the server NAME PID, which is gone; 127 is what `wait`
# says of a daemon, which is not our child.
check_exit_code ()
{
  local rc=0
  wait "$2" 2>/dev/null || rc=$?
  [ $rc -eq 0 ] || [ $rc -eq 127 ] || {
    cat "$tmpdir/$1.log" >&2
    echo "$1: nbdkit ended with exit code $rc" >&2
    return 1
  }
}

stop_nbdkit ()
{
  local pid_var=$1_pid
  local server=${!pid_var}
  kill "$server"
  wait_until 60 server_gone "$server"
  check_exit_code "$1" "$server" || fail "$1 did not end well"
  printf -v "$pid_var" %s ''
}

kill_nbdkit ()
{
  local pid_var=$1_pid
  local server=${!pid_var}
  kill -KILL "$server"
  wait_until 60 server_gone "$server"
  wait "$server" 2>/dev/null || true
  printf -v "$pid_var" %s ''
}
