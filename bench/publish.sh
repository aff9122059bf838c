#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Run by hand in the build tree after `make bench`: puts what it left in
# bench/out/ into BENCHMARKING.md of the source tree, in the place of the
# figures that stand there.

set -eu -o pipefail

srcdir=$(cd "$(dirname "$0")/.." && pwd)
out=$PWD/bench/out
document=$srcdir/BENCHMARKING.md

figure ()
{
  sed -n "s/^${1//./\\.}=//p" "$out/pool-cost.txt"
}

# One row of the table of costs by size: WHAT SIZE.
cost_row ()
{
  local key
  printf '| %s | %s' "$2" "$1"
  for key in bytes cpu-us backing-writes backing-flushes; do
    printf ' | %s' "$(figure "$1.$2.$key-per-write")"
  done
  echo ' |'
}

figures ()
{
  echo '<!-- figures: bench/publish.sh writes what follows -->'
  echo
  sed 's/^/    /' "$out/machine.txt"
  printf '\n### On disk\n\n'
  cat "$out/disk.md"
  if [ -s "$out/tmpfs.md" ]; then
    printf '\n### On tmpfs\n\n'
    cat "$out/tmpfs.md"
  fi
  [ -s "$out/pool-cost.txt" ] || return 0
  printf '\n### By size of the pool\n\n'
  echo '| pool | writes over | bytes | CPU us | backing writes | flushes |'
  echo '| --- | --- | ---: | ---: | ---: | ---: |'
  for size in 256M 16G 1T; do cost_row local $size; done
  for size in 256M 16G 1T; do cost_row whole $size; done
  for size in 256M 16G 1T; do cost_row aged $size; done
  cat <<END

Most to least among the sizes: local, bytes $(figure local.bytes-spread) and \
CPU $(figure local.cpu-spread); aged, bytes $(figure aged.bytes-spread) and \
CPU $(figure aged.cpu-spread).

The pool of 1 TiB, $(figure build.1T.blocks) blocks:

    snapshot to its durable answer:      $(figure snapshot.ms) ms
    two flushes of four blocks each:     $(figure snapshot.two-flushes-ms) ms
    open after a clean stop:             $(figure open.clean-ms) ms
    the same, not in the page cache:     $(figure open.clean-uncached-ms) ms
    open after kill -9:                  $(figure open.killed-ms) ms
    memory over a million requests:      $(figure memory.peak-mib) MiB
END
}

new=$(mktemp)
trap 'rm -f "$new"' EXIT
sed '/^<!-- figures:/,$d' "$document" >"$new"
figures >>"$new"
cat "$new" >"$document"
