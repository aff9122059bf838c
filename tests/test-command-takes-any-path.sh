#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A path of a pool, a source or a target may hold anything that a file's name
# may: blanks, quotes, %, bytes that are no UTF-8, a newline, a dash at its
# beginning.  Messages about it stay one line, and JSON stays JSON.  Without a
# server and through one.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

is_json () { printf '%s\n' "$1" >>objects; }

names=('a b' "it's" '"quoted"' '100%s' $'caf\xe9' $'two\nlines' -dash '@' ','
       $'esc\e[31m' 'back\slash' 'semi; colon')

round ()
{
  local name=$1 pool=$2
  head -c 5000 /dev/urandom >"source$name"
  must nbdvol import "$pool" new "source$name" -v
  matches "$err" ': new: imported from source'
  lacks "$err" $'\e'
  must nbdvol export "$pool" new "target$name"
  must cmp "source$name" "target$name"
  must_fail 4 nbdvol export "$pool" new "target$name"
  equal "$(wc -l <<<"$err")" 1 "lines of the message"
  must_fail 4 nbdvol export "$pool" new "target$name" --json
  is_json "$out"
  must_fail 1 nbdvol import "$pool" newer "missing$name" --json
  equal "$(wc -l <<<"$err")" 1 "lines of the message"
  is_json "$out"
  must_fail 3 nbdvol info "$pool" nothing --json
  equal "$(wc -l <<<"$err")" 1 "lines of the message"
  is_json "$out"
  must nbdvol info "$pool" --json
  is_json "$out"
  must nbdvol rm "$pool" new
  rm "source$name" "target$name"
}

for name in "${names[@]}"; do
  must_fail 3 nbdvol ls -- "$name"
  equal "$(wc -l <<<"$err")" 1 "lines of the message"
  must nbdvol init -- "$name" 16M
  pass_if test -f "./$name"
  round "$name" "./$name"
done

# A dash as the very first character, behind --.
must nbdvol init data.pool 64M
head -c 5000 /dev/urandom >-image
must nbdvol import -- data.pool new -image
must nbdvol export -- data.pool new -copy
must cmp -- -image -copy
must nbdvol rm data.pool new

start_nbdkit server pool data.pool control="$sockdir/ctl"
for name in 'a b' $'caf\xe9' $'two\nlines' -dash; do
  round "$name" data.pool
done
must /usr/bin/python3 -c 'import json
for line in open ("objects"):
    json.loads (line)'
between "$(wc -l <objects)" 40 100 "JSON objects"
