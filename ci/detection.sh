#!/usr/bin/env bash
# `ci/detection.sh`: does the net hold? Breaks the registry on purpose, one switch of impl/src/faults.rs after another, lets the
# ordinary campaign loose on it, and writes the table of docs/detection.md anew. Ends with 1 if a fault was not found.
set -euo pipefail
cd "$(dirname "$0")/.."
page=docs/detection.md

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
# Some of the faults are panics, which are found like the others. Where they come from is known.
RUST_BACKTRACE=0 cargo test --release --locked --quiet -p proofhouse-tests --test broken_registries \
  every_broken_registry -- --nocapture </dev/null >"$log" 2>&1 || status=$?
if ! grep -q '^| switch' "$log"; then
  cat "$log" >&2
  echo "detection: there is no table; the text above says why" >&2
  exit 1
fi

# The first table in the log: if something was not found, the failed assertion shows it a second time.
table=$(awk '/^\| switch/ { on = 1 } on { print } on && / found; median / { exit }' "$log")
{
  sed '/^<!-- written by/q' "$page"
  echo
  echo "$table"
} >"$log"
cp "$log" "$page"
echo "$table"
exit "$status"
