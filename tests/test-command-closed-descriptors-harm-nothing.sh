#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdvol started with standard input, output or error closed: a message never
# goes into the pool that is opened in its place, and what cannot be printed
# or read is an error.
set -e
source "$(dirname "$0")/lib/functions.sh"
need_command strace
cd "$tmpdir"

must nbdvol init data.pool 64M
must nbdvol create data.pool root 1M

# closed CODE VERB ARGUMENT...: with each of the three closed, and with all.
# The pool itself is written by pwrite; write is what messages go by.
# shellcheck disable=SC2016
closed ()
{
  local code=$1 set
  shift
  for set in 0 1 2 01 02 12 012; do
    must_fail "$code" bash -c '
      set=$1
      shift
      case $set in *0*) exec <&- ;; esac
      case $set in *1*) exec >&- ;; esac
      case $set in *2*) exec 2>&- ;; esac
      exec strace -f -y -o trace -e trace=write "$@"
      ' bash "$set" "$builddir/command/nbdvol" "$@"
    equal "$(grep 'write([0-9]*<[^>]*data\.pool>' trace || :)" '' \
          "messages in the pool"
  done
  must nbdvol check data.pool
}

closed 4 create data.pool root 1M
closed 4 create data.pool root 1M --json
closed 3 rm data.pool nothing
closed 1 resize data.pool root 4K
closed 3 export data.pool nothing out
must_fail 1 bash -c 'nbdvol ls data.pool >&-'
matches "$err" 'ls: standard output: Bad file descriptor'
must_fail 1 bash -c 'nbdvol export data.pool root - >&-'
must_fail 1 bash -c 'nbdvol import data.pool new - <&-'
must_fail 3 nbdvol info data.pool new
# What prints nothing needs no standard output.
must bash -c 'nbdvol create data.pool new 1M <&- >&- 2>&-'
must nbdvol info data.pool new
must nbdvol check data.pool
