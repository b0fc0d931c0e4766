# What ci/bench.sh does with servers: starts and ends them, watches what they use, and asks them by curl.
# shellcheck shell=bash disable=SC2034,SC2154

# Those that are started here, and all; where they are, and which process they are.
own=(proofhouse docker-registry)
servers=("${own[@]}")
declare -A urls=() pids=()
# What is to be said below the table.
notes=()
# Clients that push at the same time.
pushing=()

# The server whose turn it is.
server='' url='' pid=''
# What a load leaves: its figure, how much was done for it, and what the server used.
value='' work='' cpu='' peak=''

# configuration ROOT PORT: one for both, because both read it.
configuration() {
  cat <<YAML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: "$1"}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http: {addr: "127.0.0.1:$2", secret: of-a-bench}
YAML
}

# is_own: whether the server is one of those that are started here.
is_own() { [[ " ${own[*]} " == *" $server "* ]]; }

# root STORE: where a server that is started here keeps it.
root() { echo "$data/$server/$1"; }

# begin STORE: the server serves that store, just started if it is started here, so that no load pays for the one before.
begin() {
  local store=$1 directory
  directory=$(root "$store")
  if ! is_own; then
    url=${urls[$server]} pid=${pids[$server]}
    [[ $store != pages ]] || fill_over_http
  elif [[ $store != none ]]; then
    if [[ ! -d $directory ]]; then
      mkdir -p "$data/$server"
      if [[ $store == pages ]]; then copy pages "$directory"; else mkdir "$directory"; fi
    fi
    start "$directory"
  fi
}

# start ROOT: serves it on a port that nobody has.
start() {
  local command port log=$data/$server.log
  until port=$((20000 + RANDOM % 10000)) && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  configuration "$1" "$port" >"$data/$server.yml"
  case $server in
    proofhouse) command=("$program" serve --config) ;;
    docker-registry) command=(docker-registry serve) ;;
  esac
  "${command[@]}" "$data/$server.yml" </dev/null >"$log" 2>&1 &
  pid=$! url=http://127.0.0.1:$port
  pids[$server]=$pid urls[$server]=$url
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || break
    if curl -sf -o /dev/null "$url/v2/"; then return; fi
    sleep 0.1
  done
  fail "$server does not serve; its log:" "$(cat "$log")"
}

# stop SERVER: ends one that was started here. It must still be there, and what it logged as an error is told.
stop() {
  local log=$data/$1.log
  [[ -n ${pids[$1]:-} ]] || return 0
  kill "${pids[$1]}" 2>/dev/null || fail "$1 ended by itself; its log:" "$(tail -n 20 "$log")"
  wait "${pids[$1]}" || true
  unset "pids[$1]" "urls[$1]"
  # wrk ends in the middle of an answer, and that nobody reads its rest is no error of the server's.
  if grep -vE '^listening on |broken pipe|connection reset|superfluous response' "$log" >"$log.errors"; then
    echo "bench: $1 logged $(wc -l <"$log.errors") lines, such as:" >&2
    head -n 3 "$log.errors" >&2
  fi
}

# used: the processor's ticks that the process has used, in user and in system mode. Its name is in brackets and may be anything.
used() {
  local stat
  stat=$(<"/proc/$pid/stat")
  read -ra stat <<<"${stat##*) }"
  echo $((stat[11] + stat[12]))
}

ticks_before=
hertz=$(getconf CLK_TCK)

# settle: what earlier loads have left for the disk is on it.
settle() { sync -f "$data"; }

# watch: from here on, it is the load that is measured.
watch() {
  settle
  kill -0 "$pid" 2>/dev/null || fail "$server ended by itself" "$(tail -n 20 "$data/$server.log" 2>/dev/null || true)"
  echo 5 >"/proc/$pid/clear_refs"
  ticks_before=$(used)
}

# watched: up to here.
watched() {
  cpu=$(calculate "($(used) - $ticks_before) / $hertz")
  peak=$(awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status")
}

# timed COMMAND…: runs a command in a server's place, and measures it.
timed() {
  local began user system
  settle
  began=${EPOCHREALTIME/./}
  command time -q -f '%U %S %M' -o "$data/time" "$@" </dev/null >"$data/log" 2>&1 ||
    fail "$1 ended with an error: $*" "$(tail -n 20 "$data/log")"
  value=$(calculate "($(now) - $began) / 1e6")
  read -r user system peak <"$data/time"
  cpu=$(calculate "$user + $system") work=1
}

# now: in microseconds.
now() { echo "${EPOCHREALTIME/./}"; }

# calculate EXPRESSION: with what is not whole.
calculate() { awk "BEGIN { printf \"%.6f\", $1 }"; }

# What the last request took, in microseconds, added to what was there; the bytes of its answer, and its Location.
took=0 received=0 location=
# Where the body of an answer goes; ci/bench.sh says it once there is such a place.
answer=''

# ask STATUS ARGUMENT…: one request, by curl. Any other status is an error.
ask() {
  local wanted=$1 said status seconds
  shift
  # Nobody waits for a leave to send: only one of the two would be asked for it.
  said=$(curl -sS -H 'Expect:' -o "$answer" \
    -w '%{http_code} %{time_total} %{size_download} %header{location}' "$@") || fail "curl failed on $server: $*"
  read -r status seconds received location <<<"$said"
  if [[ $status != "$wanted" ]]; then
    fail "$server answered $status instead of $wanted: $*" "$([[ ! -f $answer ]] || head -c 1000 "$answer")"
  fi
  [[ -z $location || $location == http* ]] || location=$url$location
  took=$((took + 10#${seconds/./}))
}

# begin_upload REPOSITORY: leaves the Location.
begin_upload() { ask 202 -X POST -H 'Content-Length: 0' "$url/v2/$1/blobs/uploads/"; }

# finishing DIGEST: the Location at which an upload becomes that blob.
finishing() {
  local mark='?'
  [[ $location != *\?* ]] || mark='&'
  echo "$location${mark}digest=$1"
}

bytes=(-H 'Content-Type: application/octet-stream')

# push_streamed REPOSITORY FILE DIGEST: in one chunk, whose length is not said before.
push_streamed() {
  begin_upload "$1"
  ask 202 -X PATCH "${bytes[@]}" -H 'Transfer-Encoding: chunked' -T "$2" "$location"
  ask 201 -X PUT -H 'Content-Length: 0' "$(finishing "$3")"
}

# push_whole REPOSITORY FILE DIGEST: within the request that ends the upload.
push_whole() {
  begin_upload "$1"
  ask 201 -X PUT "${bytes[@]}" -T "$2" "$(finishing "$3")"
}

# forget REPOSITORY DIGEST: takes the bytes of a blob from the disk, which would be full soon. What another registry does to its
# disk when a blob is deleted is its own affair.
forget() {
  local hex=${2#sha256:}
  if is_own; then
    rm -r "$(root pushed)/docker/registry/v2/blobs/sha256/${hex:0:2}/$hex"
  else
    curl -s -o /dev/null -X DELETE "$url/v2/$1/blobs/$2" || true
  fi
}
