# The loads of ci/bench.sh. Each is a function load_NAME, run once for each server and round, which leaves `value`, `work`, `cpu`
# and `peak`. once_NAME prepares a server for it, each_NAME a round for all servers.
# shellcheck shell=bash disable=SC2034,SC2154

every_load=()
declare -A stores=() units=()

# load NAME STORE UNIT
load() {
  every_load+=("$1")
  stores[$1]=$2 units[$1]=$3
}

load push-stream pushed MiB/s
load push-mono pushed MiB/s
load pull pushed MiB/s
load push-8 pushed MiB/s
load manifest-put pushed requests/s
load manifest-get-tag pushed requests/s
load manifest-get-digest pushed requests/s
load manifest-head pushed requests/s
load blob-get-4k pushed requests/s
load blob-head-4k pushed requests/s
load mount pushed requests/s
load tags pages requests/s
load tags-last pages requests/s
load catalog-first pages requests/s
load catalog-last pages requests/s
load index-put pages ms
load referrers pages requests/s
load gc none s
load fsck none s

if [[ -n ${QUICK:-} ]]; then
  large_mib=32 small_mib=4 tags=1000 repositories=1000 referrers=100 entries=100 blobs=1000 puts=5 few=1
else
  large_mib=1024 small_mib=64 tags=10000 repositories=10000 referrers=1000 entries=1000 blobs=100000 puts=20 few=5
fi
# How a load grows is for ci/scaling.sh to ask.
tags=${TAGS:-$tags} repositories=${REPOSITORIES:-$repositories} blobs=${BLOBS:-$blobs}

# has LOAD: whether the server has what the load asks for.
has() {
  local nobody=sha256:0000000000000000000000000000000000000000000000000000000000000000
  case $1 in
    gc) is_own ;;
    fsck) [[ $server == proofhouse ]] ;;
    referrers)
      # A registry that has referrers answers an empty list where there are none.
      [[ $server == proofhouse ]] ||
        { [[ $server != docker-registry ]] && curl -sf -o /dev/null "${urls[$server]}/v2/referrers/referrers/$nobody"; }
      ;;
  esac
}

# --- Stores ---

# copy STORE DIRECTORY: as hard links. No load writes into a file that is there: what is new has new names, and a collection deletes.
copy() {
  [[ -d $data/stores/$1 ]] || fill "$1" "$data/stores/$1"
  rm -rf "$2"
  cp -al "$data/stores/$1" "$2"
}

# fill STORE WHERE: the directory or URL; keeps what is told of it.
fill() {
  echo "bench: filling ${2##*/}" >&2
  case $1 in
    pages) "$filler" "$2" tags=$tags repositories=$repositories entries=$entries referrers=$referrers >"$data/pages" ;;
    blobs) "$filler" "$2" blobs=$blobs ;;
  esac
}

# fill_over_http: the same pages for a registry whose disk is not ours, once.
declare -A filled=()
fill_over_http() {
  [[ -n ${filled[$server]:-} ]] || fill pages "$url"
  filled[$server]=1
}

# --- Content ---

# random FILE MIB
random() { head -c $(($2 << 20)) /dev/urandom >"$1"; }

# stamp FILE: makes it something that no registry has ever seen, and leaves its digest. To write a new file would take longer.
digest=
stamp() {
  printf '%020d' "$(now)" | dd of="$1" conv=notrunc status=none
  digest=sha256:$(sha256sum "$1" | cut -d' ' -f1)
}

# stamp_large: the large file, which is made when it is first needed.
stamp_large() {
  [[ -f $data/large ]] || random "$data/large" $large_mib
  stamp "$data/large"
}

# speed MIB: of what was done in `took`.
speed() { work=$1 value=$(calculate "$1 / ($took / 1e6)"); }

oci_image=application/vnd.oci.image.manifest.v1+json oci_index=application/vnd.oci.image.index.v1+json
accepted=$oci_image,$oci_index

# push_image: the image `image:latest`, with a layer of 4 KiB; leaves its parts and digests.
layer_digest='' image_digest='' image=''
push_image() {
  local config_digest
  printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}' >"$data/config"
  [[ -f $data/layer ]] || head -c 4096 /dev/urandom >"$data/layer"
  config_digest=sha256:$(sha256sum "$data/config" | cut -d' ' -f1)
  layer_digest=sha256:$(sha256sum "$data/layer" | cut -d' ' -f1)
  push_whole image "$data/config" "$config_digest"
  push_whole image "$data/layer" "$layer_digest"
  # Each pushed under a tag of its own has another text in the place of the @.
  image=$(printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s],"annotations":{"bench":"@"}}' "$oci_image" \
    "{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"$config_digest\",\"size\":$(stat -c %s "$data/config")}" \
    "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"$layer_digest\",\"size\":4096}")
  printf %s "$image" >"$data/image"
  image_digest=sha256:$(sha256sum "$data/image" | cut -d' ' -f1)
  ask 201 -X PUT -H "Content-Type: $oci_image" -T "$data/image" "$url/v2/image/manifests/latest"
}

