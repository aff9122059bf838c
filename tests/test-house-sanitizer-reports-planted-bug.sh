#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A bug planted in a plugin is reported by the sanitizer of this build
# (by valgrind in an ordinary one), and a plugin without bug is not.
set -e
source "$(dirname "$0")/lib/functions.sh"
need_command nbdcopy

planted=$builddir/tests/lib/.libs/nbdkit-planted-plugin.so
reports=$tmpdir/reports

# serve BUG: run the plugin under a load of parallel reads; what was reported
# is then in $report.
serve ()
{
  local rc=0 log=log_path=$reports/$1
  rm -rf "$reports"
  mkdir "$reports"
  ASAN_OPTIONS="${ASAN_OPTIONS:-}:$log" \
  UBSAN_OPTIONS="${UBSAN_OPTIONS:-}:$log" \
  TSAN_OPTIONS="${TSAN_OPTIONS:-}:$log" \
    nbdkit -f -P "$tmpdir/$1.pid" -U "$sockdir/$1.sock" "$planted" bug="$1" \
    >"$tmpdir/$1.log" 2>&1 &
  server=$!
  wait_until 60 server_settled "$tmpdir/$1.pid" "$server"
  nbdcopy "nbd+unix:///?socket=$sockdir/$1.sock" null: || true
  kill "$server" 2>/dev/null || true
  wait_until 60 server_gone "$server"
  wait "$server" || rc=$?
  report=$(cat "$tmpdir/$1.log" "$reports"/* 2>/dev/null || true)
  server_rc=$rc
}

# Bug and what its report says.
case ${NBDVOL_SANITIZER:-} in
  asan) planted_bugs=(overflow 'heap-buffer-overflow'
                      undefined 'signed integer overflow') ;;
  tsan) planted_bugs=(race 'ThreadSanitizer: data race') ;;
  *)
    need_command valgrind
    export NBDKIT_VALGRIND=1
    planted_bugs=(overflow 'Invalid read of size 1') ;;
esac

for ((i = 0; i < ${#planted_bugs[@]}; i += 2)); do
  serve "${planted_bugs[$i]}"
  matches "$report" "${planted_bugs[$((i + 1))]}" "report"
  matches "$report" "planted_pread" "place in the report"
  differs "$server_rc" 0 "exit code of the server"
done

serve none
equal "$server_rc" 0 "exit code without a bug ($report)"
equal "$(ls "$reports")" "" "reports without a bug"
