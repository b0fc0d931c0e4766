#!/usr/bin/env bash
# Every test, as one command. Installs the real peer that some suites start, where it may.
# `ci/test.sh ARGUMENTS` hands its arguments to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v docker-registry >/dev/null && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  echo "test: installing docker-registry"
  # A failure shows in the check below, with what it means.
  { DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker-registry; } </dev/null || true
fi
if ! command -v docker-registry >/dev/null; then
  echo "test: no docker-registry here, so the suites that compare with a real registry are left out" >&2
  echo "test: as root on Debian: apt-get update && apt-get install -y docker-registry" >&2
  if [[ ${CI:-} == true ]]; then
    echo "test: CI must run them" >&2
    exit 1
  fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --workspace --locked --no-fail-fast "$@" </dev/null 2>&1 | tee "$log" || status=$?

# Cargo ends on its last suite; this adds all of them up.
awk '/^test result: / { for (i = 1; i < NF; i++) { if ($(i+1) == "passed;") p += $i; if ($(i+1) == "failed;") f += $i; if ($(i+1) == "ignored;") s += $i } }
  END { printf "tests: %d passed, %d failed, %d skipped\n", p, f, s }' "$log"
exit "$status"
