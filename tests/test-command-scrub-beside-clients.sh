#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# scrub of a pool that nbdkit serves, while a client writes: it runs to its
# end, the client sees no error, and the pool is well after it.  Meanwhile
# info says how far it is, a second one is refused with one line, and --stop
# and signals end it, soon.  Rot is named and ends it with 7, what the server
# has a copy of is repaired and ends it with 0; a server that only reads
# repairs nothing.  Without a server a pool that cannot be opened for writing
# is read all the same.
# shellcheck disable=SC2016
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
cd "$tmpdir"

export XDG_RUNTIME_DIR=$sockdir
must nbdvol init data.pool 128M
head -c 8M /dev/urandom >image
must nbdvol import data.pool root image
must nbdvol snapshot data.pool root@a
must nbdvol create data.pool busy 16M
serve s

# ---- a client that writes all the while
cat >client.sh <<'CLIENT'
i=0
until [ -e enough ]; do
  i=$((i + 1))
  "$1" "$2" "scatter:40:300K:@$i" flush "gather:40:300K:@$i" || exit 1
  echo "$i" >rounds
done
CLIENT
bash client.sh "$nbd_do" "$(uri s busy)" >client.log 2>&1 &
client=$!
cleanup_fn 'touch enough; end_job "$client"'
rounds () { cat rounds 2>/dev/null || echo 0; }
goes_on () { [ "$(rounds)" -gt $(($1 + 2)) ]; }
wait_until 60 goes_on 0

must nbdvol scrub data.pool --rate=1G --json
matches "$out" '^\{"clean":true,"bytes":[0-9]+,"found":0,"repaired":0,'\
'"ranges":0,"damage":\[\]\}$'
between "$(grep -o '"bytes":[0-9]*' <<<"$out" | cut -d: -f2)" $((8 << 20)) \
        $((128 << 20)) "bytes verified"
must nbdvol info data.pool -Ho scrub
matches "$out" '^done [0-9TZ:-]+: 100% \([0-9.]+M of [0-9.]+M\), 0 damaged, '\
'0 repaired$'
must nbdvol info data.pool --json
matches "$out" '"scrub":\{"state":"done","started":"[0-9TZ:-]+",'\
'"ended":"[0-9TZ:-]+","rate":1073741824,"done":[0-9]+,"total":[0-9]+,'\
'"percent":100,"found":0,"repaired":0\}'

# ---- one that takes long, and what is said and done meanwhile
# start OPTION...: a scrub that would take hours, as $job.  A job of a script
# ignores SIGINT, so that is set back first.
start ()
{
  /usr/bin/python3 -c 'import os, signal, sys
signal.signal (signal.SIGINT, signal.SIG_DFL)
os.execvp (sys.argv[1], sys.argv[1:])' "$builddir/command/nbdvol" scrub \
    data.pool --rate=1K "$@" >job.out 2>job.err &
  job=$!
  cleanup_fn "end_job $job"
  wait_until 20 scrub_is running
}
scrub_is () { [[ $(nbdvol info data.pool -Ho scrub) == $1* ]]; }
ends ()
{
  local rc=0
  wait "$job" || rc=$?
  equal "$rc" "$1" "exit code of the scrub"
  matches "$(cat job.err)" "$2"
  equal "$(wc -l <job.err)" 1 "lines of its message"
  equal "$(cat job.out)" ''
  wait_until 20 scrub_is stopped
}

start
must nbdvol info data.pool -Ho scrub
matches "$out" '^running: [0-9]+% \([0-9.]+[KM]? of [0-9.]+M\), 0 damaged, '\
'0 repaired$'
must nbdvol info data.pool --json
matches "$out" '"scrub":\{"state":"running","started":"[^"]+","ended":null,'\
'"rate":1024,'
before=$(rounds)
must_fail 1 nbdvol scrub data.pool
equal "$err" 'nbdvol: scrub: data.pool: a scrub is running already; wait, or '\
'end it with `nbdvol scrub --stop`'
must_fail 1 nbdvol scrub data.pool --json
matches "$out" '^\{"error":\{"code":1,"errno":"EBUSY",'
wait_until 60 goes_on "$before"
must nbdvol snapshot data.pool root@b
must nbdvol rm data.pool root@b
must nbdvol scrub data.pool --stop -v
matches "$err" ': stopped$'
ends 1 '^nbdvol: scrub: data\.pool: ended by `nbdvol scrub --stop`$'
must nbdvol scrub data.pool --stop --json
equal "$out" '{"stopped":false}'
for sig in INT TERM; do
  start --progress=never
  kill -$sig "$job"
  ends $((128 + $(kill -l $sig))) '^nbdvol: scrub: data\.pool: interrupted$'
