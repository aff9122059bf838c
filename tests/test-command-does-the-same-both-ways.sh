#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every verb does and prints the same on a pool that is served, through its
# control socket, and on one that is not: exit code, stdout, stderr, and what
# the pool holds afterwards.  Left out is only what exists while serving
# (connections, owner, events, counters) or differs from pool to pool (uuid,
# times, and generation and the bytes below, which count commits).
set -e
source "$(dirname "$0")/lib/functions.sh"

# The lines are run by `eval` in two directories; @PROG is nbdvol.
cat >"$tmpdir/script" <<'LINES'
create data.pool root 50M
create data.pool root 50M
create data.pool root 50M --exist-ok --json
create data.pool big 5P
create data.pool huge 4P -v
create data.pool 'bad name' 1M
import data.pool boot boot.img
import data.pool boot boot.img
import data.pool toobig toobig.img
import data.pool pipe - <boot.img
import data.pool pipe2 - --json < <(cat boot.img)
import data.pool none /nonexistent
import data.pool huge2 sparse.img --progress=always -q
ls data.pool
ls data.pool -H -p
ls data.pool root nothing
ls data.pool boot root -H -o name,size,used,exclusive,origin -s used
ls data.pool --json
snapshot data.pool root@a boot@a
snapshot data.pool root@a
snapshot data.pool root@a root@b --exist-ok --json
snapshot data.pool root@a root@b --exist-ok -v
snapshot data.pool root@c nothing@c
snapshot data.pool root@c root@a
clone data.pool boot@a copy --json
clone data.pool boot@a copy
clone data.pool boot@a copy --exist-ok
clone data.pool copy copy2
clone data.pool nothing copy3
resize data.pool copy 1M
resize data.pool copy 1M --shrink --json
resize data.pool copy 10M
resize data.pool copy 10M -v
resize data.pool nothing 10M
rollback data.pool boot@a
rollback data.pool boot@b
rename data.pool copy renamed --json
rename data.pool copy again
rename data.pool renamed root
rename data.pool root@b root@bb
rename data.pool root base
rename data.pool base@a root@a
info data.pool boot -p
info data.pool boot@a --json
info data.pool nothing
info data.pool nothing --json
info data.pool -H -p -o usable,percent,threshold
info data.pool -H -p -o name,state,capacity,block-size,volumes,snapshots,maximum
export data.pool boot@a boot.out
export data.pool boot@a boot.out
export data.pool boot@a boot.out --force --json
export data.pool boot - >boot.pipe
export data.pool nothing nothing.out
export data.pool huge2 sparse.out --progress=always
export data.pool base@a /nonexistent/out
rm data.pool base
rm data.pool nothing base base@bb base@zz --json
rm data.pool nothing base base@bb base@zz
rm data.pool nothing --missing-ok
rm data.pool -r base nothing --missing-ok --json
rm data.pool huge
grow data.pool 96M --json
grow data.pool 96M -v
grow data.pool 32M
check data.pool -q
check data.pool
scrub data.pool
scrub data.pool --json --rate=1G
scrub data.pool --rate=1G -v -q
scrub data.pool --rate=0
scrub data.pool --rate=fast
scrub data.pool --rate=1M --stop
scrub data.pool --stop --json
scrub data.pool --stop -v
scrub data.pool root
init data.pool 64M
init data.pool 64M --exist-ok -v
ls data.pool -H -p -o name,type,size,used,exclusive,origin
LINES
make_directory ()
{
  mkdir "$tmpdir/$1"
  cd "$tmpdir/$1"
  cp "$tmpdir/boot.img" .
  truncate -s 300M sparse.img
  dd if=boot.img of=sparse.img bs=1M seek=200 conv=notrunc status=none
  ln -s "$tmpdir/toobig.img" .
  must nbdvol init data.pool 64M
}

reclaimed () { [ "$(nbdvol info data.pool -Hpo reclaiming)" = 0 ]; }

# Times, numbers and identities of the pool, which cannot be equal.
normalise ()
{
  sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/TIME/g
          s/"uuid":"[^"]*"/"uuid":U/; s/"generation":[0-9]+/"generation":N/
          s/"connections":[0-9]+/"connections":N/
          s/"id":[0-9]+/"id":N/; s/^id .*/id/
          s/^connections .*/connections/; s/[0-9]+ blocks$/N blocks/
          s/"bytes":[0-9]+,"found"/"bytes":N,"found"/
          s/[0-9.]+M verified$/N verified/
          s/"(counters|latency)":(null|\{[^}]*\})/"\1":C/g
          s/^(reads|writes|flushes|trims|zeroes|bytes-read) .*/\1/
          s/^(bytes-written|errors|[a-z]*-latency) .*/\1/'
}

