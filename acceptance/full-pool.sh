#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The full pool: 100 rounds by tests/soak-plugin-full-pool.sh; here a trim of
# 4 GiB of shared space, and a host file system that is full itself.
set -e
source "$(dirname "$0")/functions.sh"
source "$(dirname "$0")/../tests/lib/functions.sh"
source "$(dirname "$0")/../tests/lib/plugin.sh"

recorded_line "full pool: rounds" full-pool rounds '>=' 100
recorded_line "full pool: refused requests that changed something" \
              full-pool failures == 0

hashes ()
{
  local name
  for name in $(nbdvol ls -H -o name "$pool"); do
    echo "$name $(nbdcopy "$(uri s "$name")" - | sha256sum)"
  done
}

# 4 GiB of which every MiB has a block, all shared with a snapshot, in a pool
# that is full: trimming them needs new metadata.
serve s create=5G volume=a pool-size=64M
stop_nbdkit s
serve s
writes=()
for ((mib = 0; mib < 4096; mib++)); do
  writes+=("write:$(((mib << 20) + mib % 256 * 4096)):4K:@$mib")
done
nbd_do "$(uri s a)" "${writes[@]}" flush
nbdvol snapshot "$pool" a@shared
nbdvol create "$pool" filler 128M
mib=0
while nbd_do "$(uri s filler)" "write:${mib}M:1M:@1" 2>/dev/null; do
  mib=$((mib + 1))
done
while nbd_do "$(uri s filler)" "write:${mib}M:4K:@1" 2>/dev/null; do
  mib=$((mib + 1))
done
shared=$(nbdcopy "$(uri s a@shared)" - | sha256sum)
line "full pool: trim of 4 GiB of shared space" "4 GiB" succeeds \
     nbd_do "$(uri s a)" trim:0:4294963200 trim:4294963200:4K flush \
     read:0:4M:0 read:4092M:4M:0
line "full pool: the snapshot after the trim" "5 GiB" unchanged \
     test "$(nbdcopy "$(uri s a@shared)" - | sha256sum)" = "$shared"
line "full pool: check after the trim" "$(nbdvol check "$pool" 2>&1 |
     tail -n 1)" clean nbdvol check "$pool"
stop_nbdkit s

# A host file system with less room than the pool's capacity.
if [ "$(id -u)" -ne 0 ]; then
  line "full host: mount" "not root" "root" false
  exit 0
fi
mkdir "$tmpdir/host"
mount -t tmpfs -o size=48M tmpfs "$tmpdir/host"
cleanup_fn "umount '$tmpdir/host'"
pool=$tmpdir/host/data.pool
serve s create=256M volume=a pool-size=128M
cleanup_fn 'stop_nbdkit s'
mib=0
while nbd_do "$(uri s a)" "write:${mib}M:1M:@$mib" flush 2>/dev/null; do
  mib=$((mib + 1))
done
figure_line "full host: MiB written into 48" "$mib" '>=' 24
hashes >"$tmpdir/before"
line "full host: refused" "4K 1M 32M" ENOSPC \
     nbd_do "$(uri s a)" 'ENOSPC!write:192M:4M:7' 'ENOSPC!write:192M:32M:7'
hashes >"$tmpdir/after"
line "full host: volumes after refusals" "sha256" unchanged \
     diff "$tmpdir/before" "$tmpdir/after"
line "full host: overwrites, a flush every 8" "$((10 * mib)) MiB" succeed \
     "$builddir/tests/tools/random-writes" "$(uri s a)" \
     --length=$((mib << 20)) --total=$((10 * mib << 20))
line "full host: trim, then refill" "$mib MiB" succeeds \
     nbd_do "$(uri s a)" "trim:0:${mib}M" flush \
     "write:0:$((mib - 1))M:@3" flush "read:0:$((mib - 1))M:@3"
nbdvol info "$pool"
