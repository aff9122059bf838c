#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Each rule of syntax-check finds a violation that is planted in a small tree
# which was in order before, and names it.
set -e
source "$(dirname "$0")/lib/functions.sh"
need_command shellcheck

CC=${NBDVOL_CC:-gcc}
tag='SPDX-License-Identifier: BSD-3-Clause'
tree=$tmpdir/tree
build=$tmpdir/build

# put FILE LINE...: a file of the small tree.
put ()
{
  local f=$tree/$1
  shift
  mkdir -p "$(dirname "$f")"
  printf '%s\n' "$@" >"$f"
}

# The same with an opening essay, in C and in sh.
put_c ()
{
  local f=$1
  shift
  put "$f" "/* $tag" ' *' \
      ' * A file of the small tree which this test breaks on purpose.' \
      ' */' "$@"
}
put_sh ()
{
  local f=$1
  shift
  put "$f" '#!/usr/bin/env bash' "# $tag" '#' \
      '# A script of the small tree which this test breaks on purpose.' "$@"
}

# The small tree, in order, and what a build of it leaves: made once, copied
# for each violation.
fresh ()
{
  rm -rf "$tree" "$build"
  cp -R "$tmpdir/in-order/tree" "$tmpdir/in-order/build" "$tmpdir"
}
make_tree ()
{
  put common/LEVELS '0 base common/base base.h' '1 pool common/pool pool.h' \
      '1 tree common/tree tree.h' '2 faces plugins -' '2 faces command -'
  put_c common/base/base.h 'extern int base (void);'
  put_c common/base/base-internal.h 'extern int inside (void);'
  put_c common/base/base.c '#include "base.h"' '#include "base-internal.h"' \
        'static const char *const names[] = { "a", "b" };' '' \
        'int' 'base (void)' '{' '  return names[0][0];' '}'
  put_c common/tree/tree.h 'extern int tree (void);'
  put_c common/pool/pool.h 'extern int pool (void);'
  put_c common/pool/pool.c '#include "base.h"'
  put_c plugins/pool/pool.c '#include <nbdkit-plugin.h>' '#include "pool.h"' \
        'static const char help[] =' '  "file=<POOL>  The pool.\n";' \
        'static const struct key keys[] = {' '  { "file", take_file },' '};'
  put_c command/main.c '#include "pool.h"' \
        'static const struct verb verbs[] = {' \
        '  { "snapshot", verb_snapshot },' '};'
  put man/nbdkit-pool-plugin.pod '=encoding utf8' '' '=head1 NAME' '' \
      'pool - it' '' '=over 4' '' '=item B<file=>POOL' '' 'The pool.' '' \
      '=back'
  put man/nbdvol.pod '=head1 VERBS' '' '=head2 nbdvol snapshot POOL NAME' '' \
      'Take one.'
  put_c tests/test-base-works.c
  put_sh tests/test-pool-works.sh 'set -e' 'must nbdvol snapshot a.pool a@b' \
         'must nbdkit pool file=a.pool'
  put_sh tests/lib/functions.sh 'true'
  put tests/syntax-check/exceptions '# none'
  put HACKING.md 'Read this.'

  mkdir -p "$build/common/base/.libs" "$build/command" \
        "$build/plugins/pool/.libs"
  printf '%s\n' tests/test-base-works tests/test-pool-works.sh \
         >"$build/syntax-check.tests"
  (cd "$tree" && find . -type f) >"$build/syntax-check.dist"
  printf '%s\n' '#!/bin/sh' 'echo complete snapshot' >"$build/command/nbdvol"
  chmod +x "$build/command/nbdvol"
  compile
  plugin 'plugin_init'
}
compile ()
{
  "$CC" -fPIC -c -o "$build/common/base/.libs/base.o" \
        "$tree/common/base/base.c"
}
plugin ()
{
  local f
  for f; do
    echo "int $f; "
  done | "$CC" -shared -x c - \
               -o "$build/plugins/pool/.libs/nbdkit-pool-plugin.so"
}

# check [RULE...]: all rules, or these.
check ()
{
  local rc=0
  report=$(bash "$srcdir/tests/syntax-check/run" "$tree" "$build" "$@" 2>&1) ||
    rc=$?
  return $rc
}

