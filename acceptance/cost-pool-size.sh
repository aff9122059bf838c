#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What a write costs does not depend on the size of the pool: 256 MiB,
# 16 GiB and 1 TiB.  bench/pool-cost.sh measures it.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "cost by pool size: blocks spread over 1 TiB" \
              pool-cost blocks '>=' 10000000
recorded_line "cost by pool size: bytes per write, most to least" \
              pool-cost bytes-spread '<=' 1.2
recorded_line "cost by pool size: CPU per write, most to least" \
              pool-cost cpu-spread '<=' 1.2
echo "the same after random writes over the whole volumes:" \
     "bytes $(recorded pool-cost aged-bytes-spread)," \
     "CPU $(recorded pool-cost aged-cpu-spread)"
