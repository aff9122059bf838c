#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# init --force makes a pool of a file that holds something else; nothing of
# it shows in a new volume, and its size is the pool's.  A pool is never
# overwritten, nor is a file that somebody has locked.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

head -c 80M /dev/urandom >foreign
must_fail 4 nbdvol init foreign 64M
must nbdvol init foreign 64M --force
must nbdvol check foreign
equal "$(nbdvol info foreign -Hpo capacity)" $((64 << 20))
must nbdvol create foreign root 40M
nbdvol export foreign root - | cmp -n $((40 << 20)) - /dev/zero
passed
must nbdvol import foreign data - </etc/passwd
nbdvol export foreign data - | cmp - /etc/passwd
passed
must_fail 4 nbdvol init foreign 64M --force
must nbdvol info foreign root

# Smaller than the pool.
echo something >small
must nbdvol init --force small 64M
must nbdvol check small
equal "$(stat -c %s small)" $((64 << 20))

# A directory is no place for a pool.
mkdir dir
must_fail 1 nbdvol init --force dir 64M
matches "$err" '^nbdvol: init: dir: '
