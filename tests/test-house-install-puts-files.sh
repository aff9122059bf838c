#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# `make install DESTDIR=` writes below DESTDIR only, installs the plugin, the
# command, its completion and the man pages, and nothing that is for tests;
# `make uninstall` takes it all away.
set -e
source "$(dirname "$0")/lib/functions.sh"

dest=$tmpdir/dest
must make -s --no-print-directory -C "$builddir" install DESTDIR="$dest"

# The one file below DEST whose path ends in $1.
installed ()
{
  local n
  n=$(find "$dest" -path "*/$1" | wc -l)
  equal "$n" 1 "installed files $1"
}
installed nbdkit/plugins/nbdkit-pool-plugin.so
installed bin/nbdvol
installed bash-completion/completions/nbdvol
installed man1/nbdvol.1
installed man1/nbdkit-pool-plugin.1
installed man7/nbdvol-vdev.7
installed systemd/system/nbdvol@.service
installed systemd/system/nbdvol@.socket
installed sysusers.d/nbdvol-sysusers.conf
equal "$(find "$dest" -name '*under-test*' -o -name '*.la' \
              -o -name '*planted*')" "" "files that are not for users"

# It loads from there, and the man pages are not empty.
must /usr/bin/env nbdkit --dump-plugin \
     "$(find "$dest" -name nbdkit-pool-plugin.so)"
matches "$out" 'name=pool'
must "$(find "$dest" -path '*/bin/nbdvol')" --version
matches "$out" '^nbdvol [0-9]'
between "$(wc -c <"$(find "$dest" -name nbdvol.1)")" 1000 10000000 "nbdvol.1"

must make -s --no-print-directory -C "$builddir" uninstall DESTDIR="$dest"
equal "$(find "$dest" -type f)" "" "files after uninstall"
