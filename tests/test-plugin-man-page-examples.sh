#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The examples of nbdkit-pool-plugin(1), run in their order in one directory
# as they stand, all work.  Only /tmp/sock becomes a path of the test's own;
# and each server has a pidfile, by which it is ended when the next one is to
# serve, and if possible a network of its own, where the usual port is free.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

cd "$tmpdir"
mkdir bin
network='unshare --map-current-user --net'
[ "$(id -u)" -ne 0 ] || network='unshare --net'
$network true || network=
cat >bin/nbdkit <<END
#!/bin/sh
exec $network '$builddir/nbdkit' -P '$tmpdir/pid' "\$@"
END
chmod +x bin/nbdkit
if [ "$(id -u)" -ne 0 ]; then
  export XDG_RUNTIME_DIR=$sockdir
fi

sed -n '/^=head1 EXAMPLES/,/^=head1 PARAMETERS/s/^ //p' \
    "$srcdir/man/nbdkit-pool-plugin.pod" |
  sed "s|/tmp/sock|$sockdir/sock|g" >examples
between "$(wc -l <examples)" 7 50 "examples"

end_example ()
{
  local server
  [ -s pid ] || return 0
  server=$(cat pid)
  rm pid
  kill "$server"
  wait_until 60 server_gone "$server"
}
cleanup_fn 'end_example'

servers=0
while IFS= read -r line; do
  case $line in
    nbdkit\ *)
      end_example
      must env PATH="$tmpdir/bin:$PATH" bash -c "$line"
      wait_until 60 test -s pid
      servers=$((servers + 1)) ;;
    *) must bash -e -o pipefail -c "$line" ;;
  esac
done <examples
between "$servers" 5 50 "servers"
end_example

# What they have left.
equal "$(nbdvol ls -H -o name data.pool | xargs)" "root root@monday"
equal "$(stat -c %s monday.img)" $((4 << 30)) "size of the snapshot's copy"
must nbdvol check data.pool
