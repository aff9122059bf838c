#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# While a pool is served its last 100 events can be read, oldest first; the
# ones before them have gone, and the log has had them all.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

# events: "NUMBER KIND" of each.
events ()
{
  nbdvol events --json "unix:$sockdir/s.ctl" | tr '{' '\n' |
    sed -n 's/.*"kind":"\([a-z-]*\)".*/\1 &/p' |
    sed -n 's/^\([a-z-]*\) .*"number":\([0-9]*\).*/\2 \1/p'
}

serve s create=64M pool-size=16M
equal "$(events)" "1 opened"

# Full and no longer full, and 99 % and no longer: four events each time.
mib=0
while nbd_do "$s_uri" "write:${mib}M:1M:@1" 2>/dev/null; do
  mib=$((mib + 1))
done
cycle=(trim:0:1M flush write:0:1M:@1 'ENOSPC!write:32M:32M:@1')
for ((i = 0; i < 5; i++)); do
  must nbd_do "$s_uri" "${cycle[@]}"
done
n=$(events | wc -l)
between "$n" 11 100 "events after 5 times"
equal "$(events | awk '{ print $1 }' | xargs)" "$(seq "$n" | xargs)" "numbers"

all=()
for ((i = 0; i < 60; i++)); do
  all+=("${cycle[@]}")
done
must nbd_do "$s_uri" "${all[@]}"
last=$(events | tail -n 1 | cut -d' ' -f1)
between "$last" 131 1000 "events in all"
equal "$(events | awk '{ print $1 }' | xargs)" \
      "$(seq $((last - 99)) "$last" | xargs)" "numbers"
equal "$(events | awk '{ print $2 }' | sort -u | xargs)" \
      "filling full not-filling not-full" "kinds"
must nbdvol events "unix:$sockdir/s.ctl"
equal "$(wc -l <<<"$out")" 100 "lines"
stop_nbdkit s
between "$(grep -c "nbdvol: $pool: " "$s_log")" "$last" 1001 "lines of log"
