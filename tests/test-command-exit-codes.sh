#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Each exit code, its one line on stderr in the fixed form, and its object on
# stdout with --json; a verb that fails changes nothing.
# shellcheck disable=SC2016
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

# fails CODE 'TEXT OF THE LINE' VERB ARGUMENT...  (the line after "nbdvol: ")
fails ()
{
  local code=$1 line=$2
  shift 2
  must_fail "$code" nbdvol "$@"
  equal "$err" "nbdvol: $line" "message of nbdvol $*"
  equal "$out" '' "output of nbdvol $*"
  must_fail "$code" nbdvol "$@" --json
  equal "$err" "nbdvol: $line" "message of nbdvol $* --json"
  matches "$out" '^\{"error":\{"code":'"$code"'[,}]' "object of nbdvol $*"
}

see='; see `nbdvol ls data.pool`'

# 3: no such pool, volume or snapshot; the design's own example first.
fails 3 'ls: data.pool: no such pool; make one with '\
'`nbdvol init data.pool SIZE`' \
      ls data.pool
must nbdvol init data.pool 64M
must nbdvol create data.pool root 10M
must nbdvol snapshot data.pool root@a
fails 3 'clone: data.pool: root@mon: no such snapshot'"$see" \
      clone data.pool root@mon new
equal "$(nbdvol clone data.pool root@mon new --json 2>/dev/null)" \
      '{"error":{"code":3,"errno":"ENOENT","object":"root@mon",'\
'"text":"no such snapshot'"$see"'"}}'
before=$(nbdvol ls data.pool -Hp)
fails 3 'info: data.pool: x: no such volume'"$see" \
      info data.pool x
fails 3 'ls: data.pool: x: no such volume'"$see" \
      ls data.pool root x
fails 3 'rollback: data.pool: root@x: no such snapshot'"$see" \
      rollback data.pool root@x
fails 3 'resize: data.pool: x: no such volume'"$see" \
      resize data.pool x 1M
fails 3 'rename: data.pool: x: no such volume'"$see" \
      rename data.pool x y
fails 3 'snapshot: data.pool: x: no such volume'"$see" \
      snapshot data.pool x@a
fails 3 'export: data.pool: x: no such volume'"$see" \
      export data.pool x out
pass_if test ! -e out
must_fail 3 nbdvol info unix:nobody.sock
must_fail 3 nbdvol info nowhere/data.pool

# 4: exists already.
fails 4 'init: data.pool: exists already; a pool is never overwritten' \
      init data.pool 64M --force
fails 4 'create: data.pool: root: exists already' create data.pool root 1M
fails 4 'clone: data.pool: root: exists already' clone data.pool root@a root
fails 4 'snapshot: data.pool: root@a: exists already' snapshot data.pool root@a
must_fail 4 nbdvol import data.pool root data.pool
echo something >foreign
fails 4 'init: foreign: exists already, and is not a pool; '\
'--force overwrites it' \
      init foreign 64M
equal "$(cat foreign)" something
equal "$(nbdvol ls data.pool -Hp)" "$before" "the pool after refused verbs"

# 1: a path that is well-formed, and no pool.  2: a text that is not.
mkdir dir
fails 1 'ls: dir: neither a file nor a block device' ls dir
fails 1 'create: dir: open: Is a directory' create dir root 1M
fails 2 "ls: slice(data.pool: missing ')' in device 'slice(data.pool'" \
      ls 'slice(data.pool'
must_fail 3 nbdvol ls 'slice(nowhere,0,64M)'
# A colon makes no device of a path.
must nbdvol init a:b 64M
must nbdvol create ./a:b root 1M
must nbdvol info file:a:b root
