#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What a packager and an ordinary user do, as a user who is not root: unpack
# the tarball, `make distcheck` (from a source directory that cannot be
# written to, in another one, all the tests), and build and install below a
# prefix of one's own; what is installed there works without the sources.
# Run by root, it becomes nobody; nothing is left behind.
set -e
source "$(dirname "$0")/lib/functions.sh"
source "$(dirname "$0")/lib/plugin.sh"
abs_top_srcdir=$srcdir
source "$srcdir/acceptance/functions.sh"

jobs=${JOBS:-$(nproc)}
home=$tmpdir/home
mkdir "$home"
must make -s --no-print-directory -C "$builddir" dist
cp "$builddir"/nbdvol-[0-9]*.tar.xz "$home/nbdvol.tar.xz"
rm -f "$builddir"/nbdvol-[0-9]*.tar.xz

become=()
if [ "$(id -u)" -eq 0 ]; then
  chmod 0711 "$tmpdir" "$sockdir"
  chown -R nobody:nogroup "$home"
  become=(setpriv --reuid nobody --regid nogroup --clear-groups --)
fi
# A read-only source directory cannot be removed by its owner as it is.
cleanup_fn "chmod -R u+w '$home'"
mkdir -m 1777 "$tmpdir/tmp" "$sockdir/sock"
# Nothing of this build tree is in the way of the user.
as_user ()
{
  (cd "$home" &&
     "${become[@]}" env -i HOME="$home" TMPDIR="$tmpdir/tmp" LANG=C.UTF-8 \
       PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$@")
}

must as_user mkdir src
must as_user tar -C src --strip-components=1 -xf nbdvol.tar.xz
seconds=$SECONDS
must as_user bash -c "cd src && ./configure -q && make -s -j$jobs"
rc=0
as_user make -C src -j"$jobs" distcheck >"$tmpdir/distcheck.log" 2>&1 || rc=$?
minutes=$(((SECONDS - seconds + 59) / 60))
grep -aE '^(# |FAIL|ERROR|SKIP)|rror:' "$tmpdir/distcheck.log" | head -n 40 ||
  true
tail -n 5 "$tmpdir/distcheck.log"
# Why a test failed: its log goes with the directory.
{ grep -rlaE '^FAIL ' --include='test-*.log' "$home/src" || true; } |
  while read -r log; do
    tail -n 40 "$log"
  done

# Installed below a prefix of one's own, and used without the sources.
works=0
install_and_use ()
{
  local so
  as_user chmod -R u+w src &&
    as_user rm -rf src &&
    as_user mkdir src build &&
    as_user tar -C src --strip-components=1 -xf nbdvol.tar.xz &&
    as_user bash -c "cd build && ../src/configure -q --prefix=$home/usr &&
                     make -s -j$jobs && make -s install" &&
    as_user rm -rf build src &&
    so=$(find "$home/usr" -name nbdkit-pool-plugin.so) &&
    as_user nbdkit -U - "$so" data.pool create=16M control="$sockdir/sock/c" \
      --run "'$home/usr/bin/nbdvol' snapshot '$home/data.pool' root@s &&
             nbdinfo --size \"\$uri\"" &&
    as_user usr/bin/nbdvol ls data.pool root@s &&
    as_user usr/bin/nbdvol check data.pool &&
    test -s "$home/usr/share/man/man1/nbdvol.1"
}
if install_and_use; then works=1; fi

record distcheck "tests/soak-house-distcheck.sh" exit-code="$rc" \
       installed-works="$works" user="$(stat -c %U "$home")" \
       minutes="$minutes"
equal "$rc" 0 "exit code of make distcheck"
equal "$works" 1 "what was installed works"
