#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fill-command= is run once for each threshold, with the pool's absolute path
# and the percent, also when the pool is opened above one and by a server that
# has become a daemon.  It has no file of the server's, no signal blocked or
# ignored, and no shell sees the names.  What cannot be run is refused with
# one line while nbdkit is configuring.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

# A name that a shell would make something of.
pool="$tmpdir/da ta;\$(touch pwned).pool"
command="$tmpdir/on fill"
cat >"$command" <<'EOF_COMMAND'
#!/usr/bin/env bash
here=$(dirname "$0")
{
  ls -l /proc/self/fd
  echo "stdin:$(head -c 1 | wc -c)"
  grep -E '^Sig(Blk|Ign)' /proc/self/status
} >"$here/child.$2"
printf '%s|' "$@" >>"$here/calls"
echo >>"$here/calls"
EOF_COMMAND
chmod +x "$command"
calls=$tmpdir/calls
: >"$calls"

called () { [ "$(wc -l <"$calls")" -ge "$1" ]; }
percent () { nbdvol info "$pool" -Hpo percent; }
wait_called ()
{
  wait_until 30 called "$1"
  equal "$(sed -n "$1p" "$calls")" "$pool|$2|" "call $1"
}

# Commands come one after another: the last one's call says that there was
# none before it.
exec 9<"$command"               # the server's, from whoever started it
serve s create=64M pool-size=32M fill-command="$command"
exec 9<&-
equal "$(percent)" 0
must nbd_do "$s_uri" write:0:22M:@1 flush
equal "$(wc -l <"$calls")" 0 "calls below 80 %"
must nbd_do "$s_uri" write:22M:3M:@1
between "$(percent)" 80 89
wait_called 1 80
must nbd_do "$s_uri" write:0:25M:@2 trim:24M:512K write:24M:512K:@1
must nbd_do "$s_uri" trim:20M:5M flush
between "$(percent)" 50 77
must nbd_do "$s_uri" write:20M:5M:@3
wait_called 2 80
must nbd_do "$s_uri" write:25M:4M:@3
between "$(percent)" 95 98
wait_called 3 95
equal "$(wc -l <"$calls")" 3 "calls"

# What is said of it.
log=$(cat "$s_log")
equal "$(grep -c "error: nbdvol: $pool: 80% full: of .* are taken; remove" \
              "$s_log")" 2 "lines about 80 %"
equal "$(grep -c "^nbdvol: $pool: no longer 80% full: " "$s_log")" 1
lacks "$log" '90% full'
lacks "$log" ': fill-command'
must nbdvol events "$pool" --json
equal "$(python3 -c 'import json, sys
for e in json.load(sys.stdin)["events"]:
  if "fill" in e["kind"]: print(e["kind"], e["percent"], end=" ")' <<<"$out")" \
      "filling 80 not-filling 80 filling 80 filling 95 "
must nbdvol info "$pool" -Hpo threshold,crossed
equal "$out" $'95\t80:2 90:1 95:1 99:0'

# What it began with: three files, and its own for listing.
child=$(cat "$tmpdir/child.80")
matches "$child" ' 0 -> /dev/null'
matches "$child" ' 2 -> '"$s_log"
lacks "$child" 'data.*pool|socket:|ctl'
equal "$(grep -c ' -> ' <<<"$child")" 4 "files of the child"
matches "$child" 'stdin:0'
matches "$child" $'\nSigBlk:\t0*\n'
# Of those below 29; glibc keeps 32 and 33 to itself.
matches "$child" $'\nSigIgn:\t[0-9a-f]*0000000$'

# Opened above a threshold.
stop_nbdkit s
cd "$tmpdir"
start_nbdkit_daemon t pool "$(basename "$pool")" control="$sockdir/t.ctl" \
                    fill-command="on fill"
wait_called 4 95
stop_nbdkit t
equal "$(wc -l <"$calls")" 4 "calls"
pass_if test ! -e pwned

start_fails "^nbdkit: error: pool: fill-command=$tmpdir/none: No such file" \
            "$pool" fill-command=none
start_fails '^nbdkit: error: pool: fill-command=/etc/passwd: not a program' \
            "$pool" fill-command=/etc/passwd
start_fails "^nbdkit: error: pool: fill-command=/usr: not a program" \
            "$pool" fill-command=/usr
start_fails '^nbdkit: error: pool: fill-command=: empty' "$pool" fill-command=
start_fails 'fill-command= is given twice' "$pool" fill-command="on fill" \
            fill-command="on fill"
start_fails 'fill-command= and readonly= exclude each other' "$pool" \
            fill-command="on fill" readonly=true