# finds RULE TEXT: the rule finds the violation that was just planted; then the
# tree is in order again.
finds ()
{
  if check "$1"; then
    fail "$1 did not find: $2"
  fi
  matches "$report" "(^|"$'\n'")$1: [^"$'\n'"]*$2" "what was found"
  fresh
}

make_tree
mkdir "$tmpdir/in-order"
mv "$tree" "$build" "$tmpdir/in-order"
fresh
check || fail "the small tree is not in order: $report"
passed

# Direction of dependency.
put_c common/base/base.c '#include "pool.h"'
finds includes 'base .level 0. may not use pool'
put_c common/tree/a.c '#include "pool.h"'
echo common >>"$build/syntax-check.dist"
finds includes 'tree .level 1. may not use pool'
put_c common/pool/pool.c '#include "../base/base-internal.h"'
finds includes 'base-internal.h is a private header of base'
put_c common/pool/pool.c '#include <nbdkit-plugin.h>'
finds includes 'nbdkit-plugin.h below the faces'

# Rooms.
rm "$tree/common/tree/tree.h"
put_c common/tree/a.c; echo common >>"$build/syntax-check.dist"
finds rooms 'has no public header tree.h'
put_c common/new/new.h; echo common >>"$build/syntax-check.dist"
finds rooms 'common/new: the room is not in common/LEVELS'

# Globals, however they are written.
put_c common/base/base.c 'int count;'; compile
finds globals "mutable variable 'count'"
put_c common/base/base.c 'static _Thread_local int mine = 1;' \
      'int base (void);' 'int' 'base (void)' '{' '  static char buf[9];' \
      '  return mine++ + buf[mine]++;' '}'; compile
check && fail "two variables were not found"
matches "$report" "'mine'"
matches "$report" "'buf'"
put tests/syntax-check/exceptions \
    'globals common/base/base.c buf -- a reason that is long enough' \
    'globals common/base/base.c mine -- a reason that is long enough'
check || fail "an exception does not hold: $report"
passed
fresh
put tests/syntax-check/exceptions \
    'globals common/base/base.c buf -- a reason that is long enough'
finds globals 'exception for common/base/base.c buf is not needed'
put tests/syntax-check/exceptions 'globals common/base/base.c buf'
check && fail "an exception without a reason was not found"
matches "$report" "not 'RULE PATH NAME -- reason'"
fresh

# Licence and essay.
put common/base/base.h "/* $tag */" 'extern int base (void);'
finds essay 'base.h:1: does not begin with the line'
put common/base/base.h "/* $tag" ' *' ' * base.' ' */'
finds essay 'base.h:2: has no opening essay'
put tests/test-pool-works.sh '#!/usr/bin/env bash' "# $tag" 'set -e' \
    'must nbdvol snapshot file=a'
finds essay 'test-pool-works.sh:2: has no opening essay'

# Sizes, and what documents name.
seq 1 900 | sed 's|.*|extern int f&;|' >>"$tree/common/base/base.h"
finds size 'common/base/base.h: 905 lines, more than 800'
seq 1 700 | sed 's|.*|extern int f&;|' >>"$tree/plugins/pool/pool.c"
finds size 'plugins/pool/pool.c: 711 lines, more than 600'
seq 1 700 | sed 's|.*|extern int f&;|' >>"$tree/command/main.c"
finds size 'command/main.c: 708 lines, more than 600'
{ echo; echo int; echo 'far (void)'; echo '{'; seq 1 101 | sed 's|.*|  f ();|'
  echo '}'; } >>"$tree/common/base/base.c"
finds size 'function far has 101 lines'
seq 1 301 >"$tree/HACKING.md"
finds size 'HACKING.md: 301 lines'
echo 'See common/pool/gone.c and common/pool/p*.c.' >>"$tree/HACKING.md"
finds docs 'HACKING.md:2: common/pool/gone.c does not exist'

