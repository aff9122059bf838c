#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What nbdinfo shows of a served pool, and two requests that do harm to a
# careless plugin: a block status of 2^32-1 bytes, and zeroing 200 MiB.
set -e
source "$(dirname "$0")/functions.sh"
source "$(dirname "$0")/../tests/lib/functions.sh"
source "$(dirname "$0")/../tests/lib/plugin.sh"

serve s create=6G pool-size=512M
nbd_do "$s_uri" write:0:64K:@1 write:1M:1M:@2 zero:1M:4K trim:1028K:8K flush
nbdvol snapshot "$pool" root@monday
nbdvol create "$pool" second 1G

nbdinfo --list "$(uri s root)"
listed=$(nbdinfo --list --json "$(uri s root)" | grep -c '"export-name"')
figure_line "nbdinfo: exports listed" "$listed" == 3

json=$(nbdinfo --json "$(uri s root)")
echo "$json"
figure_line "nbdinfo: can_* false on a volume" \
            "$(grep -c '"can_[a-z_]*": false' <<<"$json" || true)" == 0
figure_line "nbdinfo: can_* true on a volume" \
            "$(grep -c '"can_[a-z_]*": true' <<<"$json")" '>=' 8
json=$(nbdinfo --json "$(uri s root@monday)")
echo "$json"
line "nbdinfo: snapshot" \
     "$(grep -o '"is_read_only": [a-z]*' <<<"$json")" read-only \
     grep '"is_read_only": true' <<<"$json"

nbdinfo --map "$(uri s root)"
nbdinfo --map "$(uri s root)" | awk '{ print $1, $2, $3 }' >"$tmpdir/map"
cat >"$tmpdir/truth" <<END
0 65536 0
65536 $(((1024 - 64 + 12) * 1024)) 3
$((1036 * 1024)) $(((2048 - 1036) * 1024)) 0
$((2 << 20)) $(((6 << 30) - (2 << 20))) 3
END
line "nbdinfo: map" "$(wc -l <"$tmpdir/map") extents" "equals the truth" \
     diff "$tmpdir/truth" "$tmpdir/map"

line "block status of 2^32-1 bytes" "server" alive \
     nbd_do "$(uri s root)" status:0:4294967295 size
kill -0 "$s_pid"
must nbd_do "$(uri s second)" write:0:256M:0xaa zero:12M:200M
line "zero of 200 MiB" "every byte" "reads zero" \
     nbd_do "$(uri s second)" read:0:12M:0xaa read:12M:200M:0 \
     read:212M:44M:0xaa
