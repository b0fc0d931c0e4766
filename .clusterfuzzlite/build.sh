#!/usr/bin/env bash
# Builds every fuzz target to $OUT, with its seeds and its dictionary; called by ClusterFuzzLite and OSS-Fuzz. `ci/fuzz.sh` does the same
# on your own machine.
set -euo pipefail
cd "$(dirname "$0")/proofhouse" 2>/dev/null || cd "$(dirname "$0")/.."
: "${OUT:?where the targets go}"

cargo fuzz build -O --debug-assertions
built=fuzz/target/x86_64-unknown-linux-gnu/release
for source in fuzz/fuzz_targets/*.rs; do
  target=$(basename "$source" .rs)
  cp "$built/$target" "$OUT/"
  zip -qj "$OUT/${target}_seed_corpus.zip" "fuzz/corpus/$target"/*
  dictionary=$(ci/fuzz.sh --dictionary "$target")
  printf '[libfuzzer]\nmax_len = 4096\ntimeout = 25\n' >"$OUT/$target.options"
  ci/fuzz.sh --weighing "$target" | sed 's/^-//; s/=/ = /' >>"$OUT/$target.options"
  if [[ -n $dictionary ]]; then
    cp "$dictionary" "$OUT/$target.dict"
    printf 'dict = %s.dict\n' "$target" >>"$OUT/$target.options"
  fi
done
