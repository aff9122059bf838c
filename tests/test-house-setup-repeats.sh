#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ./setup deps and ./setup build may be repeated: what is missing is
# installed once, and then nothing calls for root; what is built is not
# configured again until configure.ac changes; a package that cannot be
# installed is named, and so is the log of a build that fails.
set -e
source "$(dirname "$0")/lib/functions.sh"

# Stand-ins that write down how they were called.
tree=$tmpdir/tree
bin=$tmpdir/bin
mkdir -p "$tree" "$bin"
cp "$srcdir/setup" "$tree"
export STATE=$tmpdir/state
mkdir "$STATE"
tool ()
{
  # shellcheck disable=SC2016 # for the stand-in
  printf '#!/bin/bash\necho "%s $*" >>"$STATE/calls"\n%s\n' "$1" "$2" \
         >"$bin/$1"
  chmod +x "$bin/$1"
}
# shellcheck disable=SC2016 # for the stand-ins
{
  tool dpkg-query '! grep -qxF "${*: -1}" "$STATE/missing" &&
                   echo "install ok installed"'
  tool apt-get '[ "$1" = update ] || : >"$STATE/missing"
                [ ! -e "$STATE/no-network" ]'
  tool id 'echo 0'
  tool autoreconf 'echo "touch config.status" >configure
                   chmod +x configure'
  tool make '[ ! -e "$STATE/broken" ] || { echo "main.c is wrong"; exit 2; }'
}
setup ()
{
  : >"$STATE/calls"
  env -u NBDVOL_BUILD PATH="$bin:$PATH" bash "$tree/setup" "$@"
}
calls ()
{
  grep -c "^$1" "$STATE/calls" || true
}

printf '%s\n' nbdkit patch >"$STATE/missing"
must setup deps
equal "$(calls 'apt-get install .* nbdkit patch$')" 1 "installations"
must setup deps
equal "$(calls apt-get)" 0 "calls of apt-get"
must setup build
equal "$(calls apt-get)" 0 "calls of apt-get"

# Only what building needs.
printf '%s\n' nbdkit patch >"$STATE/missing"
must setup build
equal "$(calls 'apt-get install .* nbdkit$')" 1 "installations"
: >"$STATE/missing"

echo nbdkit >"$STATE/missing"
: >"$STATE/no-network"
must_fail 1 setup deps
matches "$err" 'could not install nbdkit'
rm "$STATE/no-network"
: >"$STATE/missing"

# The build.
rm -f "$tree/configure" "$tree/config.status"
touch "$tree/configure.ac"
must setup build
equal "$(calls autoreconf) $(calls make)" "1 1"
must setup build
equal "$(calls autoreconf) $(calls make)" "0 1"
touch -d '1 hour' "$tree/configure.ac"
must setup build
equal "$(calls autoreconf) $(calls make)" "1 1"

: >"$STATE/broken"
must_fail 1 setup build
matches "$err" 'main.c is wrong'
matches "$err" "$tree/setup.log"
