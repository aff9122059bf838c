#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The pool beside nbdkit file and qemu-nbd over qcow2 on the same disk, with
# the same promise of a flush: requests per second, median of the ratios
# within at least 15 rounds, and server CPU and system calls per request; the
# same inside a pool with 1,000 snapshots, and in one that is 95 % full.
# bench/compare.sh measures it.
set -e
source "$(dirname "$0")/functions.sh"

cells=(rr4k_q1 rr4k_q32 rr4k_q32x4 rw4k_q1 rw4k_q32 rw4k_q32x4 flush1 flush8
       touch64k_q32 sr64k_q8 sw64k_q8)

# lines RESULTS KIND WHERE
lines ()
{
  local cell bound
  recorded_line "bench$3: rounds" "$1" pairs '>=' 15
  for cell in "${cells[@]}"; do
    case $cell in
      rr4k* | *64k_q8) bound=0.90 ;;
      touch*) bound=0.80 ;;
      *) bound=0.85 ;;
    esac
    recorded_line "bench$3: $cell, to nbdkit file" \
                  "$1" "$cell-$2" '>=' "$bound"
  done
  for cell in "${cells[@]}"; do
    recorded_line "bench$3: $cell, CPU per request to nbdkit file" \
                  "$1" "$cell-$2-cpu" '<=' 1.25
  done
  for cell in "${cells[@]}"; do
    recorded_line "bench$3: $cell, system calls to nbdkit file" \
                  "$1" "$cell-$2-calls" '<=' 1.00
  done
  recorded_line "bench$3: rw4k_q32, overwrite, to qcow2" \
                "$1" "rw4k_q32-$2-to-qcow2" '>=' 1.5
  recorded_line "bench$3: fresh, a flush every 8, to qcow2" \
                "$1" "fresh4k_flush8-$2-to-qcow2" '>=' 3
  recorded_line "bench$3: first touch of each 64 KiB, to qcow2" \
                "$1" "touch64k_q32-$2-to-qcow2" '>=' 10
  recorded_line "bench$3: first touch, dense, to qcow2" \
                "$1" "touch4k_q32-$2-to-qcow2" '>=' 5
  recorded_line "bench$3: first touch, a flush each, to qcow2" \
                "$1" "touch4k_flush1-$2-to-qcow2" '>=' 2.5
}

lines bench pool ""
lines bench-pool1000 pool1000 ", 1,000 snapshots"
lines bench-pool95 pool95 ", 95 % full"
