# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the tests of the pool plugin share.  Sourced after functions.sh.
#
#   $pool            where the test's pool goes; nothing is there yet
#   serve NAME ARG...        start_nbdkit with the plugin on $pool and a
#                            control socket of the test's own
#   serve_under_test NAME FILE ARG...   the same with the build that knows
#                            the devices volatile(...) and faulty(...)
#   uri NAME EXPORT          URI of an export of a server started as NAME
#   nbd_do URI COMMAND...    tests/tools/nbd-do; $nbd_do is its path, for
#                            one in the background whose pid is wanted
#   end_job PID              SIGTERM to a background job of the test, if it
#                            still runs: its pid may be another's by now
#   start_fails REGEX ARG... nbdkit pool ARG... ends with 1 before it serves,
#                            and stderr is one line that matches

pool=$tmpdir/data.pool
nbd_do=$builddir/tests/tools/nbd-do

serve ()
{
  local name=$1
  shift
  start_nbdkit "$name" pool "$pool" control="$sockdir/$name.ctl" "$@"
}

serve_under_test ()
{
  local name=$1 file=$2
  shift 2
  start_nbdkit "$name" pool-under-test file="$file" \
               control="$sockdir/$name.ctl" "$@"
}

uri ()
{
  local sock=$1_sock
  echo "nbd+unix:///$2?socket=${!sock}"
}

nbd_do ()
{
  "$nbd_do" "$@"
}

end_job ()
{
  ! jobs -pr | grep -qx "$1" || kill "$1"
}

start_fails ()
{
  local regex=$1
  shift
  must_fail 1 timeout 60 nbdkit -f -U - pool control=off "$@" --run true
  matches "$err" "$regex" "error message"
  equal "$(wc -l <<<"$err")" 1 "lines of the error message"
}
