#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What nbdvol makes of a server's answers: results and errors it knows, leaks
# that check reports, and answers that no server of ours gives: another
# version, no JSON, a line without end, silence, a connection that ends.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

cat >server.py <<'PYTHON'
import socket, sys, time
path, greeting, answers = sys.argv[1], sys.argv[2], sys.argv[3:]
s = socket.socket (socket.AF_UNIX)
s.bind (path)
s.listen (1)
c, _ = s.accept ()
c.sendall (b"{" if greeting == "SILENCE" else greeting.encode () + b"\n")
try:
    if answers:
        c.recv (100000)
    for a in answers:
        c.sendall (a.encode () + b"\n")
except OSError:
    pass
c.close ()
PYTHON

# answering CODE VERB GREETING ANSWER...
answering ()
{
  local code=$1 verb=$2 rc=0
  shift 2
  rm -f "$sockdir/s"
  /usr/bin/python3 server.py "$sockdir/s" "$@" &
  wait_until 20 test -S "$sockdir/s"
  # shellcheck disable=SC2086
  must_fail "$code" nbdvol $verb "unix:$sockdir/s" --wait=1s
  wait $!
}

hello='{"nbdvol-control":1,"pid":1,"colour":"red"}'
answering 8 check "$hello" '{"reply":{"clean":false,"errors":0,"leaks":3,'\
'"volumes":1,"snapshots":0,"blocks":9,'\
'"problems":[{"leak":true,"text":"block 7: nobody uses it"}]}}'
equal "$out" "leak: block 7: nobody uses it
unix:$sockdir/s: 0 errors, 3 leaked blocks: 1 volumes, 0 snapshots, 9 blocks"
answering 7 check "$hello" '{"reply":{"errors":1,"leaks":3,"problems":'\
'[{"leak":false,"text":"volume root: bad"}]}}'
matches "$out" '^error: volume root: bad'
# Unknown members and unknown messages are ignored.
answering 0 check "$hello" '{"news":1}' \
          '{"progress":{"done":1,"total":2,"x":1}}' \
          '{"reply":{"clean":true,"errors":0,"leaks":0,"problems":[],"x":[]}}'
answering 6 grow "$hello" '{"error":{"errno":"ENOSPC","text":"full"}}'
matches "$err" ': full$'
answering 1 grow "$hello" '{"error":{"errno":"ENEW","text":"something new"}}'
answering 1 grow "$hello" '{"error":{}}'
matches "$err" 'gave no reason'

answering 1 grow '{"nbdvol-control":2}'
matches "$err" 'not a control socket of version 1'
answering 1 grow 'SSH-2.0-OpenSSH_9.2'
matches "$err" 'not a JSON object'
answering 1 grow '[]'
answering 1 grow '{"error":{"errno":"EACCES",'\
'"text":"control: only root and uid 7 are answered"}}'
matches "$err" 'only root and uid 7 are answered$'
answering 1 grow "$hello" 'what?'
answering 1 grow "$hello" ''
answering 1 grow "$hello"
matches "$err" "server's connection is lost|whether it was done is not known"
answering 1 grow "$hello" '{"news":1}'
matches "$err" "whether it was done is not known"
# Half a greeting, then silence: not for longer than --wait.
answering 5 grow SILENCE never
matches "$err" 'no answer in time|not whole in time'
