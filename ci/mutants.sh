#!/usr/bin/env bash
# `ci/mutants.sh [K/N [OUTPUT]]`: changes the storage core (.cargo/mutants.toml says what that is) in one small way after another,
# and says which changes no test notices. K/N: only every Nth change, beginning with the Kth, counted from 0. Each is tried on
# the unit tests of its file or on the registry's suite first; what is left, on all of these and on the campaign.
# JOBS=2 tries two at once. Ends with 1 if something was missed that docs/mutants.md does not explain. Needs cargo-mutants 27.
set -euo pipefail
cd "$(dirname "$0")/.."

shard=${1:-0/1} output=${2:-target/mutants}
if ! [[ $shard =~ ^[0-9]+/[1-9][0-9]*$ ]]; then
  echo "usage: ci/mutants.sh [K/N [OUTPUT]]" >&2
  exit 2
fi
if ! cargo mutants --version >/dev/null 2>&1; then
  echo "mutants: this needs cargo-mutants: cargo install cargo-mutants --locked" >&2
  exit 2
fi

# Tests that need not survive a crash write where it is quickest.
[[ -n ${TMPDIR:-} || ! -w /dev/shm ]] || export TMPDIR=/dev/shm
export RUST_BACKTRACE=0

# Files whose unit tests stand in them; of all others the registry's suite knows most.
unit='^impl/src/(blob/hashstate|blob/id|cache|digest|gc/mark|gc/scan|name|paths)\.rs'

# run ARGUMENTS: what is missed is no failure of the program; those that are caught are not tried again.
run() {
  local status=0
  cargo mutants --package proofhouse-registry --shard "$shard" --sharding round-robin --iterate --output "$output" \
    --jobs "${JOBS:-1}" --no-times "$@" || status=$?
  # 2: something was missed; 3: a timeout.
  ((status == 0 || status == 2 || status == 3)) || exit "$status"
}

# What is not run is not built either: hence --cargo-arg, which counts for building as well.
run --re "$unit" --cargo-arg=--lib
run --exclude-re "$unit" --cargo-arg=--test=registry
run --cargo-arg=--lib --cargo-arg=--test=registry
run --test-package proofhouse-tests --cargo-arg=--test=broken_registries --cargo-test-arg=the_clean_twin

missed=0
while read -r mutant; do
  # Lines move; what is changed, and in which function, does not.
  name=$(sed -E 's/^impl\/src\/([^:]+):[0-9]+:[0-9]+: /\1: /' <<<"$mutant")
  if ! grep -qF "$name" docs/mutants.md; then
    echo "mutants: missed: $mutant"
    missed=1
  fi
done <"$output/mutants.out/missed.txt"
exit "$missed"
