#!/usr/bin/env bash
# How the figures of ci/bench.sh grow: with the tags of a repository, with the repositories, with the blobs, and with the clients.
#
# `ci/scaling.sh [ROUNDS] [tags|repositories|blobs|clients…]`: three rounds of all of them unless told. Each load runs on one size after
# another; the medians go to docs/performance/GROWTH.tsv, and a plot of them to docs/performance/GROWTH.svg. PLOT_ONLY=1 draws what was
# measured before. Half an hour, on a machine that does nothing else and has removed nothing large for some minutes, and 40 GiB of its disk:
# all stores are kept until the end, because removing them would slow down what is measured next. Blobs come last, because a collection
# is measured by what it removes.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

source ci/wanted.sh

declare -A loads=(
  [tags]=tags
  [repositories]="catalog-first catalog-last"
  [blobs]="gc fsck"
  [clients]="manifest-get-tag blob-get-4k manifest-put"
) sizes=(
  [tags]="200 1000 5000 20000 100000"
  [repositories]="200 1000 5000 20000"
  [blobs]="2000 10000 50000 100000"
  [clients]="1 2 4 8 16 32 64"
) axes=(
  [tags]="tags of the repository"
  [repositories]="repositories"
  [blobs]="blobs"
  [clients]="clients at once"
)
every_growth=(clients tags repositories blobs)

rounds=3 growths=()
for argument in "$@"; do
  if [[ $argument =~ ^[1-9][0-9]*$ ]]; then
    rounds=$argument
  elif [[ -n ${loads[$argument]:-} ]]; then
    growths+=("$argument")
  else
    echo "usage: [PLOT_ONLY=1] ci/scaling.sh [ROUNDS] [${every_growth[*]}]" >&2
    exit 2
  fi
done
((${#growths[@]})) || growths=("${every_growth[@]}")

want scaling gnuplot=gnuplot-nox
((${#absent[@]} == 0)) || { echo "scaling: these are needed; as root on Debian: apt-get install -y ${absent[*]}" >&2; exit 1; }

place=$(realpath "${CARGO_TARGET_DIR:-target}")/bench results=$place/results.tsv
folder=docs/performance
mkdir -p "$folder" "$place"

# measure GROWTH
measure() {
  local growth=$1 size variable=${1^^} file=$folder/$1.tsv
  printf 'size\tload\tserver\tmedian\tunit\n' >"$file.new"
  for size in ${sizes[$growth]}; do
    # What does not grow is small: a store has all of it. (The last one of a name counts.)
    # shellcheck disable=SC2086
    env KEPT="$kept" TAGS=200 REPOSITORIES=200 "$variable=$size" ci/bench.sh "$rounds" ${loads[$growth]} >/dev/null
    awk -v how=medians -f ci/bench/report.awk "$results" | sed "s/^/$size\t/" >>"$file.new"
  done
  mv "$file.new" "$file"
}

# plot GROWTH: a line for each load and server.
plot() {
  local growth=$1 file=$folder/$1.tsv unit line lines=() load server
  unit=$(awk -F'\t' 'NR == 2 { print $5 }' "$file")
  while IFS=$'\t' read -r load server; do
    line=$points/$growth-$load-$server
    awk -F'\t' -v load="$load" -v server="$server" '$2 == load && $3 == server { print $1, $4 }' "$file" >"$line"
    lines+=("'$line' with linespoints title '$load, $server'")
  done < <(awk -F'\t' 'NR > 1 { print $2 "\t" $3 }' "$file" | sort -u)
  local IFS=,
  gnuplot -e "
    set terminal svg size 720,420 font 'sans-serif,13' background rgb 'white';
    set output '$folder/$growth.svg';
    set logscale xy; set grid; set key outside below; set xlabel '${axes[$growth]}'; set ylabel '$unit';
    plot ${lines[*]}"
}

points=$(mktemp -d) kept=
trap 'rm -rf "$points" ${kept:+"$kept"}' EXIT
# With these, what is under way ends first.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if [[ -z ${PLOT_ONLY:-} ]]; then
  free=$(gib_left "$place")
  ((free >= 40)) || { echo "scaling: $place has $free GiB left, and this takes 40; make room or set CARGO_TARGET_DIR" >&2; exit 1; }
  kept=$(mktemp -d -p "$place" kept.XXXXXX)
fi
for growth in "${growths[@]}"; do
  [[ -n ${PLOT_ONLY:-} ]] || measure "$growth"
  plot "$growth"
done
