#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Three failures under a daemonised server: a failing fdatasync, a full disk
# below the pool, a corrupt data block.  `nbdvol info` and one line of syslog
# each name the object, the cause and what to do; both are shown as they are.
set -e
source "$(dirname "$0")/functions.sh"
source "$(dirname "$0")/../tests/lib/functions.sh"
source "$(dirname "$0")/../tests/lib/plugin.sh"

# Where no syslog runs, one that only appends to a file.
syslog_file=$tmpdir/syslog
: >"$syslog_file"
if [ ! -e /dev/log ]; then
  /usr/bin/python3 - "$syslog_file" <<'END' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/dev/log")
with open(sys.argv[1], "ab", buffering=0) as f:
    while True:
        f.write(s.recv(65536).rstrip(b"\0\n") + b"\n")
END
  syslogd=$!
  cleanup_fn "end_job $syslogd; rm -f /dev/log"
  wait_until 10 test -S /dev/log
  read_syslog ()
  {
    cat "$syslog_file"
  }
else
  since=$(date '+%Y-%m-%d %H:%M:%S')
  read_syslog ()
  {
    journalctl -q --since "$since" -t nbdkit 2>/dev/null ||
      tail -n 200 /var/log/syslog
  }
fi

logged ()
{
  read_syslog | grep -aF "nbdvol: $pool: " | grep -aE -- "$1" || true
}
# logged_once NAME OBJECT CAUSE REMEDY: regular expressions.
logged_once ()
{
  local name=$1 lines
  has_line ()
  {
    [ -n "$(logged "$2")" ]
  }
  wait_until 10 has_line "$name" "$3"
  lines=$(logged "$3")
  echo "syslog:"
  echo "$lines"
  figure_line "$name: lines of log" "$(wc -l <<<"$lines")" == 1
  line "$name: the line names object, cause, remedy" "as shown" "all three" \
       grep -E "($2).*($3).*($4)" <<<"$lines"
}
# info_says NAME STATE OBJECT CAUSE REMEDY: the last error is one line, which
# names the object itself where that is a volume; the pool is the line "name".
info_says ()
{
  local state error
  echo "nbdvol info $pool:"
  nbdvol info "$pool" | tee "$tmpdir/info"
  state=$(sed -n 's/^state  *//p' "$tmpdir/info")
  error=$(sed -n 's/^last-error  *//p' "$tmpdir/info")
  line "$1: nbdvol info, state" "$state" "$2" test "$state" = "$2"
  line "$1: nbdvol info names the object" "as shown" "$3" \
       grep -E "^(name|last-error) +.*($3)" "$tmpdir/info"
  line "$1: nbdvol info, last error: cause and remedy" "as shown" "both" \
       grep -E "($4).*($5)" <<<"$error"
  line "$1: nbdvol info, time of the last error" \
       "$(sed -n 's/^last-error-time  *//p' "$tmpdir/info")" "just now" \
       just_now "$(sed -n 's/^last-error-time  *//p' "$tmpdir/info")"
}
just_now ()
{
  local age
  age=$(($(date +%s) - $(date -d "$1" +%s)))
  [ $age -ge 0 ] && [ $age -le 120 ]
}
end_daemon ()
{
  kill "$s_pid" 2>/dev/null || true
  wait_until 60 server_gone "$s_pid"
  s_pid=
}

echo "== a failing fdatasync"
start_nbdkit_daemon s pool-under-test create=16M control="$sockdir/s.ctl" \
  file="faulty(file:$pool,flush=1,armed=$tmpdir/now)"
pool_file=$pool
pool="faulty(file:$pool,flush=1,armed=$tmpdir/now)"
must nbd_do "$(uri s root)" write:0:1M:@1 flush
: >"$tmpdir/now"
# The pool may flush by itself before this client does.
nbd_do "$(uri s root)" write:0:1M:@2 || true
must nbd_do "$(uri s root)" 'EIO!flush' 'EIO!write:0:4K:1'
logged_once "failed flush" "$pool_file" 'poisoned: .*flush' ';'
pool_text=$pool
pool="unix:$sockdir/s.ctl"
info_says "failed flush" poisoned "$pool_file" 'poisoned: .*flush' \
          '; .*mend the backing, then open the pool again'
pool=$pool_text
end_daemon
pool=$pool_file

echo "== a full disk below the pool"
if [ "$(id -u)" -eq 0 ]; then
  mkdir "$tmpdir/host"
  mount -t tmpfs -o size=24M tmpfs "$tmpdir/host"
  cleanup_fn "umount '$tmpdir/host'"
  pool=$tmpdir/host/data.pool
  start_nbdkit_daemon s pool "$pool" create=128M control="$sockdir/s.ctl"
  cleanup_fn end_daemon
  mib=0
  while nbd_do "$(uri s root)" "write:${mib}M:1M:@$mib" flush 2>/dev/null; do
    mib=$((mib + 1))
  done
  must nbd_do "$(uri s root)" 'ENOSPC!write:64M:1M:1' 'ENOSPC!write:64M:4M:1'
  logged_once "full disk" "$pool" 'full: .*(below|file system|device)' ';'
  info_says "full disk" full "$pool" 'full: .*(below|file system|device)' \
            '; free some there'
  end_daemon
else
  line "full disk" "not root" "a mount of its own" false
fi

echo "== a corrupt data block"
pool=$tmpdir/third.pool
start_nbdkit_daemon s pool "$pool" create=16M control="$sockdir/s.ctl"
must nbd_do "$(uri s root)" write:1M:64K:0x5a flush
end_daemon
perl -0777 -pi -e 's/(Z{4096})/"Y" . substr($1, 1)/e' "$pool"
start_nbdkit_daemon s pool "$pool" control="$sockdir/s.ctl"
for _ in 1 2 3; do
  must nbd_do "$(uri s root)" 'EIO!read:1M:64K:0x5a' read:2M:64K:0
done
logged_once "corrupt block" 'volume root' 'checksum' ';'
info_says "corrupt block" damaged 'volume root' checksum '; restore it'
end_daemon
