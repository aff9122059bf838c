#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Planted bugs that the tests must kill; `make mutants` runs them.
set -e
source "$(dirname "$0")/functions.sh"

figure_line "mutants: planted bugs in the tree" \
            "$(find "$abs_top_srcdir/tests/mutants" -name '*.patch' | wc -l)" \
            '>=' 20
recorded_line "mutants: killed" mutants killed '>=' 20
recorded_line "mutants: not killed" mutants alive == 0
