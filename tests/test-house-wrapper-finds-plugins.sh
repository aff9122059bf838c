#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The build tree's ./nbdkit gives our plugins by their short names wherever
# they stand among the options, and passes all else through as it is.
set -e
source "$(dirname "$0")/lib/functions.sh"

plugin=$builddir/plugins/pool/.libs/nbdkit-pool-plugin.so

path_of ()
{
  must nbdkit "$@"
  equal "$(sed -n 's/^path=//p' <<<"$out")" "$plugin" "the plugin loaded"
}
path_of --dump-plugin pool
path_of pool --dump-plugin
path_of -e pool -U "$sockdir/s" --threads 3 --log=stderr --dump-plugin pool

must nbdkit --dump-plugin memory
matches "$out" 'path=/.*/nbdkit-memory-plugin.so'
must nbdkit --dump-config
matches "$out" 'plugindir='

# An argument with blanks stays one; the exit code is the server's.
# shellcheck disable=SC2016 # for the shell that --run starts
must nbdkit -U - --exportname 'a b' data 'data= @0x10 1 2 ' \
     --run 'test "$exportname" = "a b" && test -S "$unixsocket"'
must_fail 1 nbdkit pool file= --run true

# With -v the real command is shown.
must nbdkit -v --dump-plugin pool
matches "$err" "^. .*nbdkit -v --dump-plugin $plugin"

# In a tree that was not built, the reason is named.
mkdir -p "$tmpdir/bare"
sed "s|^builddir=.*|builddir='$tmpdir/bare'|" "$builddir/nbdkit" \
  >"$tmpdir/bare/nbdkit"
must_fail 1 bash "$tmpdir/bare/nbdkit" pool
matches "$err" 'nbdkit-pool-plugin.so is not built; run make'

# A preloaded sanitizer would go to the command of --run too.
sed "s|^runtime=.*|runtime=/nonexistent.so|" "$builddir/nbdkit" \
  >"$tmpdir/bare/sanitized"
must_fail 1 bash "$tmpdir/bare/sanitized" memory 1M --run true
matches "$err" 'cannot be used in a sanitizer build'
