#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# `make distcheck` by a user who is not root.  tests/soak-house-distcheck.sh
# runs it, and an installation below a prefix of the user's own.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "distcheck by an ordinary user: exit code" \
              distcheck exit-code == 0
recorded_line "distcheck: what was installed below a prefix works" \
              distcheck installed-works == 1
