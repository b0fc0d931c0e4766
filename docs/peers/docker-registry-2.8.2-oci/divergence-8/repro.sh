#!/bin/sh
# tags.page: A page holds the next tags after `last`, at most `n`, and announces a next page if any are left.
#
# sh repro.sh [URL]: asks the registry what broke this rule. Exit status 0: the last answer is the reported one;
# 1: it is another; 2: nothing can be said. It writes below a fresh prefix, and leaves what it wrote.
# If the registry wants credentials: PROOFHOUSE_USERNAME and PROOFHOUSE_PASSWORD in the environment are shown to it (Basic), or
# PROOFHOUSE_TOKEN (Bearer).
set -u
LC_ALL=C
export LC_ALL
base=${1:-"http://127.0.0.1:5790"}
# Where the registry is, and the prefix of everything that is written to it: nobody has used it before.
base=${base%/}
case $base in *://*) ;; *) base=http://$base ;; esac
root=$(printf '%s\n' "$base" | sed 's|^\([^:]*://[^/]*\).*|\1|')
ns=proofhouse-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
: >"$work/payload"
step=0
same=yes
denied=

# could_not WHY: ends, because nothing can be said of the registry.
could_not() {
  printf '\ncannot tell: %s\n' "$1"
  exit 2
}

# setting NAME VALUE: a line of a file that curl reads.
setting() {
  printf '%s = "%s"\n' "$1" "$(printf '%s' "$2" | tr -d '\n\r' | sed 's/[\\"]/\\&/g')" >"$work/credentials"
}

# Credentials stand in a file that nobody else reads, not among the arguments of curl, which everybody on the machine sees.
wanted='it wants credentials; see the top of this script'
if [ -n "${PROOFHOUSE_TOKEN-}" ]; then
  setting header "Authorization: Bearer $PROOFHOUSE_TOKEN"
elif [ -n "${PROOFHOUSE_USERNAME-}" ]; then
  setting user "$PROOFHOUSE_USERNAME:${PROOFHOUSE_PASSWORD-}"
fi
[ ! -e "$work/credentials" ] || wanted='it wants other credentials than the environment has, or they may not do this'

# header NAME: its value in the last answer; nothing if it is not there.
header() {
  tr -d '\r' <"$work/head" | awk -v name="$1" '
    BEGIN { name = tolower(name) }
    /^HTTP\// { value = "" }
    { at = index($0, ":") }
    at && tolower(substr($0, 1, at - 1)) == name {
      value = substr($0, at + 1)
      gsub(/^[ \t]+|[ \t]+$/, "", value)
    }
    END { print value }'
}

# sum ALGORITHM: the digest of the last body; sha256 or sha512.
sum() {
  if command -v "$1sum" >/dev/null; then
    "$1sum" <"$work/body"
  else
    shasum -a "${1#sha}" <"$work/body"
  fi | cut -d ' ' -f 1
}

# ask METHOD URL CURL-ARGUMENTS…: sends a request, and prints it and its answer. An answer that wants credentials ends the script,
# unless its status is $denied, which is the one that was reported.
ask() {
  step=$((step + 1))
  method=$1
  url=$2
  shift 2
  if [ "$method" = HEAD ]; then set -- --head "$@"; else set -- --request "$method" "$@"; fi
  # A registry may name any place as that of an upload; credentials are for the registry alone.
  case $url in "$root"/*) [ ! -e "$work/credentials" ] || set -- --config "$work/credentials" "$@" ;; esac
  printf '\n%s. %s %s\n' "$step" "$method" "$url"
  : >"$work/head"
  : >"$work/body"
  status=$(curl --silent --show-error --globoff --path-as-is --http1.1 --noproxy '*' --max-time 60 \
    --header 'Expect:' --output "$work/body" --dump-header "$work/head" --write-out '%{http_code}' "$@" "$url")
  failed=$?
  case $failed in 1 | 2 | 3 | 4 | 5 | 6 | 7 | 35 | 60 | 127) could_not "curl ends with $failed" ;; esac
  # HEAD has no body; curl writes the headers there.
  if [ "$method" = HEAD ]; then : >"$work/body"; fi
  printf '   status %s\n' "$status"
  tr -d '\r' <"$work/head" | grep -i -E \
    '^(location|range|content-range|content-type|content-length|docker-|oci-|link)[^:]*:' | tr -c '[:print:]\n' . | sed 's/^/   /'
  if [ -s "$work/body" ]; then
    printf '   body: '
    head -c 1000 "$work/body" | tr -c '[:print:]\n' . | sed '2,$s/^/   /'
    [ "$(wc -c <"$work/body")" -le 1000 ] || printf '…'
    printf '\n'
  fi
  case $status in "$denied") ;; 401 | 403) could_not "$wanted (status $status)" ;; esac
  denied=
}

# with URL PARAMETERS: the URL with more parameters.
with() {
  case $1 in *\?*) printf '%s&%s' "$1" "$2" ;; *) printf '%s?%s' "$1" "$2" ;; esac
}

# remember N REPOSITORY: if the last answer leaves upload N open, it goes on where that says.
remember() {
  case $status in 202 | 204) ;; *) return ;; esac
  location=$(header Location)
  case $location in
    '') return ;;
    *://*) ;;
    //*) location=${root%%//*}$location ;;
    /*) location=$root$location ;;
    *)
      here=${url%%\?*}
      location=${here%/*}/$location
      ;;
  esac
  eval "location_$1=\$location; opened_in_$1=\$2"
}

# upload N REPOSITORY: where upload N is asked for in a repository, be it its own or not, opened or not.
upload() {
  eval "location=\${location_$1-}; opened_in=\${opened_in_$1-}"
  if [ -z "$location" ]; then
    printf '%s/v2/%s/blobs/uploads/00000000-0000-4000-8000-%012x' "$root" "$2" "$1"
  elif [ "$opened_in" = "$2" ]; then
    printf '%s' "$location"
  else
    case $location in
      */v2/"$opened_in"/blobs/uploads/*) id=${location##*/v2/"$opened_in"/blobs/uploads/} ;;
      *) id=${location##*/} ;;
    esac
    printf '%s/v2/%s/blobs/uploads/%s' "$root" "$2" "$id"
  fi
}

