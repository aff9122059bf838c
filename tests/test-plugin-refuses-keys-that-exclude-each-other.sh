#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Keys that make no sense together, or are unknown, or are missing, are
# refused with one line before any file is touched.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"

start_fails "create= and readonly= exclude" "$pool" create=4M readonly=true
start_fails "fill-command= and readonly= exclude" "$pool" readonly=true \
            fill-command=/bin/true
start_fails "pool-size= .* needs create=" "$pool" pool-size=4M
start_fails "block-size= .* needs create=" "$pool" block-size=4K
start_fails "snapshot volume=a@b" "$pool" create=4M volume=a@b
start_fails "unknown parameter 'volumes'; see nbdkit pool --help" \
            "$pool" volumes=a
start_fails "file= is missing"
pass_if test ! -e "$pool"
