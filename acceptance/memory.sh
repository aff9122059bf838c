#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The engine's own memory with a pool of 1 TiB, over a million random
# requests.  bench/pool-cost.sh measures it.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "memory of a 1 TiB pool: requests" \
              pool-cost memory-requests '>=' 1000000
recorded_line "memory of a 1 TiB pool: peak MiB" \
              pool-cost memory-peak-mib '<=' 256
