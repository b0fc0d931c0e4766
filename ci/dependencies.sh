#!/usr/bin/env bash
# Which crate may use which: arrows go one way, the model is pure, and fuzz/ locks the same versions.
set -euo pipefail
cd "$(dirname "$0")/.."

# For each member, the members it may use. The model and the registry never see each other: shared code shares its bugs.
declare -A may_use=(
  [proofhouse-model]=""
  [proofhouse-registry]=""
  [proofhouse]="proofhouse-model proofhouse-registry"
  [proofhouse-tests]="proofhouse proofhouse-model proofhouse-registry"
  [proofhouse-fuzz]="proofhouse-tests"
)

# What the model may depend on directly: parsers, hashes, and derives. And what must not come along with it. (libc does on
# ARM: sha2 asks it what the processor can do.)
model_may_use="regex serde serde_json sha2 strum thiserror"
model_must_not_reach="tokio|mio|async-.*|futures.*|hyper.*|reqwest|socket2|rand|rand_.*|getrandom|fastrand|uuid|tempfile|rustix|chrono|jiff|time|tracing|moka|crossbeam.*|rayon"
# Words for files, network, processes, clocks and chance, anywhere in the model's code.
impure='\b(std|core|alloc|tokio)::(fs|net|process|env|thread|os|io)\b|\b(SystemTime|Instant|UNIX_EPOCH)\b|\brand(om)?::|\buse rand\b'

failures=0
fail() {
  echo "dependencies: $*" >&2
  failures=$((failures + 1))
}

# tree MANIFEST PACKAGE EDGES DEPTH: the names of what a package depends on, itself left out.
tree() {
  cargo tree --locked --quiet --target all --manifest-path "$1" --package "$2" --edges "$3" --depth "$4" \
    --prefix none --format '{p}' | awk -v self="$2" '$1 != self && NF { print $1 }' | sort -u
}

# among WORD LIST: is the word in the list?
among() { [[ " $2 " == *" $1 "* ]]; }

# members MANIFEST: the names of the crates of a workspace.
members() {
  cargo tree --locked --quiet --workspace --manifest-path "$1" --depth 0 --prefix none --format '{p}' |
    awk 'NF { print $1 }' | sort -u
}

# arrows MANIFEST: every member uses only the members that it may use, in tests and build scripts too.
arrows() {
  local member used all
  all=$(members "$1")
  for member in $all; do
    if [[ ! -v may_use[$member] ]]; then
      fail "$member has no row in the table of arrows; add one to ci/dependencies.sh"
      continue
    fi
    all=$(tree "$1" "$member" normal,build,dev 1)
    for used in $all; do
      if [[ -v may_use[$used] ]] && ! among "$used" "${may_use[$member]}"; then
        fail "$member uses $used; it may use: ${may_use[$member]:-no other member}"
      fi
    done
  done
}

# model: few dependencies, none that does I/O, and no impure word in its code.
model() {
  local used hits all
  all=$(tree Cargo.toml proofhouse-model normal,build 1)
  for used in $all; do
    among "$used" "$model_may_use" || fail "the model uses $used; it may use: $model_may_use"
  done
  all=$(tree Cargo.toml proofhouse-model normal,build 99)
  for used in $all; do
    ! grep -qxE "$model_must_not_reach" <<<"$used" || fail "the model reaches $used, which is not pure"
  done
  hits=$(grep -rnE "$impure" model/src --include='*.rs' | grep -vE '^[^:]+:[0-9]+:\s*//' || true)
  [[ -z $hits ]] || fail "the model touches the outside world:"$'\n'"$hits"
  # `use std::{fs, …}`, also over several lines.
  hits=$(find model/src -name '*.rs' -exec cat {} + | tr '\n' ' ' | grep -oE 'use std::\{[^;]*;' | grep -E '\b(fs|net|process|env|thread|os|io)\b' || true)
  [[ -z $hits ]] || fail "the model touches the outside world:"$'\n'"$hits"
}

# versions LOCKFILE: a line `name version` for each package.
versions() { awk -F'"' '/^name = /{name=$2} /^version = "/{print name, $2}' "$1" | sort -u; }

# fresh MANIFEST: the lock file is the one that cargo would write; nothing else can be asked before.
fresh() {
  cargo tree --locked --quiet --workspace --depth 0 --manifest-path "$1" >/dev/null && return
  echo "dependencies: the lock file is stale: cargo update --workspace --manifest-path $1" >&2
  exit 1
}

# locks: where both lock files have a crate, fuzz/ has a version that the workspace has.
locks() {
  local name version ours locked
  locked=$(versions Cargo.lock)
  while read -r name version; do
    ours=$(awk -v name="$name" '$1 == name { print $2 }' <<<"$locked" | paste -sd' ')
    [[ -z $ours ]] || among "$version" "$ours" ||
      fail "fuzz/Cargo.lock has $name $version, Cargo.lock has $ours; in fuzz/: cargo update -p $name@$version --precise VERSION"
  done < <(versions fuzz/Cargo.lock)
}

fresh Cargo.toml
fresh fuzz/Cargo.toml
arrows Cargo.toml
arrows fuzz/Cargo.toml
model
locks

if ((failures)); then
  echo "dependencies: $failures found" >&2
  exit 1
fi
echo "dependencies: as designed ($(members Cargo.toml | wc -l) members and fuzz/)"
