#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A new pool is on disk before it gets its name, and its name is on disk
# before nbdvol ends: fdatasync of the file, rename, fsync of the directory.
set -e
source "$(dirname "$0")/lib/functions.sh"
need_command strace
cd "$tmpdir"

strace -f -y -o trace -e trace=pwrite64,fdatasync,fsync,rename,renameat2 \
       "$builddir/command/nbdvol" init data.pool 64M
# The calls that matter, in their order, by the name of what they are for.
equal "$(sed -nE 's/^[0-9]+ +//
                  s/^pwrite64\([0-9]+<.*\/\.nbdvol-.*/write/p
                  s/^fdatasync\([0-9]+<.*\/\.nbdvol-.*= 0$/sync-file/p
                  s/^fsync\([0-9]+<.*= 0$/sync-directory/p
                  s/^rename.*data\.pool.*= 0$/rename/p' trace |
           uniq | tail -n 4 | tr '\n' ' ')" \
      'write sync-file rename sync-directory '
must nbdvol check data.pool
