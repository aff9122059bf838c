#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fio with verify on four volumes for ten minutes under snapshots, clones and
# deletes.  tests/soak-plugin-fio-verify.sh runs it.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "fio verify: seconds" fio-verify seconds '>=' 600
recorded_line "fio verify: jobs that told their result" fio-verify jobs == 16
recorded_line "fio verify: jobs with an error" fio-verify errors == 0
recorded_line "fio verify: loops of verbs that failed" \
              fio-verify verbs-failed == 0
recorded_line "fio verify: exit code of nbdvol check" fio-verify check == 0
recorded_line "fio verify: snapshots, clones, deletes per second" \
              fio-verify verbs-per-second '>=' 10
recorded_line "fio verify: lowest second, tenths of the quiet rate" \
              fio-verify tenths '>=' 1
