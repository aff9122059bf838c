#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Flushes and bytes, counted where the pool meets its device: a flush after
# one write and after eight is one flush below (a test), and what is written
# there for each byte of the client, without checkpoints and with them
# (bench/amplify.sh).
set -e
source "$(dirname "$0")/functions.sh"

cd "$abs_top_builddir"
rc=0
tests/test-pool-journal-one-flush-is-enough || rc=$?
figure_line "flush after 1 and after 8 writes is one sync: exit code" "$rc" == 0

recorded_line "bytes per byte: 4 KiB write and flush, no checkpoint" \
              amplification plain-each '<=' 2.1
recorded_line "bytes per byte: 4 KiB, a flush every 1,000, no checkpoint" \
              amplification plain-thousand '<=' 1.15
recorded_line "bytes per byte: first touch after a snapshot, no checkpoint" \
              amplification plain-touch '<=' 1.1
recorded_line "syncs beside the clients', no checkpoint" \
              amplification plain-more-flushes == 0
recorded_line "bytes per byte: 4 KiB write and flush, with checkpoints" \
              amplification all-each '<=' 3.5
recorded_line "bytes per byte: 4 KiB, a flush every 1,000, with checkpoints" \
              amplification all-thousand '<=' 1.25
recorded_line "pairs of syncs a second of checkpoints, a flush each" \
              amplification all-each-pairs '<=' 1
recorded_line "pairs of syncs a second of checkpoints, a flush every 1,000" \
              amplification all-thousand-pairs '<=' 1
