#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What a stranger does: clone into an empty folder, type `./setup serve`, use
# the volume, Ctrl-C, type `./setup check`.  The time of each is recorded, and
# what the sanitizers found there.
set -e
source "$(dirname "$0")/lib/functions.sh"
abs_top_srcdir=$srcdir
source "$srcdir/acceptance/functions.sh"

# ./setup is to build by itself: nothing of this build tree is in its way.
PATH=${PATH//"$builddir:"/}
unset abs_top_builddir NBDVOL_CC
must git clone -q "$srcdir" "$tmpdir/clone"
cd "$tmpdir/clone"

said_uri ()
{
  grep -qE '^  nbd\+unix://' "$tmpdir/serve.log" ||
    ! kill -0 "$serve" 2>/dev/null
}
start=$SECONDS
./setup serve fresh.pool 1G >"$tmpdir/serve.log" 2>&1 </dev/null &
serve=$!
cleanup_fn "kill -TERM $serve 2>/dev/null || true"
wait_until 600 said_uri
serve_seconds=$((SECONDS - start))
cat "$tmpdir/serve.log"
uri=$(sed -n 's/^  \(nbd+unix:.*\)/\1/p' "$tmpdir/serve.log" | head -n 1)
head -c 8M /dev/urandom >"$tmpdir/written"
must nbdcopy "$tmpdir/written" "$uri"
must ./nbdvol snapshot fresh.pool root@first
must ./nbdvol ls fresh.pool
must nbdcopy "$uri" "$tmpdir/read-back"
must cmp -n 8388608 "$tmpdir/written" "$tmpdir/read-back"
# SIGINT is ignored in what a script starts in the background.
kill -TERM $serve
wait $serve || true

start=$SECONDS rc=0
abs_top_srcdir='' ./setup check >"$tmpdir/check.log" 2>"$tmpdir/check.err" ||
  rc=$?
minutes=$(((SECONDS - start + 59) / 60))
cat "$tmpdir/check.err" "$tmpdir/check.log"
last=$(tail -n 1 "$tmpdir/check.log")
matches "$last" '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
read -r passed_n _ failed_n _ skipped_n _ <<<"$last"
record fresh-clone "tests/soak-house-fresh-clone.sh" \
       serve-seconds="$serve_seconds" client=1 check-minutes="$minutes" \
       passed="$passed_n" failed="$failed_n" skipped="$skipped_n"
equal $rc 0 "exit code of ./setup check"
must cp acceptance/results/check-asan acceptance/results/check-tsan \
     "$srcdir/acceptance/results/"
