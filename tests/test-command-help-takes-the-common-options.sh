#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The options of every verb go with every verb, help and completion too; with
# --json these print one object that says the same as their text.
set -e
source "$(dirname "$0")/lib/functions.sh"
cd "$tmpdir"

for args in 'help' 'help snapshot' 'completion bash'; do
  # shellcheck disable=SC2086
  must nbdvol $args
  plain=$out
  for option in -q -v --wait=1s --progress=never; do
    # shellcheck disable=SC2086
    must nbdvol $args $option
    equal "$out" "$plain" "nbdvol $args $option"
    equal "$err" ''
  done
done

json () { /usr/bin/python3 -c "import json, sys
j = json.load (sys.stdin)
print ($1)"; }
must nbdvol help --json
equal "$(json '" ".join (v["name"] for v in j["verbs"])' <<<"$out")" \
      "$(nbdvol help | sed -n 's/^  nbdvol \([a-z]*\).*/\1/p' | tr '\n' ' ' |
           sed 's/ $//')"
must nbdvol help rm --json
equal "$(json 'j["verb"]["arguments"], j["verb"]["pool"]' <<<"$out")" \
      'NAME... True'
matches "$(json 'j["verb"]["options"]' <<<"$out")" "'--missing-ok'"
must nbdvol completion bash --json
json 'j["script"]' <<<"$out" | sed '$d' | cmp - <(nbdvol completion bash)
passed

# All of them take each, and say so.
for verb in $(nbdvol help | sed -n 's/^  nbdvol \([a-z]*\).*/\1/p'); do
  must nbdvol help "$verb"
  for option in --json -q -v --wait=TIME --progress=WHEN --help; do
    matches "$out" "$option " "options of $verb"
  done
done

# An error is an object too.
must_fail 2 nbdvol help dance --json
matches "$out" '^\{"error":\{"code":2,"errno":"EINVAL"'