done
# It belongs to its command, whatever becomes of that.
start
kill -KILL "$job"
wait_until 20 scrub_is stopped

touch enough
wait "$client" || { cat client.log >&2; fail "the client"; }
passed

# ---- damage while it is served
place=$(/usr/bin/python3 -c 'print (open ("data.pool", "rb").read ().find (
  open ("image", "rb").read ()[40960:45056]) // 4096)')
cp --sparse=always data.pool before.pool
printf XX | dd of=data.pool bs=4096 seek="$place" conv=notrunc status=none
must_fail 7 nbdvol scrub data.pool --rate=1G
equal "$(head -n 2 <<<"$out")" \
      "damaged: root: bytes 40960..45055: data at block $place: checksum error
damaged: root@a: bytes 40960..45055: data at block $place: checksum error"
matches "$out" 'data\.pool: 1 damaged, 0 repaired: [0-9.]+M verified$'
must_fail 7 nbdvol scrub data.pool --rate=1G --json -q
matches "$out" "\"found\":1,\"repaired\":0,\"ranges\":[0-9],\
\"damage\":\[\{\"volume\":\"root\",\
\"what\":\"data\",\"why\":\"checksum error\",\"offset\":40960,\"length\":4096,\
\"block\":$place,\"repaired\":false\},"
must nbdvol events data.pool
matches "$out" "volume root: checksum error in bytes 40960..45055 \
\(block $place of the pool\)"
must nbdvol info data.pool -Ho state
equal "$out" damaged
# Written anew, it is well.
must nbdvol rm data.pool root@a
must nbd_do "$(uri s root)" write:40960:4096:1 flush
printf XX | dd of=data.pool bs=65536 seek=1 conv=notrunc status=none
must nbdvol scrub data.pool --rate=1G
equal "$(head -n 1 <<<"$out")" \
      'repaired: superblock slot B at block 16: checksum error'
matches "$out" 'data\.pool: 1 damaged, 1 repaired'
must nbdvol scrub data.pool --rate=1G -q
equal "$out" ''
# It is said at once, and not only at the end.
printf XX | dd of=data.pool bs=65536 seek=1 conv=notrunc status=none
start
wait_until 20 grep -qx 'repaired: superblock slot B at block 16: .*' job.out
pass_if scrub_is running
kill -TERM "$job"
rc=0
wait "$job" || rc=$?
equal "$rc" 143
stop_nbdkit s
must nbdvol check data.pool

# ---- a server that only reads
cp --sparse=always before.pool data.pool
printf XX | dd of=data.pool bs=4096 seek="$place" conv=notrunc status=none
printf XX | dd of=data.pool bs=65536 seek=1 conv=notrunc status=none
before=$(sha256sum <data.pool)
start_nbdkit r pool data.pool readonly=true
must_fail 7 nbdvol scrub data.pool --rate=1G --wait=100ms
matches "$out" "damaged: superblock slot B at block 16: checksum error"
matches "$out" "damaged: root: bytes 40960..45055: "
# It was the server that did it.
wait_until 20 scrub_is 'done '
stop_nbdkit r
equal "$(sha256sum <data.pool)" "$before" "a pool that was only read"

# ---- no server, and a page of the pool's own trees is gone
cp --sparse=always before.pool data.pool
must nbdvol scrub data.pool
page=$(/usr/bin/python3 -c 'import struct
data = open ("data.pool", "rb").read ()
newest = max (data[:512], data[65536:66048],
              key=lambda s: struct.unpack_from ("<Q", s, 112)[0])
print (struct.unpack_from ("<Q", newest, 240)[0] & (1 << 40) - 1)')
printf XX | dd of=data.pool bs=4096 seek="$page" conv=notrunc status=none
must_fail 7 nbdvol create data.pool new 1M
must_fail 7 nbdvol scrub data.pool
equal "$(head -n 1 <<<"$out")" \
      "damaged: backed tree at block $page: checksum error"
matches "$out" 'data\.pool: 1 damaged, 0 repaired: [0-9.]+M verified'
must_fail 7 nbdvol scrub image
equal "$(wc -l <<<"$err")" 1 "lines of the message"
must_fail 3 nbdvol scrub missing.pool
must_fail 2 nbdvol scrub data.pool --rate=-1
must_fail 2 nbdvol scrub data.pool --rate=0
matches "$err" "^nbdvol: scrub: data.pool: --rate: is zero: '0'; see "
