#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ls and info print tables for people and, with -H -p -o -s or --json, for
# programs.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

json ()
{
  /usr/bin/python3 -c "import json, sys
j = json.load (sys.stdin)
print ($1)"
}

must nbdvol init data.pool 64M
must nbdvol ls data.pool
equal "$out" 'NAME  TYPE  SIZE  USED  ORIGIN  CREATED'
must nbdvol ls -H data.pool
equal "$out" ''
must nbdvol ls --json data.pool
equal "$out" '{"volumes":[]}'

head -c 1572864 /dev/urandom >image
must nbdvol import data.pool root image
must nbdvol create data.pool a-long-name 3T
must nbdvol snapshot data.pool root@x
must nbdvol clone data.pool root@x b
must nbdvol ls data.pool
time='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z'
equal "$(sed -E "s/$time/TIME/" <<<"$out")" "\
NAME         TYPE      SIZE  USED  ORIGIN  CREATED
a-long-name  volume      3T     0  -       TIME
b            volume    1.5M  1.5M  root@x  TIME
root         volume    1.5M  1.5M  -       TIME
root@x       snapshot  1.5M  1.5M  -       TIME"
must nbdvol ls -H data.pool -o name,type,size
equal "$(tr '\t' ' ' <<<"$out")" "\
a-long-name volume 3T
b volume 1.5M
root volume 1.5M
root@x snapshot 1.5M"
must nbdvol ls -Hp data.pool -o size,name -s size
equal "$(tr '\t' ' ' <<<"$out")" "\
1572864 b
1572864 root
1572864 root@x
3298534883328 a-long-name"
must nbdvol ls -H data.pool -o name -s type
equal "$out" $'root@x\na-long-name\nb\nroot'
# In the order given, and as often.
must nbdvol ls -H data.pool root b root -o name
equal "$out" $'root\nb\nroot'
# exclusive is computed only if it is asked for.
must nbdvol ls -Hp data.pool -o name,exclusive root a-long-name
equal "$out" $'root\t0\na-long-name\t0'
must nbdvol rm data.pool b root@x
must nbdvol ls -Hp data.pool -o exclusive root
between "$out" 1572864 1650000 "exclusive bytes"
must nbdvol ls --json data.pool
equal "$(json 'j["volumes"][1]["exclusive"]' <<<"$out")" None
equal "$(json '[v["name"] for v in j["volumes"]]' <<<"$out")" \
      "['a-long-name', 'root']"
equal "$(json 'j["volumes"][0]["size"]' <<<"$out")" 3298534883328
matches "$(json 'j["volumes"][0]["created"]' <<<"$out")" "^$time\$"

must nbdvol info data.pool
matches "$out" $'(^|\n)state +ok\n'
matches "$out" $'\ncapacity +64M\n'
matches "$out" $'\nlast-error +-\n'
matches "$out" $'\nowner +-\n'
must nbdvol info data.pool -H -p -o state,capacity,volumes,snapshots
equal "$out" $'ok\t67108864\t2\t0'
must nbdvol info data.pool -o state
equal "$out" $'STATE\nok'
must nbdvol info data.pool -H
matches "$out" $'\nblock-size\t4K\n'
must nbdvol info --json data.pool
equal "$(json 'j["pool"]["state"], j["pool"]["last-error-time"]' <<<"$out")" \
      "ok None"
must nbdvol info data.pool root -Hpo used
equal "$out" 1572864
must nbdvol info data.pool root -p
matches "$out" $'\nused +1572864\n'
must nbdvol create data.pool new 1M --json
made=$(json 'j["changed"], j["volume"]["name"], j["volume"]["size"]' <<<"$out")
equal "$made" \
      "True new 1048576"

# Nothing on stdout where nothing was asked for; colours never.
must nbdvol create data.pool newer 1M
equal "$out$err" ''
must nbdvol create data.pool newer 1M --exist-ok -v
equal "$out" ''
matches "$err" 'nothing to do'
# A reader that has seen enough is no error message.
nbdvol ls data.pool 2>head.err | head -n 1 >/dev/null || :
equal "$(cat head.err)" ''
must_fail 1 bash -c 'nbdvol ls data.pool >/dev/full'
matches "$err" 'standard output: No space left on device'
