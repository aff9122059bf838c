#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A few seconds of what soak-plugin-fio-verify.sh runs for ten minutes: fio
# finds every byte right on four volumes while snapshots and clones are made
# and removed.
set -e
source "$(dirname "$0")/lib/functions.sh"

RUNTIME=8 QUIET=4 LOOPS=4 must bash "$srcdir/tests/soak-plugin-fio-verify.sh"
matches "$out" 'verbs per second: [1-9]'
