#!/usr/bin/env bash
# Every test, as one command. Installs the real peer and the real clients that some suites start, where it may.
# `ci/test.sh ARGUMENTS` hands its arguments to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."

source ci/wanted.sh
want test docker-registry skopeo curl chromium strace
if [[ ${#absent[@]} -gt 0 ]]; then
  echo "test: no ${absent[*]} here, so the tests that need them compare nothing" >&2
  echo "test: as root on Debian: apt-get update && apt-get install -y ${absent[*]}" >&2
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
