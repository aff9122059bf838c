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
recorded_line "full pool: requests refused" full-pool refused '>=' 1000
recorded_line "full pool: times that they had changed something" \
              full-pool changed == 0
recorded_line "full pool: MiB overwritten while full" \
              full-pool overwritten-mib '>=' 16000

# Names, sizes, counters and contents of everything.
state ()
{
  local name
  nbdvol ls -H -p -o name,type,size,used,exclusive,origin "$pool"
  nbdvol info --json "$pool" |
    tr ',{}' '\n' | grep -E '"(capacity|used|volumes|snapshots)"'
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
stop_nbdkit s
serve s
nbdvol create "$pool" b 64M
nbd_do "$(uri s b)" write:0:1M:@9 flush
nbdvol snapshot "$pool" b@old
mib=0
while nbd_do "$(uri s a)" "write:${mib}M:1M:@$mib" flush 2>/dev/null; do
  mib=$((mib + 1))
done
block=0
while nbd_do "$(uri s a)" "write:$(((mib << 20) + block * 4096)):4K:@1" \
             2>/dev/null; do
  block=$((block + 1))
done
figure_line "full host: MiB written into 48" "$mib" '>=' 24

nbd_do "$(uri s a)" flush flush
state >"$tmpdir/before"
for size in 4K 1M 32M; do
  line "full host: a request of $size" refused ENOSPC \
       nbd_do "$(uri s a)" "ENOSPC!write:192M:$size:7" \
       "ENOSPC!write:201326593:$size:7:fua"
done
nbd_do "$(uri s a)" flush
state >"$tmpdir/after"
unchanged ()
{
  line "full host: volumes and counters after $1" \
       "$(wc -l <"$tmpdir/after") lines" unchanged \
       diff "$tmpdir/before" "$tmpdir/after"
}
unchanged "refusals"
kill_nbdkit s
serve s
state >"$tmpdir/after"
unchanged "kill -9"

clean ()
{
  line "full host: nbdvol check after $1" \
       "$(nbdvol check "$pool" 2>&1 | tail -n 1)" clean nbdvol check "$pool"
}
clean "kill -9"
out=$("$builddir/tests/tools/random-writes" "$(uri s a)" \
      --length=$((mib << 20)) --total=$((10 * mib << 20)) --writers=4 \
      --flush-every=8) || true
line "full host: overwrites by 4 writers, a flush every 8" "$out" \
     "$((10 * mib << 20)) bytes" \
     test "$(awk '{ print $3 }' <<<"$out")" -ge $((10 * mib << 20))
clean "the overwrites"
line "full host: the snapshot after the overwrites" "1 MiB" unchanged \
     nbd_do "$(uri s b@old)" read:0:1M:@9 read:1M:63M:0
line "full host: trim, then refill" "$((mib - 2)) MiB" succeeds \
     nbd_do "$(uri s a)" trim:0:256M flush \
     "write:0:$((mib - 2))M:@3" flush "read:0:$((mib - 2))M:@3"
clean "the refill"
nbdvol info "$pool"
