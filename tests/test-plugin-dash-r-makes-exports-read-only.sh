#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit -r makes every export read-only; the pool itself may be written
# (create= works).
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s -r create=4M
must nbd_do "$s_uri" flags 'EPERM!write:0:4K:1' 'EPERM!zero:0:4K' \
     'EPERM!trim:0:4K' read:0:4M:0 flush
matches "$out" '^readonly=1 .*trim=0 zero=0'
