#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# tests/mutants/run counts a mutant as killed only if the plain test passes
# and the killing command fails by a comparison that names a seed; and it
# leaves the copied tree as it was.
set -e
source "$(dirname "$0")/lib/functions.sh"

# A tree of one file whose "build" copies it; its line is what the tests do.
src=$tmpdir/m/src
mkdir -p "$src/common" "$src/tests/mutants"
printf 'ok\n' >"$src/common/behaviour"
printf '# comment\ntests/plain\n' >"$src/tests/mutants/PLAIN"
cat >"$src/configure" <<'CONFIGURE'
#!/bin/sh
touch config.status
mkdir -p tests
printf '%s\n' 'tests/plain tests/kill: FORCE' \
  '	cp ../src/tests/tool $@; chmod +x $@; grep -v bad ../src/common/*' \
  'FORCE:' >Makefile
CONFIGURE
chmod +x "$src/configure"
cat >"$src/tests/tool" <<'TOOL'
#!/bin/bash
plain=; [ "${0##*/}" = plain ] && plain=1
echo SEED=7
case $(cat ../src/common/behaviour) in
  compare) [ -n "$plain" ] || { echo "x.c:1: FAILED: differs"; exit 1; } ;;
  crashes) [ -n "$plain" ] ||
    { echo "FAILED: lost data"; echo "repeat: kill --seed 9 --history 3"
      exit 1; } ;;
  stands) [ -n "$plain" ] ||
    { echo "FAILED: toy: the simulation stopped in history 4"; exit 4; } ;;
  quiet) [ -n "$plain" ] || exit 1 ;;
  crash) [ -n "$plain" ] || kill -ABRT $$ ;;
  hang) [ -n "$plain" ] || exec tail -f /dev/null ;;
  plain) [ -z "$plain" ] || exit 1 ;;
esac
exit 0
TOOL

# mutant NAME NEW-TEXT [HEADER]
mutant ()
{
  {
    echo "Rule: none"
    echo "Kill: tests/kill --all"
    [ -z "${3:-}" ] || echo "$3"
    printf '%s\n' '--- a/common/behaviour' '+++ b/common/behaviour' \
           '@@ -1 +1 @@' '-ok' "+$2"
  } >"$src/tests/mutants/$1.patch"
}

judge ()
{
  local rc=0
  out=$(MUTANT_TIMEOUT=2 bash "$srcdir/tests/mutants/run" "$tmpdir/m" 1 "$1" \
        2>&1) || rc=$?
  echo "$out"
  equal "$rc" "$2" "exit code for $1"
  matches "$out" "$1 +$3" "verdict"
  equal "$(cat "$src/common/behaviour")" ok "the tree afterwards"
}

mutant good compare;        judge good 0 'killed SEED=7 differs'
mutant replay crashes;      judge replay 0 'killed --seed 9 lost data'
mutant stands stands;       judge stands 1 'died by exit code 4,'
mutant standing stands 'Hang: yes'; judge standing 0 'killed \(hang\)'
mutant survivor same;       judge survivor 1 'SURVIVED'
mutant quiet quiet;         judge quiet 1 'failed without a comparison'
mutant crash crash;         judge crash 1 'died by exit code 134'
mutant hang hang;           judge hang 1 'died by exit code 124'
mutant waking hang 'Hang: yes'; judge waking 0 'killed \(hang\)'
mutant plain plain;         judge plain 1 'fails the plain test'
mutant broken bad;          judge broken 1 'does not compile'

# A command that fails anyway proves nothing.
mutant anyway compare
sed -i 's|^Kill:.*|Kill: tests/kill --all; exit 1|' \
    "$src/tests/mutants/anyway.patch"
judge anyway 1 'the killing command fails without the mutant, too'

{ echo 'Kill: tests/kill'; sed 1,2d "$src/tests/mutants/good.patch"; } \
  >"$src/tests/mutants/ruleless.patch"
judge ruleless 1 'has no Rule:'
sed 's/common/tests/' "$src/tests/mutants/good.patch" \
  >"$src/tests/mutants/outside.patch"
judge outside 1 'changes more than common/'
mutant long 'a
+b
+c
+d
+e
+f'
sed -i 's/+1 @@/+1,6 @@/' "$src/tests/mutants/long.patch"
judge long 1 'changes 6 lines'
