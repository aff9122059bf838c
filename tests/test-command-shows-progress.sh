#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Progress is on stderr: a bar on a terminal, a line for each percent with
# --progress=always, nothing in a pipe, with -q or with --progress=never.
# Who asks for it with --progress=always gets it, with -q as well.  It is the
# same without a server and through one.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

# on_terminal OUTPUT COMMAND...: stderr of COMMAND, which is a terminal.
on_terminal ()
{
  /usr/bin/python3 - "$@" <<'PYTHON'
import os, pty, subprocess, sys
master, slave = pty.openpty ()
p = subprocess.Popen (sys.argv[2:], stderr=slave, stdin=subprocess.DEVNULL)
os.close (slave)
data = b""
while True:
    try:
        more = os.read (master, 65536)
    except OSError:
        break
    if not more:
        break
    data += more
open (sys.argv[1], "wb").write (data)
sys.exit (p.wait ())
PYTHON
}

head -c 40M /dev/urandom >image
must nbdvol init data.pool 128M

shows_progress ()
{
  must on_terminal bar nbdvol import data.pool a image
  pass_if grep -q 'import:  *[0-9]*% \[#* *\] [0-9.]*[KM] of 40M' bar
  # The bar is gone at the end.
  matches "$(tr '\r' '\n' <bar | tail -n 1)" '^ +$'
  must on_terminal bar nbdvol export -q data.pool a out
  equal "$(cat bar)" ''
  must on_terminal bar nbdvol export --progress=never --force data.pool a out
  equal "$(cat bar)" ''
  must nbdvol export --force data.pool a out
  equal "$err" ''
  must nbdvol export --force data.pool a out --progress=always
  matches "$err" '^nbdvol: export: [0-9]+%'
  matches "$err" ' 100%$'
  must nbdvol export --force data.pool a out --progress=always -q
  matches "$err" '^nbdvol: export: [0-9]+%'
  # Percents rise.
  equal "$(grep -o '[0-9]*%' <<<"$err" | tr -d %)" \
        "$(grep -o '[0-9]*%' <<<"$err" | tr -d % | sort -nu)"
  must nbdvol check data.pool --progress=always
  must nbdvol rm data.pool a
  rm out
}

shows_progress
start_nbdkit server pool data.pool control="$sockdir/ctl"
shows_progress
