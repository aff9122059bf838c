#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A node of a volume's map, of the table, or of the reference counts is
# damaged: every verb that needs it ends with 7 and one line that names it,
# and every verb that does not is done.  What is only lost in part is never
# called missing, and damage that is met on the way is told.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

# A volume of which every block is shared, so that its counts are used.
must nbdvol init good.pool 64M
head -c 2500000 /dev/urandom >image
must nbdvol import good.pool root image
must nbdvol snapshot good.pool root@a
start_nbdkit server pool good.pool control="$sockdir/ctl"
must "$builddir/tests/tools/nbd-do" \
     "nbd+unix:///root?socket=$server_sock" write:0:64K:3 flush
stop_nbdkit server
must nbdvol create good.pool other 1M

# The places of the leaf of the table, the first map leaf of root, and the
# first leaf of the reference counts.
read -r table map refs < <(
  /usr/bin/python3 - "$srcdir/tests/tools/pool-dump.py" good.pool <<'PYTHON'
import importlib.util, struct, sys
spec = importlib.util.spec_from_file_location ("dump", sys.argv[1])
dump = importlib.util.module_from_spec (spec)
spec.loader.exec_module (dump)
def leaf (p, root):
    entry = root.entry
    for level in range (root.levels - 1):
        entry = next (e for e in struct.iter_unpack ("<QII", p.block (entry))
                      if any (e))
    return entry[0] & (1 << 40) - 1
with open (sys.argv[2], "rb") as f:
    p = dump.Pool (f)
    p.read_table ()
    root = next (r for r in p.records if r.label == "root")
    print (leaf (p, p.super.table), leaf (p, root.root),
           leaf (p, p.super.refs))
PYTHON
)

bend ()
{
  cp good.pool bent.pool
  printf XXXX | dd of=bent.pool bs=1 seek=$(($1 * 4096 + 100)) conv=notrunc \
                   status=none
}

# bent PLACE CODE REGEX, then verbs on stdin: each on a pool with that block
# bent; with a code but 0 one line is on stderr, of the verb, and matches.
bent ()
{
  local place=$1 code=$2 regex=$3 verb rest
  while read -r verb rest; do
    bend "$place"
    rm -f out
    # shellcheck disable=SC2086
    must_fail "$code" nbdvol "$verb" bent.pool $rest
    [ "$code" -eq 0 ] || equal "$(wc -l <<<"$err")" 1 "lines of the message"
    matches "$err" "^(nbdvol: $verb: bent\.pool: )?$regex" "message of $verb"
    [ "$code" -eq 0 ] || pass_if test ! -e out
  done
}

echo "the table, block $table"
bent "$table" 7 "table tree, block $table, level 0: checksum error" <<VERBS
create new 1M
snapshot root@b
clone root new
rollback root@a
resize root 4M
rename root base
rm root
grow 96M
import new image
VERBS
bent "$table" 7 'root: no such volume, as far as this pool can be read; ' \
  <<VERBS
info root
export root out
ls root
VERBS
bent "$table" 7 "checksum error in the table tree \(block $table " <<VERBS
ls
VERBS
bend "$table"
must nbdvol info bent.pool
matches "$out" $'\nstate +damaged\n'
must_fail 7 nbdvol check bent.pool
matches "$out" "^error: table: node at block $table, level 0: checksum"
equal "$err" ''

echo "a map, block $map"
bent "$map" 7 "root: map node at block $map, level 0: checksum error; " <<VERBS
info root
export root out
resize root 1M --shrink
VERBS
bent "$map" 0 "" <<VERBS
ls
info other
info root -o size
export other out
create new 1M
snapshot root@b
rename root base
VERBS
bent "$map" 0 "root: checksum error in a map node \(block $map " <<VERBS
rm -r root
VERBS
must nbdvol ls bent.pool -Ho name
equal "$out" other
bend "$map"
must_fail 7 nbdvol check bent.pool
matches "$out" "^error: volume root: map node at block $map, level 0: checks"

echo "reference counts, block $refs"
bent "$refs" 7 ".*refs tree, block $refs, level 0: checksum error; " <<VERBS
snapshot root@b
clone root new
rollback root@a
VERBS
bent "$refs" 0 "" <<VERBS
ls
export root out
create new 1M
rename root base
VERBS
bent "$refs" 0 "checksum error in reference counts \(block $refs " <<VERBS
info root
rm root@a
VERBS
bend "$refs"
must_fail 7 nbdvol check bent.pool
matches "$out" "^error: reference counts: node at block $refs, level 0: check"
