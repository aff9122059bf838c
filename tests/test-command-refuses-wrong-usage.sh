#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Wrong usage is exit code 2, one line that says what is wrong and where to
# read more, nothing on stdout, and nothing changed.
# shellcheck disable=SC2016
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

# usage REGEX ARGUMENT...
usage ()
{
  local regex=$1
  shift
  must_fail 2 nbdvol "$@"
  matches "$err" "$regex" "message of nbdvol $*"
  equal "$(wc -l <<<"$err")" 1 "lines of the message of nbdvol $*"
  matches "$err" '^nbdvol: ' "message of nbdvol $*"
  equal "$out" '' "output of nbdvol $*"
}

must_fail 2 nbdvol
matches "$err" '^usage: nbdvol '
must nbdvol -h
matches "$out" '^usage: nbdvol '
must nbdvol --help
must nbdvol -V
matches "$out" '^nbdvol [0-9]+\.[0-9]+$'

usage 'nbdvol: dance: no such verb; see `nbdvol help`$' dance x.pool
usage 'nbdvol: --dance: no such option' --dance
usage 'nbdvol: info: POOL is missing; see `nbdvol help info`$' info
usage 'POOL is empty' info ''
usage 'nbdvol: info: x.pool: --colour: no such option' info x.pool --colour
usage '-x: no such option' info x.pool -x
usage '-x: no such option' info x.pool -Hx
usage '--js: no such option' info x.pool --js
usage '--json: takes no value' info --json=yes x.pool
usage '--wait: needs a value' info x.pool --wait
usage '--wait: not a duration' info x.pool --wait=soon
usage '--progress: not auto, always or never' check x.pool --progress=maybe
usage '-o: needs a value' ls x.pool -o
usage "-o: no such column: 'colour'" ls x.pool -o name,colour
usage "-o: no such column: ''" ls x.pool -o name,
usage "-s: no such column: 'colour'" ls x.pool -s colour
usage '--force: no such option' create x.pool --force a 1M
usage '--shrink: no such option' check x.pool --shrink
usage 'too many arguments: .b.' info x.pool a b
usage 'too few arguments: POOL VOLUME SIZE' create x.pool a
usage 'too few arguments: POOL NAME' rm x.pool
usage 'help: dance: no such verb' help dance
usage 'completion: zsh: only bash is known' completion zsh
usage 'needs a path or device' init unix:x.sock 64M

# Sizes.
for size in 0 -1 1X '' abc 1e6 99999999999999999999 9E 1.5G; do
  must_fail 2 nbdvol init new.pool -- "$size"
  pass_if test ! -e new.pool
done
usage "SIZE: more than 64P: '65P'" init new.pool 65P
pass_if test ! -e new.pool
usage '--block-size: not 4K' init new.pool 64M --block-size=3000
usage '--block-size: not 4K' init new.pool 64M --block-size=128K
usage '--block-size: size cannot be neg' init new.pool 64M --block-size=-1
pass_if test ! -e new.pool

must nbdvol init data.pool 64M
must nbdvol create data.pool root 10M
must nbdvol snapshot data.pool root@a
before=$(sha256sum data.pool)
for size in 0 -1 1X '' 8E 4503599627370497; do
  must_fail 2 nbdvol create data.pool new -- "$size"
  must_fail 2 nbdvol resize data.pool root -- "$size"
done
long=$(printf 'x%.0s' {1..201})
# Every verb that takes a name, with the name at each place.
cat >verbs <<'VERBS'
clone data.pool -- root@a NAME
clone data.pool -- NAME new
create data.pool -- NAME 1M
export data.pool -- NAME out
import data.pool -- NAME data.pool
info data.pool -- NAME
ls data.pool -- NAME
ls data.pool -- root NAME
rename data.pool -- NAME new
rename data.pool -- root NAME
resize data.pool -- NAME 20M
rm data.pool -- NAME
rollback data.pool -- NAME
snapshot data.pool -- NAME
VERBS
for verb in $(nbdvol help |
                sed -nE 's/^  nbdvol ([a-z]*).*(NAME|VOLUME).*/\1/p'); do
  pass_if grep -q "^$verb " verbs
done
for name in '' 'a b' a/b .a -a a..b 'é' "$long" a@ @a a@b@c "a@$long" \
            $'a\nb'; do
  while read -ra words; do
    must_fail 2 nbdvol "${words[@]/#NAME/$name}"
    equal "$(wc -l <<<"$err")" 1 "lines for '$name'"
    equal "$out" ''
  done <verbs
done
# A volume where a snapshot is wanted, and the other way round.
must_fail 2 nbdvol create data.pool a@b 1M
must_fail 2 nbdvol snapshot data.pool root
must_fail 2 nbdvol clone data.pool root a@b
must_fail 2 nbdvol rollback data.pool root
must_fail 2 nbdvol rename data.pool root root@b
must_fail 2 nbdvol rename data.pool root@a new
must_fail 2 nbdvol rename data.pool root@a new@a
must_fail 2 nbdvol import data.pool a@b data.pool
must_fail 2 nbdvol export data.pool root - --json
equal "$(sha256sum data.pool)" "$before" "the pool after refused verbs"
pass_if test ! -e out

# With --json the error is also an object.
must_fail 2 nbdvol create --json data.pool 'a b' 1M
equal "$(/usr/bin/python3 -c 'import json, sys
e = json.load (sys.stdin)["error"]
print (e["code"], e["errno"], e["object"])' <<<"$out")" "2 EINVAL 'a b'"
for args in 'ls data.pool --dance --json' 'ls --json data.pool --dance' \
            'dance --json' 'create data.pool --json' 'ls --json' \
            'ls data.pool --wait=x --json' 'help dance --json'; do
  # shellcheck disable=SC2086
  must_fail 2 nbdvol $args
  matches "$out" '^\{"error":\{"code":2,"errno":"EINVAL",.*\}\}$'
  equal "$(wc -l <<<"$err")" 1 "lines of the message of nbdvol $args"
done
must_fail 2 nbdvol create data.pool -- --json 1M
equal "$out" ''
# Options stand anywhere, and in one word.
must nbdvol ls data.pool -Hp root -oname,size
equal "$out" $'root\t10485760'
must nbdvol ls -H -o name -- data.pool root@a
equal "$out" root@a
