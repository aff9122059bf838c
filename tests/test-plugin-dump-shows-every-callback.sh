#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# --dump-plugin: API 2, parallel, and each callback a complete plugin has.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

must nbdkit pool --dump-plugin
dump=$'\n'$out$'\n'
for line in api_version=2 name=pool magic_config_key=file \
            max_thread_model=parallel thread_model=parallel \
            errno_is_preserved=1; do
  matches "$dump" $'\n'"$line"$'\n'
done
for name in unload dump_plugin config config_complete \
            config_help get_ready after_fork cleanup list_exports \
            default_export open close export_description get_size \
            block_size can_write can_flush is_rotational can_trim can_zero \
            can_fast_zero can_fua can_extents can_cache can_multi_conn \
            pread pwrite flush trim zero extents cache; do
  matches "$dump" $'\n'"has_$name=1"$'\n'
done
