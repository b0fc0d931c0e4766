#!/usr/bin/env bash
# `ci/fuzz.sh SECONDS [TARGET…]`: builds the fuzz targets, all unless some are named, and shares the seconds out among
# them. Needs nightly and cargo-fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
if ! [[ $seconds =~ ^[0-9]+$ ]]; then
  echo "usage: ci/fuzz.sh SECONDS [TARGET…]" >&2
  exit 2
fi
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
  echo "fuzz: this needs the nightly toolchain and cargo-fuzz:" >&2
  echo "fuzz:   rustup toolchain install nightly && cargo install cargo-fuzz --locked" >&2
  exit 2
fi

targets=("${@:2}")
((${#targets[@]})) || mapfile -t targets < <(cargo +nightly fuzz list)
share=$((seconds / ${#targets[@]}))
((share > 0)) || share=1

# An address sanitizer has little to find in safe code, and it halves the speed.
options=(--sanitizer none)

# report TARGET LOG: what went wrong, the bytes, and how to see it again.
report() {
  local target=$1 log=$2 artifact
  artifact=$(grep -oE "fuzz/artifacts/$target/[a-z]+-[0-9a-f]+" "$log" | head -n 1 || true)
  grep -vE '^#[0-9]+' "$log" | tail -n 60
  if [[ -z $artifact ]]; then
    echo "fuzz: $target left no bytes behind: it could not start, or it was interrupted (status 72)"
    return
  fi
  echo "fuzz: $target failed; to see it again, and to make it shorter:"
  echo "fuzz:   cargo +nightly fuzz run ${options[*]} $target $artifact"
  echo "fuzz:   cargo +nightly fuzz tmin ${options[*]} $target $artifact"
  echo "fuzz: the bytes, in base64: $(base64 -w 0 "$artifact")"
}

# run TARGET: one target for its share. What it finds beyond the seeds goes to a directory that is not committed.
run() {
  local target=$1 found="fuzz/target/corpus/$1" log status=0
  mkdir -p "$found"
  log=$(mktemp)
  cargo +nightly fuzz run "${options[@]}" "$target" "$found" "fuzz/corpus/$target" -- \
    -max_total_time="$share" -max_len=4096 -dict=fuzz/manifest.dict -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 </dev/null >"$log" 2>&1 || status=$?
  if ((status)); then
    report "$target" "$log" >&2
  else
    awk -v target="$target" -v share="$share" '
      /^stat::number_of_executed_units:/ { runs = $2 }
      /^stat::average_exec_per_sec:/ { rate = $2 }
      / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") covered = $(i + 1) }
      END {
        printf "fuzz: %s: %d executions in %d s, %d a second, %d edges covered, nothing found\n",
          target, runs, share, rate, covered
      }' "$log"
  fi
  rm -f "$log"
  return "$status"
}

cargo +nightly fuzz build "${options[@]}" </dev/null
failed=0
for target in "${targets[@]}"; do
  run "$target" || failed=1
done
exit "$failed"
