#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Whatever the pool's file is called, the URI and the commands that ./setup
# serve prints work as they stand, from any directory; options may stand
# before and after the file.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/setup.sh"
need_command nbdinfo

mkdir "a dir" elsewhere
said_works ()
{
  must nbdinfo --size "$uri"
  equal "$out" $((16 << 20)) "size"
  while IFS= read -r line; do
    must bash -c "cd elsewhere && $line"
  done < <(commands_said)
  matches "$out" 'root@first'
  pass_if test -z "$(ls elsewhere)"
}

# In each a name of this run, or two at a time would meet in one directory.
for name in "a b$$.pool" "a dir/it's \$HOME; \`$$\` %41&#?.pool" "ü$$" \
            ".$$" "mem:16M$$" "$(printf 'x%.0s' {1..120})$$"; do
  pass_if setup_serve "$name" 16M
  pass_if test -s "$name"
  said_works

  # Refused, and without harm to the one that is served.
  first=$setup first_uri=$uri
  if setup_serve "$name"; then
    fail "a pool was served twice"
  fi
  must nbdinfo --size "$first_uri"
  setup=$first
  setup_ends 0 INT
done

for try in 1 2 3 4 5; do
  if setup_serve "b$$.pool" "--tcp=$(free_port)" 16M; then
    break
  fi
  [ $try -lt 5 ] || fail "no port"
done
matches "$(cat message)" 'Also served: nbd://127.0.0.1:'
said_works
setup_ends 0 INT

# After -- there are no options.
pass_if setup_serve -- "--tcp$$" 16M
pass_if test -s "./--tcp$$"
said_works
setup_ends 0 INT
