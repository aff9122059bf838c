#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdinfo on a volume: every can_* is true, it is not read-only, and size,
# name, description and block sizes are there.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

serve s create=64M
must nbdinfo --json "$s_uri"
lacks "$out" '"can_[a-z_]*": false'
for name in can_cache can_df can_fast_zero can_flush can_fua \
            can_multi_conn can_trim can_zero; do
  matches "$out" "\"$name\": true"
done
matches "$out" '"is_read_only": false'
matches "$out" '"is_rotational": false'
matches "$out" '"export-size": 67108864'
matches "$out" '"export-name": "root"'
matches "$out" '"description": "volume, 64M, '
matches "$out" '"base:allocation"'
matches "$out" '"block_size_minimum": 1,'
matches "$out" '"block_size_preferred": 4096,'
matches "$out" '"block_size_maximum": [0-9]+'
equal "$(nbdinfo --size "$s_uri")" 67108864
for can in connect read write flush fua trim zero fast-zero cache multi-conn \
           df; do
  must nbdinfo --can $can "$s_uri"
done
must_fail 2 nbdinfo --is read-only "$s_uri"
