#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What `nbdvol completion bash` prints makes bash complete verbs, options,
# files, and the names of volumes and snapshots.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

must nbdvol init data.pool 64M
must nbdvol create data.pool root 1M
must nbdvol create data.pool rest 1M
must nbdvol snapshot data.pool root@monday

nbdvol completion bash >script
must bash -n script
# shellcheck disable=SC1091
source ./script
equal "$(complete -p nbdvol)" 'complete -F _nbdvol nbdvol'

# completes 'LINE' WORD...  (the last word is completed)
completes ()
{
  COMP_LINE=$1
  COMP_POINT=${#1}
  COMPREPLY=()
  shift
  _nbdvol
  equal "${COMPREPLY[*]}" "$*" "completion of '$COMP_LINE'"
}

completes 'nbdvol sna' snapshot
completes 'nbdvol re' rename resize
completes 'nbdvol help exp' export
completes 'nbdvol completion ' bash
completes 'nbdvol info da' data.pool
completes 'nbdvol info data.pool ro' root root@monday
completes 'nbdvol rm -r data.pool rest roo' root root@monday
# Bash replaces only what stands behind the @.
completes 'nbdvol rollback data.pool root@mo' monday
completes 'nbdvol rm data.pool --mi' --missing-ok
# An option's value is no argument.
completes 'nbdvol ls -o name da' data.pool
completes 'nbdvol ls -Hpo name --wait 5s data.pool res' rest
completes 'nbdvol ls --wait=5s -Hp data.pool res' rest
completes 'nbdvol ls -o '
completes 'nbdvol create data.pool --re'
completes 'nbdvol init data.pool --bl' --block-size=
completes 'nbdvol import data.pool new sc' script
completes 'nbdvol ls no.pool ro'

# Every verb is there.
for verb in $(nbdvol help | sed -n 's/^  nbdvol \([a-z]*\).*/\1/p'); do
  completes "nbdvol $verb" "$verb"
done
