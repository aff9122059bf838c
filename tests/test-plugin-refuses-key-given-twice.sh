#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every key given twice is one clear line that names it, whatever the values.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

twice ()
{
  must_fail 1 timeout 60 nbdkit -f -U - pool "$@" --run true
  equal "$err" "nbdkit: error: pool: ${1%%=*}= is given twice"
  pass_if test ! -e "$pool"
}

twice file="$pool" file="$pool"
twice volume=a volume=a file="$pool"
twice create=1M create=1M file="$pool"
twice pool-size=1M pool-size=2M file="$pool"
twice block-size=4K block-size=4K file="$pool"
twice readonly=0 readonly=1 file="$pool"
twice control=off control=off file="$pool"
twice discard=slab discard=never file="$pool"
twice fill-command=/bin/true fill-command=/bin/true file="$pool"
twice metadata-cache=1M metadata-cache=1M file="$pool"