# Keys and verbs.
sed -i '/"file=/d; s/help\[\] =/help[] = "";/' "$tree/plugins/pool/pool.c"
finds keys 'key file= is not in config_help'
sed -i 's/B<file=>/B<path=>/' "$tree/man/nbdkit-pool-plugin.pod"
finds keys 'key file= is not in man/nbdkit-pool-plugin.pod'
sed -i 's/file=//' "$tree/tests/test-pool-works.sh"
finds keys 'key file= is in no test'
sed -i 's/nbdvol snapshot/nbdvol clone/' "$tree/man/nbdvol.pod"
finds verbs 'verb snapshot is not in man'
sed -i 's/snapshot/clone/' "$build/command/nbdvol"
finds verbs 'verb snapshot is not in the completion'
sed -i 's/snapshot//' "$tree/tests/test-pool-works.sh"
finds verbs 'verb snapshot is in no test'
# Neither a comment nor an argument is a call of it.
for line in '# nbdvol snapshot a' 'must true # nbdvol snapshot a' \
            'must nbdvol -q ls snapshot' 'echo "nbdvol: snapshot failed"'; do
  sed -i "s|^must nbdvol.*|$line|" "$tree/tests/test-pool-works.sh"
  finds verbs 'verb snapshot is in no test'
done
# shellcheck disable=SC2016 # what the test is to say
sed -i 's/nbdvol snapshot/"$builddir\/nbdvol" --json snapshot/' \
    "$tree/tests/test-pool-works.sh"
check || fail "a call by its path was not found: $report"
passed
fresh

# Tests.
mv "$tree/tests/test-base-works.c" "$tree/tests/test-works.c"
echo tests >>"$build/syntax-check.dist"
finds tests 'test-works.c: is not named test-ROOM-BEHAVIOUR'
sed -i 1d "$build/syntax-check.tests"
finds tests 'test-base-works.c: is not in TESTS'
sed -i '/^set -e/d' "$tree/tests/test-pool-works.sh"
finds tests 'test-pool-works.sh: has no set -e'
# Written in halves, or it would be found here.
s='sleep'
echo "if true; then $s 3; fi" >>"$tree/tests/test-pool-works.sh"
finds tests 'test-pool-works.sh:8: sleeps outside the wait helper'
echo "$s 0.1" >>"$tree/tests/lib/functions.sh"
finds tests 'functions.sh:6: sleeps outside'
printf '%s\n' int 'main (void)' '{' "  u$s (3);" '}' \
  >>"$tree/tests/test-base-works.c"
finds tests 'test-base-works.c:8: sleeps outside'

# Symbols.
plugin plugin_init base_crc32c pool_debug_io
finds symbols 'exports base_crc32c'
plugin plugin_init pool_debug_io
check || fail "an allowed symbol was complained of: $report"
passed
rm "$build/plugins/pool/.libs/nbdkit-pool-plugin.so"
finds symbols 'plugins/pool: nothing was built of it'

# Style.
h=common/base/base.h
echo "extern int long_name (int with, int a, int lot, int of, \
int arguments, int more);" >>"$tree/$h"
finds style 'base.h:6: more than 80 columns'
printf 'extern int a;\t\n' >>"$tree/$h"
check && fail "tab and blank at the end were not found"
matches "$report" 'base.h:6: tab'
matches "$report" 'base.h:6: blank at the end'
fresh
echo 'typedef struct base base;' >>"$tree/$h"
finds style 'base.h:6: typedef of a struct'
echo 'extern int spaceless(void);' >>"$tree/$h"
finds style 'base.h:6: no space before the parenthesis: spaceless'
printf '%s\n' 'static int joined (void)' '{' '}' >>"$tree/$h"
finds style 'base.h:6: return type and name on one line'
printf '%s\n' '' int 'f (int x)' '{' '  if ((x = base ()) < 0)' \
  '    return x;' '}' >>"$tree/common/base/base.c"
finds style 'base.c:18: assignment in a condition'
echo "/* TO""DO */" >>"$tree/$h"
finds style 'base.h:6: left open'
printf 'extern int a;' >>"$tree/$h"
finds style 'base.h:6: no newline at the end'

# Other people's checkers.
# shellcheck disable=SC2016 # what shellcheck is to complain of
echo 'rm $1/x' >>"$tree/tests/test-pool-works.sh"
finds shellcheck 'Double quote'
printf '\n=over 4\n' >>"$tree/man/nbdvol.pod"
finds pod 'nbdvol.pod: .*(WARNING|ERROR)'

# The tarball.
sed -i '/base-internal/d' "$build/syntax-check.dist"
finds dist 'common/base/base-internal.h: is not in the tarball'