# --- Many requests ---

# clients NUMBER: so many connections, unless told otherwise.
clients() { echo "${CLIENTS:-$1}"; }

# hammer CONNECTIONS PATH [SCRIPT [ARGUMENT…]]: the same by wrk, on so many connections.
hammer() {
  local connections path=$2 script=${3:-get} said requests microseconds refused broken wrong seconds
  connections=$(clients "$1")
  # Of a few requests, those that the end cuts off would be a large part.
  for seconds in $duration $((4 * duration)) $((16 * duration)); do
    watch
    said=$(wrk -t 1 -c "$connections" -d "${seconds}s" --timeout 60s -H "Accept: $accepted" -s "ci/bench/$script.lua" \
      "$url$path" -- "${@:4}")
    watched
    read -r _ requests microseconds refused broken wrong < <(grep '^told ' <<<"$said") || fail "wrk told nothing: $said"
    if ((refused + broken + wrong > 0)) || grep -q 'Non-2xx or 3xx responses' <<<"$said"; then
      fail "of $requests requests to $server at $path ($script.lua), $refused were refused, $wrong were not answered by 201; $broken failed" \
        "$said"
    fi
    if ((requests > (few - 1) * connections)); then break; fi
  done
  ((requests > 0)) || fail "$server answered no request to $path within $seconds s; set a longer DURATION"
  work=$requests value=$(calculate "$requests / ($microseconds / 1e6)")
}

