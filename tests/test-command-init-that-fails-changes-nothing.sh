#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An init that fails leaves no file where there was none, and a file that was
# empty stays empty.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

# fails CODE REGEX FILE ARGUMENT...
fails ()
{
  local code=$1 regex=$2 file=$3
  shift 3
  rm -f "$file"
  must_fail "$code" nbdvol init "$file" "$@"
  matches "$err" "^nbdvol: init: $file: $regex"
  equal "$(wc -l <<<"$err")" 1 "lines of the message"
  pass_if test ! -e "$file"
  : >"$file"
  must_fail "$code" nbdvol init "$file" "$@"
  matches "$err" "^nbdvol: init: $file: $regex"
  equal "$(stat -c %s "$file")" 0 "size of what was empty"
  equal "$(find "$(dirname "$file")" -name '.nbdvol*')" '' "passing files"
}

fails 2 'capacity 4096: must be 163840 bytes or more' data.pool 4K

mkdir small
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=128k none small; then
  cleanup_fn umount "$tmpdir/small"
  fails 6 '.*(no space|nothing) left' small/data.pool 64M
fi

must_fail 1 nbdvol init nowhere/data.pool 64M
matches "$err" \
        '^nbdvol: init: nowhere/data\.pool: cannot write: No such file or dir'
ln -s nowhere/else link
must_fail 1 nbdvol init link 64M
matches "$err" '^nbdvol: init: link: open: No such file or directory'
equal "$(readlink link)" nowhere/else
