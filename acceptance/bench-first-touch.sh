#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# After a snapshot, one 4 KiB write to each 64 KiB: the pool to qemu-nbd over
# qcow2 with an internal snapshot, requests per second, median of the ratios
# within the rounds.  bench/compare.sh measures it.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "bench: first touch after a snapshot, to qcow2" \
              bench touch64k_q32-pool-to-qcow2 '>=' 10
