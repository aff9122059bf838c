#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# --block-size=SIZE is the new pool's block size, for each of the five; a
# volume takes whole blocks, and is exact to the byte all the same.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

head -c 100001 /dev/urandom >image
for kib in 4 8 16 32 64; do
  must nbdvol init "$kib.pool" 64M --block-size="${kib}K"
  equal "$(nbdvol info "$kib.pool" -Hpo block-size)" $((kib << 10))
  must nbdvol import "$kib.pool" a image
  block=$((kib << 10))
  equal "$(nbdvol info "$kib.pool" a -Hpo size,used)" \
        "100001"$'\t'"$(((100001 + block - 1) / block * block))"
  nbdvol export "$kib.pool" a - | cmp - image
  passed
  must nbdvol check "$kib.pool"
done
must nbdvol init default.pool 64M
equal "$(nbdvol info default.pool -Hpo block-size)" 4096
