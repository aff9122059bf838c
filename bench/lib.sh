# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What the scripts of bench/ share.

: "${abs_top_srcdir:?}" "${abs_top_builddir:?}"

# make_data_dir NAME: an empty directory for big files; printed.
make_data_dir ()
{
  local dir=${BENCH_DIR:-$abs_top_builddir/bench/data}/$1
  rm -rf "$dir"
  mkdir -p "$dir"
  echo "$dir"
}

# describe_machine DIR: what figures mean nothing without.
describe_machine ()
{
  local dirty=
  git -C "$abs_top_srcdir" diff --quiet HEAD -- common plugins command \
      2>/dev/null || dirty=' and changes'
  echo "commit:      $(git -C "$abs_top_srcdir" rev-parse --short HEAD \
                            2>/dev/null || echo unknown)$dirty"
  echo "date:        $(date -u +%Y-%m-%d)"
  echo "processor:   $(nproc) x $(sed -n 's/^model name[^:]*: //p' \
                                      /proc/cpuinfo | head -n 1)"
  echo "memory:      $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' \
                           /proc/meminfo)"
  echo "kernel:      $(uname -r)"
  echo "file system: $(stat -f -c %T "$1") on" \
       "$(findmnt -n -o SOURCE,OPTIONS --target "$1" | tr -s ' ')"
  echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
}
