#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A snapshot of a volume of 1 TiB with 10 million blocks, nothing dirty, to
# its durable answer: median of 15 on a disk.  bench/pool-cost.sh measures
# it, and beside it what two flushes of four blocks each take.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "snapshot of 1 TiB, ms" pool-cost snapshot-ms '<' 5
echo "two flushes alone, ms: $(recorded pool-cost two-flushes-ms)"
