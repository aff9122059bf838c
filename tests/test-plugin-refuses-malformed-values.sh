#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A value that cannot be right is refused with one line naming its key, and
# nothing is made.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

refused ()
{
  start_fails "pool: ${1%%=*}=" "$@"
  pass_if test ! -e "$pool"
}

for size in 0 -1 '' x 4Q 4KK 99999999999999999999 8E; do
  refused create="$size" file="$pool"
done
for size in 0 -5 '' ten; do
  refused pool-size="$size" create=4M file="$pool"
done
for size in 0 512 4097 12K 128K -4K big; do
  refused block-size="$size" create=4M file="$pool"
done
for name in '' / .hidden a..b 'a b' 'a/b' @ a@ @b a@b@c -x \
            "$(printf 'v%.0s' {1..201})"; do
  refused volume="$name" create=4M file="$pool"
done
refused readonly=maybe file="$pool"
refused discard=sometimes file="$pool"
for command in '' /nonexistent /usr /etc/passwd; do
  refused fill-command="$command" file="$pool"
done
refused metadata-cache=1K file="$pool"
refused metadata-cache=-1 file="$pool"
refused file=
must_fail 1 nbdkit -f -U - pool file="$pool" control= --run true
matches "$err" '^nbdkit: error: pool: control=: empty'
