#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every mutant of tests/mutants/ still applies to the code.  `make mutants`
# says so too, but runs outside `make check`.
set -e
source "$(dirname "$0")/lib/functions.sh"

for patch in "$abs_top_srcdir"/tests/mutants/*.patch; do
  must patch -d "$abs_top_srcdir" -p1 -s -f --dry-run -r - -i "$patch"
done
