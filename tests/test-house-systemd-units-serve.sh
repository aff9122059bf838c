#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The units in contrib/systemd: what the service starts, with the socket
# passed and the options of NAME.conf, makes and serves the pool NAME; the
# names and modes in them are those of the manual; no unknown setting, where
# systemd is there to tell.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

units=$srcdir/contrib/systemd
# setting UNIT KEY: its value, with continued lines joined.
setting ()
{
  sed -e ':a' -e '/\\$/N; s/\\\n *//; ta' "$units/nbdvol@.$1" |
    sed -n "s/^$2=//p"
}
equal "$(setting socket ListenStream)" /run/nbdvol/%i.nbd
equal "$(setting socket SocketMode)" 0660
equal "$(setting socket SocketGroup)" nbdvol
equal "$(setting service User):$(setting service Group)" nbdvol:nbdvol
equal "$(setting service EnvironmentFile)" -/etc/nbdvol/%i.conf
matches "$(setting service ExecStart)" 'file=/var/lib/nbdvol/%i\.pool '
matches "$(cat "$units/nbdvol-sysusers.conf")" $'\nu nbdvol '
for name in 'nbdvol@NAME.socket' 'nbdvol@NAME.service' /run/nbdvol/NAME.nbd \
            /etc/nbdvol/NAME.conf /var/lib/nbdvol/NAME.pool; do
  matches "$(cat "$srcdir/man/nbdkit-pool-plugin.pod")" "$name"
  matches "$(cat "$srcdir/README.md")" "$name"
done

# The same with directories of the test's own; words as systemd splits them.
mkdir "$sockdir/run" "$sockdir/run/data"
NBDKIT_OPTIONS=--threads=2
POOL_OPTIONS="create=16M discard=never"
command=$(setting service ExecStart |
  sed -e 's|^/usr/bin/nbdkit|nbdkit|' -e "s|/var/lib/nbdvol|$tmpdir|" \
      -e "s|/run/nbdvol|$sockdir/run|" -e 's|%i|data|g' \
      -e "s|\$NBDKIT_OPTIONS|$NBDKIT_OPTIONS -P $tmpdir/pid|" \
      -e "s|\$POOL_OPTIONS|$POOL_OPTIONS|")
socket=$(setting socket ListenStream |
           sed -e "s|/run/nbdvol|$sockdir/run|" -e 's|%i|data|')
# shellcheck disable=SC2086 # words
perl "$srcdir/contrib/listen-and-exec" "$socket" -- $command \
     </dev/null >"$tmpdir/log" 2>&1 &
server=$!
cleanup_fn "end_job $server"
wait_until 20 server_settled "$tmpdir/pid" "$server"
must nbd_do "nbd+unix:///root?socket=$socket" size write:0:1M:@1 flush
equal "$(head -n 1 <<<"$out")" $((16 << 20)) "size"
must nbdvol snapshot "$tmpdir/data.pool" root@s
pass_if test -S "$sockdir/run/data/control.sock"
kill "$server"
wait_until 20 server_gone "$server"

if command -v systemd-analyze >/dev/null; then
  # It also looks whether programs and manual pages are installed.
  mkdir "$tmpdir/units"
  cp "$units"/* "$tmpdir/units"
  sed -i -e '/^Documentation=/d' -e 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' \
      "$tmpdir"/units/*.s*
  must systemd-analyze verify "$tmpdir/units/nbdvol@data.service" \
       "$tmpdir/units/nbdvol@data.socket"
  equal "$err" "" "what systemd-analyze complains of"
fi