# run WHAT COMMAND: an operator's command, and then the registry until it answers.
run() {
  step=$((step + 1))
  printf '\n%s. %s\n' "$step" "$1"
  [ -n "$2" ] || could_not "no command is given that can $1; see the top of this script"
  sh -c "$2" || could_not "the command fails: $2"
  curl --silent --output /dev/null --retry 30 --retry-delay 1 --retry-connrefused "$base/v2/" ||
    could_not 'the registry does not answer after it'
}

# try WHAT COMMAND: the same with a command that was reported to fail, or not to end within a minute.
try() {
  step=$((step + 1))
  printf '\n%s. %s\n' "$step" "$1"
  [ -n "$2" ] || could_not "no command is given that can $1; see the top of this script"
  rm -f "$work/ended"
  {
    sh -c "$2"
    echo "$?" >"$work/ended"
  } &
  waited=0
  while [ ! -s "$work/ended" ] && [ "$waited" -lt 60 ]; do
    sleep 1
    waited=$((waited + 1))
  done
  failed=$(cat "$work/ended" 2>/dev/null || echo 'no end')
  if [ "$failed" = 0 ]; then
    curl --silent --output /dev/null --retry 30 --retry-delay 1 --retry-connrefused "$base/v2/"
    failed=$?
  fi
}

# What follows compares the last answer with the reported one.
differs() {
  same=no
  printf 'differs: %s\n' "$1"
}
status_is() {
  case " $* " in *" $status "*) ;; *) differs "the status is $status; reported: $*" ;; esac
}
header_is() {
  value=$(header "$1")
  [ "$value" = "$2" ] || differs "$1 is '$value'; reported: '$2'"
}
# The media type without its parameters.
type_is() {
  value=$(header Content-Type | sed 's/[ \t]*;.*//')
  [ "$value" = "$1" ] || differs "Content-Type is '$value'; reported: '$1'"
}
no_header() {
  value=$(header "$1")
  [ -z "$value" ] || differs "there is $1: $value; reported: none"
}
# The last byte that an upload holds; where it holds one or none, a registry may say it in two ways.
holds_to() {
  value=$(header Range)
  [ "${value#bytes=}" = "0-$1" ] || differs "Range is '$value'; reported: '0-$1'"
}
body_is() {
  value=$(sum "$1")
  [ "$value" = "$2" ] || differs "the $1 of the body is $value; reported: $2"
}
# all_of PATTERN VALUES: what stands in the body as PATTERN, in this order.
all_of() {
  value=$(tr -d '\n\r\t' <"$work/body" | grep -o "\"$1\" *: *\"[^\"]*\"" | sed 's/^[^:]*: *"//; s/"$//' | tr '\n' ' ')
  [ "${value% }" = "$2" ] || differs "the values of \"$1\" are '${value% }'; reported: '$2'"
}
# names_are MEMBER NAMES: the list of strings MEMBER of the body, quoted and separated by commas, without the prefix.
names_are() {
  value=$(tr -d ' \n\r\t' <"$work/body" | sed "s|\"$ns/|\"|g" | sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p")
  [ "$value" = "$2" ] || differs "\"$1\" are [$value]; reported: [$2]"
}
command_fails() {
  [ "$failed" != 0 ] || differs 'the command succeeds, and the registry answers; reported: it does not'
}
broken_off() {
  [ "$failed" != 0 ] || differs 'the answer came in whole; reported: it did not'
}

# 1. push manifest latest to a as application/vnd.oci.image.index.v1+json: 112 bytes {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]} and 24 of white space
# Then it was: 201 manifest stored as sha256:275da25ad23c…
printf -- '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}\011 \011  \011 \011\011 \011  \011 \011  \011\011 \011\011 ' >"$work/payload"
ask PUT "$base/v2/$ns/a/manifests/latest" \
  --header 'content-type: application/vnd.oci.image.index.v1+json' \
  --data-binary "@$work/payload"

# 2. list the tags of a, after latest
ask GET "$base/v2/$ns/a/tags/list?last=latest"

printf '\n'
printf '%s\n' 'rule:      tags.page (MUST): A page holds the next tags after `last`, at most `n`, and announces a next page if any are left.'
printf '%s\n' 'permitted: [] in this order, a next page if any are left [tags.page]'
printf '%s\n' 'reported:  200 [latest]'
status_is 200
names_are tags '"latest"'
no_header Link
if [ "$same" = yes ]; then
  echo 'the last answer is the reported one: it still diverges'
  exit 0
fi
echo 'the last answer is not the reported one'
exit 1
