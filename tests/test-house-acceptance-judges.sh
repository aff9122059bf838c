#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# acceptance/run prints one table and fails for a line that is a MISS, for a
# script that dies or says nothing, and for a recorded figure that is
# missing or older than the code it speaks about.
set -e
source "$(dirname "$0")/lib/functions.sh"
need_command git

tree=$tmpdir/tree
mkdir -p "$tree/acceptance" "$tree/common" "$tree/plugins" "$tree/command"
cp "$srcdir/acceptance/run" "$srcdir/acceptance/functions.sh" \
   "$tree/acceptance"
touch "$tree/common/a.c" "$tree/plugins/b.c" "$tree/command/c.c"
git_tree ()
{
  git -C "$tree" -c user.name=t -c user.email=t@example.invalid "$@"
}
git_tree init -q
git_tree add .
git_tree commit -q -m one

# script NAME TEXT
script ()
{
  # shellcheck disable=SC2016 # for the script
  printf '%s\n' 'source "$(dirname "$0")/functions.sh"' "$2" \
         >"$tree/acceptance/$1.sh"
}
judge ()
{
  local rc=$1
  shift
  must_fail "$rc" env abs_top_srcdir="$tree" abs_top_builddir="$tmpdir" \
      bash "$tree/acceptance/run" "$@"
}

script good 'echo noise; figure_line "open time" 0.25 "<" 1
             line "clean" yes yes true'
judge 0 good
matches "$out" 'open time +0.25 +< 1 +PASS'
matches "$out" '2 passed, 0 missed'

script slow 'figure_line "open time" 1.5 "<" 1'
judge 1 good slow
matches "$out" 'open time +1.5 +< 1 +MISS'
matches "$out" '2 passed, 1 missed'

script words 'figure_line "open time" unknown "<" 1'
judge 1 words
script dies 'line a b c true; exit 3'
judge 1 dies
matches "$out" 'dies +exit code 3 +exit code 0 +MISS'
script silent 'true'
judge 1 silent
matches "$out" 'silent +no line +a line +MISS'

script long 'recorded_line "states" soak states ">=" 5000000'
judge 1 long
matches "$out" 'states +missing +>= 5000000 +MISS'
script soak 'record soak "make soak" seed=1 states=5000001; line a b c true'
judge 0 soak
judge 0 long
matches "$out" 'states +5000001 +>= 5000000 +PASS'
echo changed >"$tree/common/a.c"
judge 1 long
matches "$out" 'states +stale \(make soak\)'
git_tree commit -q -a -m two
judge 1 long
matches "$out" 'states +stale \(make soak\)'

# With no name, all of them.
judge 1
matches "$out" 'silent'
matches "$out" 'exit code 3'
