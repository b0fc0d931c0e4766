#!/usr/bin/env bash
# Real kills: `ci/kills.sh [KILLS] [SEED]` serves a directory, lets 8 clients work on it, and kills the server with SIGKILL at moments of
# their own until it was killed so often (200 unless told). After each it is started again on the same directory, and everything that
# was acknowledged must be there: `proofhouse check --clients 8 --kill-cmd`. Prints what was done; ends with 1 if something was lost.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=${1:-200} seed=${2:-1}
# Each case of several clients is killed once or so.
cases=$((wanted < 200 ? 2 * wanted : 200))

cargo build --release --locked --quiet
program=$PWD/${CARGO_TARGET_DIR:-target}/release/proofhouse
# In memory where there is such a place: a kill keeps what the kernel has, so a disk only adds time.
memory=/dev/shm
[[ -w $memory ]] || memory=${TMPDIR:-/tmp}
place=$(mktemp -d -p "$memory")
# What is left of the server ends with this script.
trap 'kill -KILL "$(cat "$place/pid")" 2>/dev/null || true; rm -rf "$place"' EXIT

# The first server chooses a port, the others take the same.
"$program" serve --delete --addr 127.0.0.1:0 --root "$place/root" >"$place/log" 2>/dev/null &
echo $! >"$place/pid"
disown
until url=$(sed -n 's/^listening on //p' "$place/log") && [[ -n $url ]]; do kill -0 "$(cat "$place/pid")"; done
cat >"$place/again" <<END
echo >>"$place/kills"
kill -KILL \$(cat "$place/pid")
flock -w 30 "$place/root/.proofhouse/lock" true || exit 1
"$program" serve --delete --addr "${url#http://}" --root "$place/root" >/dev/null 2>&1 &
echo \$! >"$place/pid"
END

: >"$place/kills"
kills=0 began=$SECONDS
while ((kills < wanted)); do
  for dialect in proofhouse oci; do
    echo "--- proofhouse check $url --dialect $dialect --clients 8 --kill-cmd … --seed $seed --cases $cases"
    "$program" check "$url" --dialect "$dialect" --clients 8 --kill-cmd "sh $place/again" --seed "$seed" --cases "$cases" >"$place/out" 2>"$place/err" ||
      { cat "$place/err" "$place/out"; exit 1; }
    grep '^CONFORMS' "$place/out"
    # A case of which nobody could say in which order it went shows nothing.
    grep '^undecided' "$place/out" || true
  done
  seed=$((seed + cases))
  kills=$(wc -l <"$place/kills")
done
echo "kills: $kills in $((SECONDS - began)) s; nothing that was acknowledged was lost"
kill -KILL "$(cat "$place/pid")"
flock -w 30 "$place/root/.proofhouse/lock" true
# A push that was killed between the two links of its tag leaves the first; nobody was told of it, and the tag is not there.
"$program" fsck --deep --root "$place/root" >"$place/out" 2>&1 || (($? == 1))
tail -1 "$place/out" | grep -qE '^[0-9]+ repositories' || { echo "kills: fsck came to no end:"; cat "$place/out"; exit 1; }
if grep -vE 'the tag points to nothing|^[0-9]+ repositories' "$place/out"; then exit 1; fi
tail -1 "$place/out"
