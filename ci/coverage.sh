#!/usr/bin/env bash
# `ci/coverage.sh`: which lines of the model and of the registry the tests reach, the seeds of the fuzz targets among them. Writes the
# table of docs/coverage.md anew, and names the lines that nothing reaches. Ends with 1 if a test fails, or if less than 95 % of the
# model or of the storage core (what .cargo/mutants.toml says, and the driver) is reached. Takes cargo-llvm-cov where it works, else
# cargo-tarpaulin. `ci/coverage.sh LCOV` reads what one of them has written before.
set -euo pipefail
cd "$(dirname "$0")/.."
page=docs/coverage.md
lcov=${1:-}

# The tools of LLVM read what the compiler's LLVM writes, so they must be of its version. Rustup has them as llvm-tools; Debian as
# llvm-22, say.
if ! cargo llvm-cov show-env >/dev/null 2>&1; then
  version=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
  if command -v "llvm-cov-$version" "llvm-profdata-$version" >/dev/null; then
    LLVM_COV=$(command -v "llvm-cov-$version") LLVM_PROFDATA=$(command -v "llvm-profdata-$version")
    export LLVM_COV LLVM_PROFDATA
  fi
fi

if [[ -z $lcov ]]; then
  export RUST_BACKTRACE=0 PROOFHOUSE_SCHEDULES=60
  lcov=target/coverage/lcov.info
  mkdir -p target/coverage
  if cargo llvm-cov show-env >/dev/null 2>&1; then
    # Programs that the tests start are counted too. Not one that runs as a user who may write nothing, the count of lines either.
    cargo llvm-cov clean --workspace --profraw-only
    cargo llvm-cov test --no-report --workspace --locked \
      -- --skip what_only_reads_works_on_a_directory_that_cannot_be_written </dev/null
    # A program whose environment is empty does not know where to count, and does it where it stands.
    find . -name 'default_*.profraw' -not -path './target/*' -print0 | while IFS= read -r -d '' counted; do
      mv "$counted" "target/llvm-cov-target/${PWD##*/}-${counted##*/}"
    done
    cargo llvm-cov report --lcov --output-path "$lcov"
  elif cargo tarpaulin --version >/dev/null 2>&1; then
    # Each suite may take long: it runs beside nothing, but all of it is counted.
    cargo tarpaulin --engine llvm --workspace --follow-exec --locked --skip-clean --timeout 1800 --target-dir target/coverage \
      --include-files 'model/src/*' --include-files 'impl/src/*' --out Lcov --output-dir target/coverage </dev/null
    # What build scripts leave.
    rm -f -- *.profraw
  else
    echo "coverage: this needs cargo-llvm-cov (cargo install cargo-llvm-cov --locked) and its tools (apt-get install llvm-22," >&2
    echo "coverage: the version that rustc -vV names), or cargo-tarpaulin" >&2
    exit 2
  fi
fi

# What mutants are made of is the storage core: its patterns, as those of the shell.
mapfile -t core < <(sed -n '/^examine_globs/,/^]/ s/^ *"\(.*\)",*$/\1/p' .cargo/mutants.toml)
mapfile -t but < <(sed -n '/^exclude_globs/,/^]/ s/^ *"\(.*\)",*$/\1/p' .cargo/mutants.toml)
is_core() {
  local glob
  [[ $1 != impl/src/driver/* ]] || return 0
  for glob in "${but[@]}"; do
    # shellcheck disable=SC2053
    [[ $1 == $glob ]] && return 1
  done
  for glob in "${core[@]}"; do
    # shellcheck disable=SC2053
    [[ $1 == $glob ]] && return 0
  done
  return 1
}

# FILE LINES REACHED UNREACHED…: one file a line, without tests: they are files of their own, or at the end of a file.
files=$(awk -v here="$PWD/" '
  function first_test(file,    line, number, before, found) {
    while ((getline line < file) > 0 && !found) {
      number++
      if (line == "mod tests {" && before ~ /^#\[cfg\(.*test/) found = number - 1
      before = line
    }
    close(file)
    return found ? found : 1e9
  }
  /^SF:/ {
    file = substr($0, 4)
    if (index(file, here) == 1) file = substr(file, length(here) + 1)
    tests = first_test(file)
    next
  }
  /^DA:/ {
    split(substr($0, 4), part, ",")
    if (part[1] + 0 >= tests) next
    key = file SUBSEP part[1]
    if (!(key in hits)) { order[++count] = key }
    if (part[2] + 0 > hits[key] + 0) hits[key] = part[2]; else hits[key] += 0
  }
  END {
    for (at = 1; at <= count; at++) {
      split(order[at], part, SUBSEP)
      lines[part[1]]++
      if (hits[order[at]] + 0 > 0) reached[part[1]]++; else missed[part[1]] = missed[part[1]] " " part[2]
    }
    for (file in lines) print file, lines[file], reached[file] + 0 missed[file]
  }' "$lcov" | grep -E '^(model|impl)/src/' | grep -vE '/tests(/|\.rs)|^impl/src/driver/agreement\.rs' | sort)

table=$(mktemp)
trap 'rm -f "$table"' EXIT
status=0
{
  echo '| module | lines | reached | |'
  echo '| --- | ---: | ---: | ---: |'
  while read -r file lines reached _; do
    is_core "$file" && echo "core $lines $reached"
    echo "${file%%/*} $lines $reached"
    module=${file#*/src/}
    [[ $module == */* ]] && module=${module%%/*}/
    echo "${file%%/*}/src/$module $lines $reached"
  done <<<"$files" | awk '
    { lines[$1] += $2; reached[$1] += $3; if (!($1 in seen)) { seen[$1]; order[++count] = $1 } }
    END {
      name["core"] = "**the storage core**"; name["model"] = "**model/**"; name["impl"] = "**impl/**"
      for (at = 1; at <= count; at++) {
        one = order[at]
        shown = one in name ? name[one] : "`" one "`"
        printf "| %s | %d | %d | %.1f %% |\n", shown, lines[one], reached[one], 100 * reached[one] / lines[one]
      }
    }' | sort
} >"$table"
awk -F'[|%]' '/storage core|\*\*model/ && $5 + 0 < 95 { exit 1 }' "$table" || status=1

[[ -f $page ]] || { echo "coverage: there is no $page" >&2; exit 2; }
text=$(sed '/^<!-- written by/q' "$page")
{ echo "$text"; echo; cat "$table"; } >"$page"
cat "$table"
echo
echo "coverage: lines that nothing reaches:"
awk 'NF > 3 { printf "%s:", $1; for (at = 4; at <= NF; at++) printf " %s", $at; print "" }' <<<"$files"
exit "$status"
