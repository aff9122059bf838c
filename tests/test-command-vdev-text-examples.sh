#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Each example of nbdvol-vdev(7), in its order in an empty directory, is a pool
# that nbdvol makes and changes and nbdkit serves; the disk is a file here.
# Two texts for the same bytes are the same pool.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

truncate -s 2G disk
truncate -s 64M 'a,b (1)'
sed -n '/^=head1 EXAMPLES/,/^=head1 SEE/s/^ //p' "$srcdir/man/nbdvol-vdev.pod" |
  sed "s,/dev/sdb,disk,g" >examples
pass_if test "$(wc -l <examples)" -ge 5

# served TEXT [PARAMETER...]: nbdkit serves the volume root of that pool.
served ()
{
  local text=$1
  shift
  # shellcheck disable=SC2016 # nbdkit's $uri
  must nbdkit -f -U - pool "$text" control=off volume=root "$@" \
       --run 'nbdinfo --size "$uri"'
  equal "$out" 1048576 "size of root in $text"
}

number=0
while read -r text; do
  number=$((number + 1))
  must nbdvol init "$text" 64M --exist-ok
  case $text in
    # A pool in memory ends with whoever made it.
    mem:*) served "$text" create=1M ;;
    *)
      must nbdvol create "$text" root 1M --exist-ok
      must nbdvol create "$text" "v$number" 1M
      must nbdvol check "$text"
      served "$text"
      nbdvol info "$text" -Ho uuid >>uuids ;;
  esac
done <examples

# What stands in which: data.pool is there by two texts, "a,b (1)" as well.
equal "$(sort uuids | uniq -c | awk '{ print $1 }' | sort | tr '\n' ' ')" \
      '1 2 2 '
equal "$(nbdvol ls data.pool -H | wc -l)" 3
equal "$(nbdvol ls 'a,b (1)' -H | wc -l)" 3
equal "$(nbdvol info 'slice(disk,1G,1G)' -Ho uuid)" \
      "$(dd if=disk of=cut bs=1M skip=1024 count=64 status=none
         nbdvol info cut -Ho uuid)"
pass_if /usr/bin/python3 -c 'import os, sys
fd = os.open ("disk", os.O_RDONLY)
sys.exit (os.lseek (fd, 0, os.SEEK_DATA) < 1 << 30)'
