#!/usr/bin/env bash
# `ci/fuzz.sh [SECONDS [TARGET…]]`: builds the fuzz targets, runs the seeds of each, and then shares the seconds out among them (all
# unless some are named). Needs nightly and cargo-fuzz. WORKERS=2 fuzzes each target with two processes at once.
#
# `ci/fuzz.sh --dictionary TARGET` says which dictionary a target has, if any; `ci/fuzz.sh --weighing TARGET` the flags of libFuzzer
# that are its own.
#
# RUNS=5000 runs each so often, from the seeds alone and always alike, however long it takes; the slow ones less often.
#
# What is found beyond the seeds stays in fuzz/target/corpus/, and the next run begins with it.
set -euo pipefail
cd "$(dirname "$0")/.."

# dictionary TARGET: which words it is given.
dictionary() {
  case $1 in
    manifest_parse | index_platforms) echo fuzz/dictionaries/manifest.dict ;;
    config_yaml) echo fuzz/dictionaries/config.dict ;;
    http_request) echo fuzz/dictionaries/http.dict ;;
    # Their bytes are choices, and no words.
    operations | crash_operations) ;;
    *) echo fuzz/dictionaries/text.dict ;;
  esac
}

# weighing TARGET: what libFuzzer need not keep of a run. Sequences and documents reach thousands of edges each: to weigh each by its
# rarity, and to tell how often each was reached, takes longer than the run itself, and finds no more (docs/fuzzing.md).
weighing() {
  case $1 in
    operations | crash_operations) echo -entropic=0 ;;
    manifest_parse | config_yaml) printf '%s\n' -entropic=0 -use_counters=0 ;;
  esac
}

case ${1:-} in
  --dictionary | --weighing)
    "${1#--}" "${2:?of which target}"
    exit
    ;;
esac

seconds=${1:-60} workers=${WORKERS:-1} runs=${RUNS:-}
if ! [[ $seconds =~ ^[0-9]+$ && $workers =~ ^[1-9][0-9]*$ && $runs =~ ^[0-9]*$ ]]; then
  echo "usage: [WORKERS=N] [RUNS=N] ci/fuzz.sh [SECONDS [TARGET…]]" >&2
  exit 2
fi
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
  echo "fuzz: this needs the nightly toolchain and cargo-fuzz:" >&2
  echo "fuzz:   rustup toolchain install nightly && cargo install cargo-fuzz --locked" >&2
  exit 2
fi

mapfile -t all < <(cargo +nightly fuzz list)
targets=("${@:2}")
((${#targets[@]})) || targets=("${all[@]}")
for target in "${targets[@]}"; do
  if ! printf '%s\n' "${all[@]}" | grep -qxF -- "$target"; then
    echo "fuzz: there is no target $target; there are ${all[*]}" >&2
    exit 2
  fi
done
share=$((seconds / ${#targets[@]}))
((share > 0)) || share=1

# An address sanitizer has little to find in safe code, and it halves the speed. To be told of each comparison costs a quarter to a half
# of it, and with dictionaries the same time covers no less without (docs/fuzzing.md).
options=(--sanitizer none --no-trace-compares)

# times TARGET: how often it is run, of RUNS.
times() {
  case $1 in
    crash_operations) echo $((runs / 50)) ;;
    operations | index_platforms | referrers_filter | http_request) echo $((runs / 5)) ;;
    *) echo "$runs" ;;
  esac
}

# report TARGET LOG: what went wrong, the bytes, and how to see it again.
report() {
  local target=$1 log=$2 artifact
  artifact=$(grep -ohE "fuzz/artifacts/$target/[a-z]+-[0-9a-f]+" "$log" | head -n 1 || true)
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

# run TARGET: one target for its share.
run() {
  local target=$1 found="fuzz/target/corpus/$1" log status=0 words
  local flags=(-max_total_time="$share" -max_len=4096 -timeout=25 -rss_limit_mb=2048 -print_final_stats=1)
  local began=$SECONDS
  if [[ -n $runs ]]; then
    # Nobody else's findings, and no clock.
    found=$(mktemp -d)
    flags=(-runs="$(times "$target")" -seed=1 "${flags[@]:1}")
  fi
  mapfile -t -O ${#flags[@]} flags < <(weighing "$target")
  words=$(dictionary "$target")
  [[ -z $words ]] || flags+=(-dict="$words")
  mkdir -p "$found" "fuzz/artifacts/$target"
  log=$(mktemp)
  # The seeds alone first: what was found once is found at once.
  cargo +nightly fuzz run "${options[@]}" "$target" "fuzz/corpus/$target" -- -runs=0 -timeout=25 </dev/null >"$log" 2>&1 || status=$?
  if ((status == 0 && workers == 1)); then
    cargo +nightly fuzz run "${options[@]}" "$target" "$found" "fuzz/corpus/$target" -- "${flags[@]}" \
      </dev/null >"$log" 2>&1 || status=$?
  elif ((status == 0)); then
    fork "$target" "$found" "$log" "${flags[@]}" || status=$?
  fi
  if ((status)); then
    report "$target" "$log" >&2
  else
    awk -v target="$target" -v share="$((SECONDS - began))" '
      /^stat::number_of_executed_units:/ { runs += $2 }
      /^stat::average_exec_per_sec:/ { rate += $2 }
      / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:" && $(i + 1) > covered) covered = $(i + 1) }
      END {
        printf "fuzz: %s: %d executions in %d s, %d a second, %d edges covered, nothing found\n",
          target, runs, share, rate, covered
      }' "$log"
  fi
  rm -f "$log"
  [[ -z $runs ]] || rm -rf "$found"
  return "$status"
}

# fork TARGET FOUND LOG FLAG…: several processes on one directory, each of which reads what the others find.
fork() {
  local target=$1 found=$2 log=$3 pids=() logs=() status=0 one
  for _ in $(seq "$workers"); do
    one=$(mktemp)
    logs+=("$one")
    cargo +nightly fuzz run "${options[@]}" "$target" "$found" "fuzz/corpus/$target" -- "${@:4}" -reload=30 \
      </dev/null >"$one" 2>&1 &
    pids+=($!)
  done
  for one in "${pids[@]}"; do
    wait "$one" || status=$?
  done
  cat "${logs[@]}" >"$log"
  rm -f "${logs[@]}"
  return "$status"
}

cargo +nightly fuzz build "${options[@]}" </dev/null
failed=0
for target in "${targets[@]}"; do
  run "$target" || failed=1
done
exit "$failed"
