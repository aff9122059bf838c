#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# thirty-lines.sh POOL: what an operator's script looks like: a pool, a volume
# and a snapshot are made, used bytes compared, and all is removed again.
set -eu
pool=$1
nbdvol init "$pool" 64M --exist-ok
nbdvol create "$pool" root 1G --exist-ok
head -c 3000000 /dev/urandom | nbdvol import "$pool" data -
exists () { nbdvol info "$pool" "$1" >/dev/null 2>&1; }
used () { nbdvol info "$pool" "$1" -H -p -o used; }
for name in root data root@now; do
  if exists "$name"; then echo "$name is there"; else echo "no $name"; fi
done
nbdvol snapshot "$pool" root@now data@now
before=$(used data)
nbdvol clone "$pool" data@now copy
head -c 1000000 /dev/urandom | nbdvol import "$pool" more -
if [ "$(used copy)" -eq "$before" ]; then echo "a clone uses the same"; fi
if [ "$(used more)" -lt "$before" ]; then echo "less data uses less"; fi
nbdvol rollback "$pool" data@now
echo "data uses $(used data) bytes, as before: $before"
nbdvol ls "$pool" -H -o name | while read -r name; do echo "has $name"; done
rc=0
nbdvol rm "$pool" nothing 2>/dev/null || rc=$?
echo "removing nothing is exit code $rc"
nbdvol rm -r --missing-ok "$pool" root data copy more nothing
nbdvol check -q "$pool"
if [ -z "$(nbdvol ls "$pool" -H)" ]; then echo "all gone"; fi
