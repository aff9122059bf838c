#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# 300 power cuts under load lose nothing that was flushed; with the flush
# taken out the loss is found within 10.  tests/soak-plugin-kill9.sh runs
# them.
set -e
source "$(dirname "$0")/functions.sh"

recorded_line "kill -9 under load: cycles" kill9 cycles '>=' 300
recorded_line "kill -9 under load: violations" kill9 violations == 0
recorded_line "kill -9 under load: exit code of nbdvol check" \
              kill9 check == 0
recorded_line "kill -9 without flush: cycles until the loss is found" \
              kill9 found-after '<=' 10
