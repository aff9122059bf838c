#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# With -v each verb says on stderr what it has done, one line for each thing,
# and how it came to the pool; without it, and with -q, it says nothing.  The
# same without a server and through one.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

head -c 100000 /dev/urandom >boot.img
cat >script <<'SCRIPT'
create data.pool root 1M
  root: made
create data.pool root 1M --exist-ok
  root: exists already, nothing to do
import data.pool boot boot.img
  boot: imported from boot.img
snapshot data.pool root@a
  root@a: made
snapshot data.pool root@b boot@b
  root@b: made
  boot@b: made
snapshot data.pool root@b boot@b --exist-ok
  root@b: exists already, nothing to do
  boot@b: exists already, nothing to do
clone data.pool boot@b copy
  copy: made
clone data.pool boot@b copy --exist-ok
  copy: exists already, nothing to do
rename data.pool copy lab
  copy: renamed to lab
resize data.pool lab 2M
  lab: resized to 2M
resize data.pool lab 2M
  lab: has this size already, nothing to do
rollback data.pool boot@b
  boot: rolled back to boot@b
grow data.pool 96M
  grown to 96M
grow data.pool
  is 96M already, nothing to do
ls data.pool
  6 listed
ls data.pool root root@a
  2 listed
info data.pool
  shown
info data.pool root
  root: shown
check data.pool
  checked, clean
scrub data.pool --rate=1G
  scrubbed, no damage remains
scrub data.pool --stop
  none was running
export data.pool boot out
  boot: exported to out
rm data.pool root@a lab nothing --missing-ok
  root@a: removed
  lab: removed
  nothing: is not there, nothing to do
SCRIPT

# run HOW: the script, where the pool is reached as HOW.
run ()
{
  local line verb rest want lines n=0
  mapfile -t lines <script
  while [ $n -lt ${#lines[@]} ]; do
    line=${lines[$n]}
    n=$((n + 1))
    read -r verb rest <<<"$line"
    want=("nbdvol: $verb: data.pool: $1")
    while [[ ${lines[$n]:-} == '  '* ]]; do
      want+=("nbdvol: $verb: data.pool: ${lines[$n]#  }")
      n=$((n + 1))
    done
    # shellcheck disable=SC2086
    must nbdvol "$verb" $rest -v
    equal "$(sed -E 's/opened here.*/HOW/; s/asks pid [0-9]+ through .*/HOW/' \
                 <<<"$err")" \
          "$(printf '%s\n' "${want[@]}" | sed 's/: HOW.*/: HOW/')" \
          "remarks of nbdvol $line -v"
  done
  rm out
  for verb in $(nbdvol help | sed -n 's/^  nbdvol \([a-z]*\).*/\1/p'); do
    case $verb in
      init | events | help | completion) ;;
      *) pass_if grep -q "^$verb " script ;;
    esac
  done
}

must nbdvol init data.pool 64M -v
equal "$err" 'nbdvol: init: data.pool: made, 64M'
must nbdvol init data.pool 64M --exist-ok -v
equal "$err" 'nbdvol: init: data.pool: exists already, nothing to do'
run HOW
must nbdvol events data.pool -v
matches "$err" '0 events shown$'

rm data.pool
must nbdvol init data.pool 64M
start_nbdkit server pool data.pool control="$sockdir/ctl"
run HOW
must nbdvol events data.pool -v
matches "$err" "asks pid $server_pid through $sockdir/ctl"$'\n'
matches "$err" 'nbdvol: events: data.pool: 1 event shown$'

# Nothing without -v, and with -q as well.
must nbdvol create data.pool quiet 1M
equal "$err" ''
must nbdvol create data.pool quiet2 1M -v -q
equal "$err" ''
# What failed is not said to be done.
must_fail 3 nbdvol rm data.pool quiet nothing quiet2 -v
equal "$(tail -n +2 <<<"$err")" "\
nbdvol: rm: data.pool: quiet: removed
nbdvol: rm: data.pool: nothing: no such volume; see \`nbdvol ls data.pool\`
nbdvol: rm: data.pool: quiet2: removed"
