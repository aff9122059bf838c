#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Opening the pool of 1 TiB until its volume can be read, with its metadata
# in the page cache; without the cache it is shown and has no bound.
# bench/pool-cost.sh measures it.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "open 1 TiB after a clean stop, ms" \
              pool-cost open-clean-ms '<' 1000
recorded_line "open 1 TiB after kill -9, ms" pool-cost open-killed-ms '<' 3000
echo "after a clean stop, not cached, ms:" \
     "$(recorded pool-cost open-clean-uncached-ms)"

# With a full journal (bench/open-after-kill.sh).
recorded_line "open after kill -9 with a full journal, the slowest, ms" \
              open-after-kill most-ms '<=' 3000
echo "the same, not in the page cache, ms:" \
     "$(recorded open-after-kill cold-ms)"