run_script ()
{
  local line rc
  while read -r line; do
    rc=0
    eval "timeout 60 nbdvol $line" >one.out 2>one.err </dev/null || rc=$?
    {
      echo "+ $line"
      echo "= $rc"
      normalise <one.out
      grep -vE 'asks pid|opened here|: [0-9]+%$' one.err | normalise || :
    } >>transcript
    wait_until 30 reclaimed
  done <"$tmpdir/script"
}

head -c 5000000 /dev/urandom >"$tmpdir/boot.img"
head -c 70M /dev/urandom >"$tmpdir/toobig.img"

make_directory alone
run_script
make_directory served
start_nbdkit server pool "$PWD/data.pool" control="$sockdir/ctl"
run_script

cat "$tmpdir/served/transcript"
must diff -u "$tmpdir/alone/transcript" "$tmpdir/served/transcript"
for f in boot.out boot.pipe sparse.out; do
  must cmp "$tmpdir/alone/$f" "$tmpdir/served/$f"
done
must cmp boot.img boot.out
must cmp boot.img boot.pipe
must cmp sparse.img sparse.out
stop_nbdkit server
must nbdvol check data.pool
# What is left is the same, byte for byte.
for name in $(nbdvol ls data.pool -H -o name); do
  nbdvol export data.pool "$name" - | sha256sum >"$tmpdir/sum.served"
  (cd "$tmpdir/alone" && nbdvol export data.pool "$name" -) | sha256sum |
    must cmp - "$tmpdir/sum.served"
done

# Every verb is in the script, or is one that needs no pool or a server.
for verb in $(nbdvol help | sed -n 's/^  nbdvol \([a-z]*\).*/\1/p'); do
  case $verb in
    help | completion | events) ;;
    *) pass_if grep -q "^$verb " "$tmpdir/script" ;;
  esac
done

# events: nothing without a server; while serving, what happened.
must nbdvol events data.pool
equal "$out" ''
must nbdvol events data.pool --follow
equal "$out" ''
must nbdvol events data.pool --json
equal "$out" '{"events":[]}'
start_nbdkit server pool "$PWD/data.pool" control="$sockdir/ctl"
must nbdvol events data.pool
matches "$out" '^[0-9-]+T[0-9:]+Z  opened: '
must nbdvol info data.pool
matches "$out" "owner .*$(uname -n).*$server_pid"

# info: what is counted while serving is null without a server, and each member
# that the manual names is there.
need_command python3
members ()
{
  python3 -c 'import json, sys
j = json.load(sys.stdin)
o = j.get("volume", j.get("pool"))
def show (x):
  if isinstance (x, dict): return "{" + " ".join (sorted (x)) + "}"
  return "null" if x is None else "[%d]" % len (x) if isinstance (x, list) \
    else str (x)
for m in sys.argv[1:]:
  x = o
  for k in m.split ("."): x = x[k]
  print (show (x))' "$@" <<<"$out" | tr '\n' ' '
}

boot_uri="nbd+unix:///boot?socket=$server_sock"
must "$builddir/tests/tools/nbd-do" "$boot_uri" write:0:64K:@1 read:0:64K:@1 \
     read:0:4K:@1 trim:4K:4K zero:8K:4K flush
must nbdvol info data.pool boot --json
equal "$(members counters latency latency.read latency.write latency.flush)" \
      "{bytes-read bytes-written errors flushes reads trims writes zeroes} \
{flush read write} [26] [26] [26] "
equal "$(members counters.reads counters.writes counters.flushes \
                 counters.trims counters.zeroes counters.bytes-read \
                 counters.bytes-written counters.errors)" \
      "2 1 1 1 1 69632 65536 0 "
must nbdvol info data.pool boot
matches "$out" $'\nreads +2\nwrites +1\nflushes +1\ntrims +1\nzeroes +1\n'
matches "$out" $'\nbytes-read +68K\nbytes-written +64K\nerrors +0\n'
bound='>?[0-9.]+(us|ms|s)'
for what in read write flush; do
  matches "$out" "${what}-latency +p50 $bound, p99 $bound, p99.9 $bound"
done
must nbdvol info data.pool boot -Ho errors,reads,flush-latency
matches "$out" $'^0\t2\tp50 '
must_fail 2 nbdvol ls data.pool -o reads
must nbdvol info data.pool --json
equal "$(members counters crossed)" \
      "{bytes-read bytes-written checkpoints checksum-errors commits errors \
flushes metadata-bytes reads space-waits syncs trims writes zeroes} \
{80 90 95 99} "
equal "$(members counters.reads counters.flushes threshold)" "2 1 0 "
stop_nbdkit server
must nbdvol info data.pool --json
equal "$(members counters crossed)" "null null "
must nbdvol info data.pool boot --json
equal "$(members counters latency)" "null null "
must nbdvol info data.pool boot
matches "$out" $'\nreads +-\n'
matches "$out" $'\nread-latency +-\n'
