#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A clone in an empty folder: `./setup serve`, and a client; `./setup check`.
# tests/soak-house-fresh-clone.sh runs them.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "fresh clone: seconds to a served volume" \
              fresh-clone serve-seconds '<=' 120
recorded_line "fresh clone: client reads back what it wrote" \
              fresh-clone client == 1
recorded_line "fresh clone: minutes of ./setup check" \
              fresh-clone check-minutes '<=' 30
recorded_line "fresh clone: tests passed" fresh-clone passed '>=' 150
recorded_line "fresh clone: tests failed" fresh-clone failed == 0
recorded_line "fresh clone: tests skipped, as tests/SKIPS allows" \
              fresh-clone skipped '<=' \
              "$(grep -c '^test-' "$abs_top_srcdir/tests/SKIPS")"
