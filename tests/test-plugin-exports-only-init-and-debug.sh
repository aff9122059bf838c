#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdkit loads plugins with RTLD_GLOBAL: any other symbol that a plugin
# exports could be used by, or replaced by, a filter built from other sources.
set -e
source "$(dirname "$0")/lib/functions.sh"

so=$builddir/plugins/pool/.libs/nbdkit-pool-plugin.so
equal "$(nm -D --defined-only "$so" | awk '{ print $3 }' | sort | xargs)" \
      "plugin_init pool_debug_io" "exported symbols"
# What it takes from the server is nbdkit's own API.
lacks "$(nm -D --undefined-only "$so" | awk '{ print $2 }')" \
      '(^|[[:space:]])(base|vdev|pool|control|devices)_'
