#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An exported file is on disk before it gets its name, and its name is on
# disk before nbdvol ends: fsync of the file, rename, fsync of the directory.
set -e
source "$(dirname "$0")/lib/functions.sh"
need_command strace
cd "$tmpdir"

must nbdvol init data.pool 16M
head -c 100000 /dev/urandom >image
must nbdvol import data.pool root image

# The calls that matter, in their order, by the name of what they are for.
# With -y a descriptor is shown with its file.
calls ()
{
  strace -f -y -o trace -e trace=pwrite64,fsync,rename,renameat2 \
         "$builddir/command/nbdvol" "$@"
  sed -nE 's/^[0-9]+ +//
           s/^pwrite64\([0-9]+<.*\/\.nbdvol-.*/write/p
           s/^fsync\([0-9]+<.*\/\.nbdvol-.*= 0$/sync-file/p
           s/^fsync\([0-9]+<.*= 0$/sync-directory/p
           s/^rename.*= 0$/rename/p' trace | uniq | tr '\n' ' '
}

equal "$(calls export data.pool root out)" \
      'write sync-file rename sync-directory '
must cmp image out
equal "$(calls export --force data.pool root out)" \
      'write sync-file rename sync-directory '
