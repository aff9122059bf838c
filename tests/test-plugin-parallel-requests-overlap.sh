#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Requests of one connection run at once: with a store that takes 100 ms for
# a read, 16 reads in flight take about as long as one.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

must nbdkit -U - pool "$pool" create=16M control=off \
     --run "'$builddir/tests/tools/nbd-do' \$uri write:0:8M:@1 flush"
serve_under_test s "faulty(file:$pool,read=1+:slow:100)"
must nbdcopy --requests=16 --connections=1 --request-size=65536 \
     --queue-size=16777216 "$s_uri" "$tmpdir/warm"
start=$(date +%s%N)
must nbdcopy --requests=16 --connections=1 --request-size=65536 \
     --queue-size=16777216 "$s_uri" "$tmpdir/copy"
ms=$((($(date +%s%N) - start) / 1000000))
# 128 reads of data at 100 ms each are 12.8 s one by one.
between $ms 100 6000 "milliseconds"