# hammer_heads CONNECTIONS PATH: HEAD by ab, because wrk waits for the body that does not come.
hammer_heads() {
  local said requests seconds
  watch
  said=$(ab -q -i -k -c "$(clients "$1")" -t "$duration" -n $((200000 * duration)) -H "Accept: $accepted" "$url$2" 2>&1) || fail "ab failed: $said"
  watched
  read -r requests seconds < <(awk '
    /^Complete requests:/ { requests = $3 }
    /^Time taken for tests:/ { seconds = $5 }
    /^Failed requests:/ || /^Non-2xx responses:/ || /^Write errors:/ { bad += $3 }
    # What is not kept alive pays for a connection each time, and is another load.
    /^Keep-Alive requests:/ { kept = $3 }
    END { if (requests > 0 && bad == 0 && kept >= requests) print requests, seconds }' <<<"$said") ||
    fail "not all requests to $server were answered as they should" "$said"
  work=$requests value=$(calculate "$requests / $seconds")
}

# same FILE PATH: what is asked for again and again is that.
same() {
  ask 200 -H "Accept: $accepted" "$url$2"
  cmp -s "$1" "$answer" || fail "$server answers something else at $2:" "$(head -c 1000 "$answer")"
}

# page FIRST LAST PATTERN PATH: what is asked for again and again is the page from the one to the other, a hundred names.
page() {
  local names
  ask 200 "$url$4"
  mapfile -t names < <(grep -oE "\"$3\"" "$answer" | tr -d '"')
  if [[ ${#names[@]} == "$tags" && $3 == t* ]]; then
    note "$server does not page tags: it answers all $tags each time."
  elif [[ ${#names[@]} != 100 || ${names[0]} != "$1" || ${names[99]} != "$2" ]]; then
    fail "$server answers ${#names[@]} names, from ${names[0]:-} on, and not those from $1 to $2, at $4"
  fi
}

# note TEXT: said once, below the table.
note() {
  local said
  for said in ${notes[@]+"${notes[@]}"}; do
    [[ $said != "$1" ]] || return 0
  done
  notes+=("$1")
}

# --- The loads ---

each_push_stream() { stamp_large; }
load_push_stream() {
  took=0
  watch
  push_streamed push "$data/large" "$digest"
  watched
  speed $large_mib
  forget push "$digest"
}

# Both registries take the whole blob within the last request.
each_push_mono() { stamp_large; }
load_push_mono() {
  took=0
  watch
  push_whole push "$data/large" "$digest"
  watched
  speed $large_mib
  forget push "$digest"
}

declare -A pulled=()
once_pull() {
  local sum
  [[ -n ${pulled[$server]:-} ]] && return
  stamp_large
  push_whole pull "$data/large" "$digest"
  pulled[$server]=$digest
  # What is read for the first time may come from the disk; all of it is compared here, and its length from now on.
  sum=$(curl -sSf "$url/v2/pull/blobs/$digest" | sha256sum) || fail "$server does not answer the blob that it has"
  [[ $sum == "${digest#sha256:} "* ]] || fail "$server answers another blob than was pushed"
}
load_pull() {
  took=0
  watch
  answer=/dev/null ask 200 "$url/v2/pull/blobs/${pulled[$server]}"
  watched
  ((received == large_mib << 20)) || fail "$server sent $received bytes of the blob"
  speed $large_mib
}

eight=()
each_push_8() {
  local file
  eight=()
  for file in "$data"/small-{1..8}; do
    [[ -f $file ]] || random "$file" $small_mib
    stamp "$file"
    eight+=("$digest")
  done
}
load_push_8() {
  local began one
  pushing=()
  watch
  began=$(now)
  for one in {1..8}; do
    answer=$data/answer-$one push_streamed push "$data/small-$one" "${eight[one - 1]}" &
    pushing+=($!)
  done
  for one in "${pushing[@]}"; do
    wait "$one" || fail "a push of eight at once failed on $server"
  done
  took=$(($(now) - began))
  watched
  pushing=()
  speed $((8 * small_mib))
  for one in "${eight[@]}"; do
    forget push "$one"
  done
}

once_manifest_put() { push_image; }
load_manifest_put() {
  # Tags begin with a letter or digit, and the clock makes those of each round new.
  hammer 8 / put image "$(now)" "$image"
}

once_manifest_get_tag() { push_image; same "$data/image" /v2/image/manifests/latest; }
load_manifest_get_tag() { hammer 16 /v2/image/manifests/latest; }

once_manifest_get_digest() { push_image; same "$data/image" "/v2/image/manifests/$image_digest"; }
load_manifest_get_digest() { hammer 16 "/v2/image/manifests/$image_digest"; }

once_manifest_head() { once_manifest_get_tag; }
load_manifest_head() { hammer_heads 16 /v2/image/manifests/latest; }

once_blob_get_4k() { push_image; same "$data/layer" "/v2/image/blobs/$layer_digest"; }
load_blob_get_4k() { hammer 16 "/v2/image/blobs/$layer_digest"; }

once_blob_head_4k() { once_blob_get_4k; }
load_blob_head_4k() { hammer_heads 16 "/v2/image/blobs/$layer_digest"; }

once_mount() { push_image; }
load_mount() { hammer 8 / mount image "$layer_digest" "$(now)"; }

# numbered FORMAT NUMBER: a name of a filled store.
numbered() { printf "$1%05d" "$((10#$2))"; }

once_tags() { page t00000 t00099 't[0-9]{5}' '/v2/tags/tags/list?n=100'; }
load_tags() { hammer 8 '/v2/tags/tags/list?n=100'; }

tags_last="/v2/tags/tags/list?n=100&last=$(numbered t $((tags - 101)))"
once_tags_last() { page "$(numbered t $((tags - 100)))" "$(numbered t $((tags - 1)))" 't[0-9]{5}' "$tags_last"; }
load_tags_last() { hammer 8 "$tags_last"; }

once_catalog_first() { page catalog/00000 catalog/00099 'catalog/[0-9]{5}' '/v2/_catalog?n=100'; }
load_catalog_first() { hammer 8 '/v2/_catalog?n=100'; }

catalog_last="/v2/_catalog?n=100&last=$(numbered catalog/ $((repositories - 101)))"
once_catalog_last() {
  page "$(numbered catalog/ $((repositories - 100)))" "$(numbered catalog/ $((repositories - 1)))" 'catalog/[0-9]{5}' "$catalog_last"
}
load_catalog_last() { hammer 8 "$catalog_last"; }

load_index_put() {
  local one manifests all=()
  manifests=$(head -n 1 "$data/pages")
  watch
  for one in $(seq $puts); do
    printf '{"schemaVersion":2,"mediaType":"%s","annotations":{"bench":"%s"},"manifests":%s}' \
      "$oci_index" "$(now)" "$manifests" >"$data/index"
    took=0
    ask 201 -X PUT -H "Content-Type: $oci_index" -T "$data/index" "$url/v2/entries/manifests/index"
    all+=("$took")
  done
  watched
  work=$puts value=$(calculate "$(printf '%s\n' "${all[@]}" | sort -n | sed -n "$(((puts + 1) / 2))p") / 1000")
}

once_referrers() {
  local found
  subject=$(tail -n 1 "$data/pages")
  ask 200 "$url/v2/referrers/referrers/$subject"
  found=$(grep -o '"artifactType"' "$answer" | wc -l)
  ((found == referrers)) || fail "$server answers $found referrers of $referrers"
}
load_referrers() { hammer 8 "/v2/referrers/referrers/$subject"; }

load_gc() {
  local left command=("$program" gc --grace 0s --root "$data/collected")
  copy blobs "$data/collected"
  if [[ $server == docker-registry ]]; then
    configuration "$data/collected" 0 >"$data/gc.yml"
    command=(docker-registry garbage-collect "$data/gc.yml")
  fi
  timed "${command[@]}"
  left=$(find "$data/collected/docker/registry/v2/blobs" -name data | wc -l)
  ((left == blobs - blobs / 10)) || fail "$server left $left blobs of $blobs; a tenth should have gone"
}

once_fsck() { copy blobs "$data/checked"; }
load_fsck() { timed "$program" fsck --root "$data/checked"; }
