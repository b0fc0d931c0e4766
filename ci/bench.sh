#!/usr/bin/env bash
# How fast, and at what cost: the same loads on `proofhouse serve`, on Debian's `docker-registry`, and on whatever else is named.
#
# `ci/bench.sh [ROUNDS] [LOAD…] [NAME=URL:PID…]`: five rounds of every load unless told; ci/bench/loads.sh says which there are. A
# NAME=URL:PID (also in OTHERS) is a further registry that is already served, and the process to be measured. It should be empty, let
# clients delete, and be of this user or of anybody if this is root.
#
# KEPT=DIRECTORY has the stores made below that directory, and left there for whoever removes them later: for minutes after many files were
# removed, ext4 is slow to make new ones.
#
# DURATION=5 is for how many seconds requests are repeated. QUICK=1 makes everything small: to try this script, not the registries.
#
# Stdout is a table in Markdown, the medians of the rounds; stderr has a line as soon as a load is done. Every round is in
# target/bench/results.tsv. An answer other than the one that is wanted ends it all. Not for a machine that does something else.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

fail() {
  printf 'bench: %s\n' "$@" >&2
  exit 1
}

source ci/wanted.sh
source ci/bench/servers.sh
source ci/bench/loads.sh

usage() {
  echo "usage: [DURATION=SECONDS] [KEPT=DIRECTORY] [QUICK=1] [OTHERS='NAME=URL:PID …'] ci/bench.sh [ROUNDS] [LOAD…] [NAME=URL:PID…]" >&2
  echo "loads: ${every_load[*]}" >&2
  exit 2
}

quick=${QUICK:-} rounds=5 duration=${DURATION:-5} needed=12
# Who keeps stores has looked at what they take.
[[ -z ${KEPT:-} ]] || needed=4
if [[ -n $quick ]]; then rounds=2 duration=${DURATION:-1} needed=1; fi
loads=()
read -ra others <<<"${OTHERS:-}"
for argument in "$@"; do
  if [[ $argument =~ ^[1-9][0-9]*$ ]]; then
    rounds=$argument
  elif [[ $argument == *=* ]]; then
    others+=("$argument")
  elif [[ -n ${units[$argument]:-} ]]; then
    loads+=("$argument")
  else
    usage
  fi
done
((${#loads[@]})) || loads=("${every_load[@]}")
[[ $duration =~ ^[1-9][0-9]*$ ]] || usage
for other in ${others[@]+"${others[@]}"}; do
  # A name stands in a table and in the names of files.
  [[ $other =~ ^([A-Za-z0-9._-]+)=(https?://.+):([0-9]+)$ ]] || usage
  name=${BASH_REMATCH[1]}
  [[ " ${servers[*]} " != *" $name "* ]] || fail "there are two servers of the name $name; give one another"
  servers+=("$name")
  urls[$name]=${BASH_REMATCH[2]%/} pids[$name]=${BASH_REMATCH[3]}
  [[ -w /proc/${pids[$name]}/clear_refs ]] || fail "there is no process ${pids[$name]} of yours, which is to be $name"
done

want bench ab=apache2-utils curl docker-registry time wrk
((${#absent[@]} == 0)) || fail "these are needed; as root on Debian: apt-get update && apt-get install -y ${absent[*]}"

# Apart, because the suites' registry is built with the faults that can be planted in it.
cargo build --release --locked --package proofhouse </dev/null
cargo build --release --locked --package proofhouse-tests --example store </dev/null
target=$(realpath "${CARGO_TARGET_DIR:-target}")
program=$target/release/proofhouse filler=$target/release/examples/store

place=$target/bench results=$target/bench/results.tsv
mkdir -p "$place"
disk=${KEPT:-$place}
[[ -d $disk ]] || fail "there is no directory $disk"
if [[ $(stat -f -c %T "$disk") == tmpfs ]]; then
  fail "$disk is in memory, where a sync costs nothing; set CARGO_TARGET_DIR or KEPT to a directory on a disk"
fi
free=$(gib_left "$disk")
((free >= needed)) || fail "$disk has $free GiB left, and this takes $needed; make room or set CARGO_TARGET_DIR or KEPT"

data=$(mktemp -d -p "$(realpath "$disk")" data.XXXXXX)
answer=$data/answer
finish() {
  local server
  kill "${pushing[@]}" 2>/dev/null || true
  for server in "${own[@]}"; do
    kill "${pids[$server]:-}" 2>/dev/null || true
  done
  wait
  [[ -n ${KEPT:-} ]] || rm -rf "$data"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Neither server is to hear of the surroundings.
for variable in "${!REGISTRY_@}"; do
  unset "$variable"
done

printf 'load\tserver\tround\tvalue\tunit\tcpu seconds\tpeak KiB\twork\n' >"$results"

# report HOW [LOAD]: the table, or the line of a load.
report() {
  awk -v how="$1" -v only="${2:-}" -v servers="${servers[*]}" -f ci/bench/report.awk "$results"
}

# run LOAD: all its rounds, on one server after another.
run() {
  local load=$1 function=${1//-/_} round reversed=() present=() order
  for server in "${servers[@]}"; do
    if has "$load"; then
      present+=("$server")
      reversed=("$server" "${reversed[@]}")
    fi
  done
  for server in "${present[@]}"; do
    begin "${stores[$load]}"
    if declare -F "once_$function" >/dev/null; then "once_$function"; fi
  done
  for round in $(seq "$rounds"); do
    if declare -F "each_$function" >/dev/null; then "each_$function"; fi
    # Who comes first finds the machine as the last round left it, so they take turns.
    order=("${present[@]}")
    ((round % 2)) || order=("${reversed[@]}")
    for server in "${order[@]}"; do
      url=${urls[$server]:-} pid=${pids[$server]:-}
      "load_$function"
      printf '%s\t' "$load" "$server" "$round" "$value" "${units[$load]}" "$cpu" "$peak" >>"$results"
      printf '%s\n' "$work" >>"$results"
    done
  done
  for server in "${own[@]}"; do
    stop "$server"
  done
  report line "$load" >&2
}

for load in "${loads[@]}"; do
  run "$load"
done

echo "$("$program" --version), $(docker-registry --version | sed 's/.* /docker-registry /'); $(nproc) cores, $(uname -sr), $(df --output=fstype "$data" | tail -n 1);" \
  "rounds: $rounds, of $duration s where requests are repeated${quick:+; QUICK: these figures mean nothing}"
echo
report table
((${#notes[@]} == 0)) || printf '\n%s\n' "${notes[@]}"
