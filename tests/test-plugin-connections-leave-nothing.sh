#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Connections, refused ones too, and verbs leave no descriptor and no thread
# behind.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

fds ()
{
  local list=("/proc/$s_pid/fd/"*)
  echo ${#list[@]}
}
threads ()
{
  local list=("/proc/$s_pid/task/"*)
  echo ${#list[@]}
}
some_connections ()
{
  local i
  for ((i = 0; i < $1; i++)); do
    nbd_do "$s_uri" write:0:64K:@$i flush >/dev/null
    nbd_do "$(uri s nothere)" size >/dev/null 2>&1 || true
    nbdvol snapshot -q "$pool" "root@s$2-$i"
  done
}
as_before ()
{
  [ "$(fds)" -le "$fds" ] && [ "$(threads)" -le "$threads" ]
}

serve s create=4M pool-size=64M
some_connections 3 warm
wait_until 10 test -d "/proc/$s_pid/fd"
fds=$(fds)
threads=$(threads)
some_connections 40 more
wait_until 10 as_before
# And the volume is in use by nobody.
wait_until 10 nbdvol rm -q -r "$pool" root
