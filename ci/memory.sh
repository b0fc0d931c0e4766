#!/usr/bin/env bash
# The server's memory does not grow with a blob: pushes one of a gibibyte in both ways, pulls it, and asks the system for the
# peak. Needs Linux, twice the blob's size in the directory for temporary files, and no client but bash and coreutils.
# `ci/memory.sh BYTES` takes a blob of another size.
set -euo pipefail
cd "$(dirname "$0")/.."

bytes=${1:-$((1 << 30))}
limit_kib=$((64 << 10))

if ! [[ $bytes =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: ci/memory.sh [BYTES]" >&2
  exit 2
fi
cargo build --release --locked --package proofhouse </dev/null

root=$(mktemp -d)
server=
finish() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  [[ -z $server ]] || wait "$server" 2>/dev/null || true
  rm -rf "$root"
}
trap finish EXIT

# Started as itself, so that its process is the one that is measured.
coproc serving { exec "${CARGO_TARGET_DIR:-target}/release/proofhouse" serve --root "$root/data" --addr 127.0.0.1:0 2>"$root/log"; }
server=${serving_PID:?}
read -r line <&"${serving[0]}"
address=${line#listening on http://}

content() { yes proofhouse | head -c "$bytes" || true; }

# ask METHOD PATH LENGTH: sends the head of a request on a new connection, descriptor 3.
ask() {
  exec 3<>"/dev/tcp/${address%:*}/${address##*:}"
  printf '%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %s\r\n\r\n' "$1" "$2" "$address" "$3" >&3
}

# answer STATUS: reads the head of the answer; the status must be that one. Leaves the Location in `location`.
answer() {
  local line status
  read -r _ status _ <&3
  location=
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [[ -n $line ]] || break
    [[ $line != location:* ]] || location=${line#location: }
  done
  if [[ $status != "$1" ]]; then
    echo "memory: the server answered $status instead of $1: $(cat <&3)" >&2
    exit 1
  fi
}

digest=$(content | sha256sum | cut -d' ' -f1)
ask POST /v2/memory/blobs/uploads/ 0
answer 202
began=$SECONDS
ask PATCH "$location" "$bytes"
content >&3
answer 202
ask PUT "$location&digest=sha256:$digest" 0
answer 201
echo "memory: pushed $bytes bytes in $((SECONDS - began)) s"

began=$SECONDS
ask POST "/v2/memory/once/blobs/uploads/?digest=sha256:$digest" "$bytes"
content >&3
answer 201
echo "memory: pushed them in one request in $((SECONDS - began)) s"

began=$SECONDS
ask GET "$location" 0
answer 200
pulled=$(cat <&3 | sha256sum | cut -d' ' -f1)
echo "memory: pulled them in $((SECONDS - began)) s"
if [[ $pulled != "$digest" ]]; then
  echo "memory: what came back hashes to $pulled, not $digest" >&2
  exit 1
fi

peak_kib=$(awk '/^VmHWM:/ { print $2 }' "/proc/$server/status")
echo "memory: the server's peak is $peak_kib KiB of $limit_kib"
if ((peak_kib > limit_kib)); then
  echo "memory: that is too much: something of the blob is kept" >&2
  exit 1
fi
