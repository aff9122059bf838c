#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fio with verify on four volumes for ten minutes under snapshots, clones and
# deletes.  tests/soak-plugin-fio-verify.sh runs it.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "fio verify: seconds" fio-verify seconds '>=' 600
recorded_line "fio verify: errors" fio-verify errors == 0
recorded_line "fio verify: snapshots, clones, deletes per second" \
              fio-verify verbs-per-second '>=' 10
recorded_line "fio verify: lowest second, tenths of the quiet rate" \
              fio-verify tenths '>=' 1
