# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154
#
# Real file systems on a served pool, mounted by the kernel: nbdfuse shows an
# export as a file, a loop device makes it a disk.  Sourced after functions.sh
# and plugin.sh; needs root.
#
#   attach NAME EXPORT [ro]   sets NAME_dev to a block device of an export of
#                             server s
#   detach NAME               gives it back
#   mount_dev NAME [OPTIONS]  mounts it on NAME_mnt
#   unmount_dev NAME
#
# A FUSE mount whose daemon is gone hangs whoever looks at it, so everything
# is undone at the end of the test, whatever happens, in the right order.
# nbdfuse's pidfile is not below its mount point, or nobody could read it.

attach ()
{
  local name=$1 export=$2 ro=${3:-} fuse=$tmpdir/$1.fuse
  mkdir -p "$fuse" "$tmpdir/$name.mnt"
  cleanup_fn detach "$name"
  nbdfuse ${ro:+-r} -P "$tmpdir/$name.fuse-pid" "$fuse/disk" \
          "$(uri s "$export")" </dev/null >"$tmpdir/$name.fuse-log" 2>&1 &
  printf -v "${name}_fuse" %s $!
  wait_until 20 test -s "$tmpdir/$name.fuse-pid"
  wait_until 20 test -s "$fuse/disk"
  printf -v "${name}_dev" %s \
         "$(losetup ${ro:+-r} -f --show "$fuse/disk")"
}

# Quiet and complete, whatever is there.
detach ()
{
  local name=$1
  local dev_var=${1}_dev fuse_var=${1}_fuse
  unmount_dev "$name"
  if [ -n "${!dev_var:-}" ]; then
    losetup -d "${!dev_var}" || true
    printf -v "$dev_var" %s ''
  fi
  if [ -n "${!fuse_var:-}" ]; then
    fusermount3 -u "$tmpdir/$name.fuse" 2>/dev/null ||
      umount -l "$tmpdir/$name.fuse" 2>/dev/null || true
    kill "${!fuse_var}" 2>/dev/null || true
    wait "${!fuse_var}" 2>/dev/null || true
    printf -v "$fuse_var" %s ''
  fi
}

mount_dev ()
{
  local name=$1
  local dev_var=${1}_dev
  shift
  mount "$@" "${!dev_var}" "$tmpdir/$name.mnt"
  printf -v "${name}_mnt" %s "$tmpdir/$name.mnt"
}

unmount_dev ()
{
  local mnt_var=${1}_mnt
  [ -n "${!mnt_var:-}" ] || return 0
  umount "${!mnt_var}" || umount -l "${!mnt_var}" || true
  printf -v "$mnt_var" %s ''
}

now_ns ()
{
  date +%s%N
}

# ---- the test of a file system ----------------------------------------------
#
# filesystem_test FS SNAPSHOTS CLONE-OPTIONS FROZEN-OPTIONS
#
# The options are for mount: of a clone of a snapshot taken while the file
# system was busy, which replays the journal, and of a snapshot taken while
# it was frozen, as it is.  The caller's functions: make_fs DEVICE; check_fs
# DEVICE, which exits 0 only if the file system is clean; check_frozen DEVICE
# the same for one that was frozen.  Sets busy_ok and frozen_ok (snapshots
# that were right), used_full and space_back (bytes used by the volume before
# and after BALLAST MiB of files were removed and trimmed).
BALLAST=200

filesystem_test ()
{
  local fs=$1 n=$2 options=$3 frozen_options=$4 i asked returned
  export=root
  attach disk root
  make_fs "$disk_dev"
  mount_dev disk
  /usr/bin/python3 "$srcdir/tests/tools/fs-writer.py" write "$disk_mnt" \
                   "$tmpdir/fs.log" "$tmpdir/stop" &
  writer=$!
  cleanup_fn "touch '$tmpdir/stop'; wait $writer || true"
  wait_until 60 grep -q 'made .*9 ' "$tmpdir/fs.log"

  busy_ok=0
  for ((i = 0; i < n; i++)); do
    more_files
    asked=$(now_ns)
    must nbdvol snapshot "$pool" "root@busy$i"
    returned=$(now_ns)
    if busy_is_right "$i" "$asked" "$returned" "$options"; then
      busy_ok=$((busy_ok + 1))
    fi
    echo "$fs: busy snapshots: $busy_ok of $((i + 1)) right"
  done
  frozen_ok=0
  for ((i = 0; i < n; i++)); do
    more_files
    fsfreeze -f "$disk_mnt"
    asked=$(now_ns)
    must nbdvol snapshot "$pool" "root@frozen$i"
    returned=$(now_ns)
    fsfreeze -u "$disk_mnt"
    if frozen_is_right "$i" "$asked" "$returned" "$frozen_options"; then
      frozen_ok=$((frozen_ok + 1))
    fi
    echo "$fs: frozen snapshots: $frozen_ok of $((i + 1)) clean as they are"
  done
  touch "$tmpdir/stop"
  wait "$writer"
  give_back_space
}

# Wait until the writer has made some files since the last snapshot.
more_files ()
{
  lines_wanted=$(($(wc -l <"$tmpdir/fs.log") + 40))
  wait_until 60 has_lines
}
has_lines ()
{
  [ "$(wc -l <"$tmpdir/fs.log")" -ge "$lines_wanted" ]
}

# A clone of a snapshot taken while all was busy: its journal is replayed by
# mounting it, its files are right, and afterwards it is clean.
busy_is_right ()
{
  local i=$1 ok=0
  must nbdvol clone "$pool" "root@busy$i" "clone$i"
  attach clone "clone$i"
  mount_dev clone -o "$4"
  files_are_right "$clone_mnt" "$2" "$3" || ok=1
  unmount_dev clone
  check_fs "$clone_dev" || ok=1
  detach clone
  # The server sees a moment later that nbdfuse is gone.
  wait_until 20 nbdvol rm -q "$pool" "clone$i"
  return $ok
}

files_are_right ()
{
  /usr/bin/python3 "$srcdir/tests/tools/fs-writer.py" check \
                   "$tmpdir/fs.log" "$@"
}

# The snapshot itself, read-only: nothing is replayed.
frozen_is_right ()
{
  local ok=0
  attach frozen "root@frozen$1" ro
  check_frozen "$frozen_dev" || ok=1
  mount_dev frozen -o "$4"
  files_are_right "$frozen_mnt" "$2" "$3" || ok=1
  detach frozen
  return $ok
}

give_back_space ()
{
  local name
  head -c "${BALLAST}M" /dev/urandom >"$disk_mnt/ballast"
  sync
  for name in $(nbdvol ls -H -o name "$pool" | grep @); do
    wait_until 20 nbdvol rm -q "$pool" "$name"
  done
  used_full=$(nbdvol ls -H -p -o used "$pool" root)
  rm -rf "${disk_mnt:?}"/*
  # XFS does not trim what its log still calls busy; freezing empties it.
  fsfreeze -f "$disk_mnt"
  fsfreeze -u "$disk_mnt"
  fstrim -v "$disk_mnt"
  space_back=$(nbdvol ls -H -p -o used "$pool" root)
  detach disk
}
