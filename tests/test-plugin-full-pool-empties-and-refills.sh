#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Two of the rounds that soak-plugin-full-pool.sh runs: fill to the last
# block, refuse, overwrite the pool's size twice, snapshot, trim, remove,
# and refill.
set -e
source "$(dirname "$0")/lib/functions.sh"

ROUNDS=2 TIMES=2 must bash "$srcdir/tests/soak-plugin-full-pool.sh"
matches "$out" '[0-9]{2,} assertions$'
