#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The chosen tests under ASan with UBSan, under TSan and under valgrind; in
# each of them a planted bug was reported.  `make check-asan check-tsan
# check-valgrind` run them.
set -e
source "$(dirname "$0")/functions.sh"

for kind in asan tsan valgrind; do
  recorded_line "check-$kind: tests passed" "check-$kind" tests '>=' 40
  recorded_line "check-$kind: tests not passed" "check-$kind" not-passed == 0
done
