#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The examples of nbdvol(1), run in their order in an empty directory, all
# work, and there is one for every verb.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

head -c 3000000 /dev/urandom >boot.img
sed -n '/^=head1 EXAMPLES/,/^=head1 FILES/s/^ //p' "$srcdir/man/nbdvol.pod" \
    >examples
pass_if test "$(wc -l <examples)" -ge 15
while read -r line; do
  must bash -e -o pipefail -c "$line"
done <examples
must cmp boot.img copy.img
for verb in $(nbdvol help | sed -n 's/^  nbdvol \([a-z]*\).*/\1/p'); do
  matches "$(cat examples)" "nbdvol $verb( |$|"$'\n'")" "examples of $verb"
done
