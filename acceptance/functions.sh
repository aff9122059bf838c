# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What the scripts in acceptance/ stand on, and those of `make soak` and
# `make bench` that record a figure for them.  A script prints its log and,
# for each line that must hold, one line of four fields with tabs between:
#
#   LINE  figure  bar  PASS|MISS
#
#   line LINE FIGURE BAR CONDITION...   the condition is a command
#   figure_line LINE FIGURE OP BOUND    OP: < <= == >= > (decimals allowed)
#   record NAME COMMAND KEY=VALUE...    a long run's result, with its seed,
#                                       goes to acceptance/results/NAME
#   recorded NAME KEY                   prints it; fails, printing "missing"
#                                       or "stale", if there is none, or if
#                                       the code changed since that commit
#   recorded_line LINE NAME KEY OP BOUND
#
# The first line of acceptance/results/NAME is COMMAND, COMMIT and KEY=VALUE
# words, with tabs between.

: "${abs_top_srcdir:?}"
results=$abs_top_srcdir/acceptance/results
# What a figure speaks about: this code, as it was when the run began.
code=(common plugins command)
measured=$(git -C "$abs_top_srcdir" rev-parse HEAD 2>/dev/null) ||
  measured=unknown

line ()
{
  local what=$1 figure=$2 bar=$3 verdict=MISS
  shift 3
  if "$@" >/dev/null 2>&1; then verdict=PASS; fi
  printf '%s\t%s\t%s\t%s\n' "$what" "$figure" "$bar" "$verdict"
}

compare ()
{
  [[ $1 =~ ^-?[0-9]+(\.[0-9]+)?$ ]] || return 1
  awk -v a="$1" -v op="$2" -v b="$3" 'BEGIN {
    a += 0; b += 0
    if (op == "<") exit !(a < b)
    if (op == "<=") exit !(a <= b)
    if (op == "==") exit !(a == b)
    if (op == ">=") exit !(a >= b)
    if (op == ">") exit !(a > b)
    exit 1 }'
}

figure_line ()
{
  line "$1" "$2" "$3 $4" compare "$2" "$3" "$4"
}

record ()
{
  local name=$1 command=$2
  shift 2
  mkdir -p "$results" &&
    printf '%s\t%s\t%s\n' "$command" "$measured" "$*" >"$results/$name"
}

recorded ()
{
  local command commit figures word
  if ! IFS=$'\t' read -r command commit figures <"$results/$1"; then
    echo missing
    return 1
  fi 2>/dev/null
  if ! git -C "$abs_top_srcdir" diff --quiet "$commit" -- "${code[@]}" \
       2>/dev/null; then
    echo "stale ($command)"
    return 1
  fi
  for word in $figures; do
    if [ "${word%%=*}" = "$2" ]; then
      echo "${word#*=}"
      return 0
    fi
  done
  echo missing
  return 1
}

recorded_line ()
{
  local figure
  figure=$(recorded "$2" "$3") || true
  figure_line "$1" "$figure" "$4" "$5"
}
