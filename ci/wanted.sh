# What a script of ci/ needs of the machine: programs that cargo does not bring, and room on a disk; to be sourced.
# shellcheck shell=bash disable=SC2034

# missing PROGRAM[=PACKAGE]…: the packages on Debian of those that are not here. The shell has a `time` of its own, which does not count.
missing() {
  local one
  for one in "$@"; do
    type -P "${one%%=*}" >/dev/null || echo "${one#*=}"
  done
}

# want WHO PROGRAM[=PACKAGE]…: installs the packages of those that are not here, where it may, and says so as WHO. Leaves in `absent`
# what is not here all the same.
absent=()
want() {
  local who=$1
  shift
  mapfile -t absent < <(missing "$@")
  if [[ ${#absent[@]} -gt 0 && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "$who: installing ${absent[*]}" >&2
    # Whoever wants them sees a failure in what is absent still.
    { DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${absent[@]}"; } </dev/null >&2 || true
    mapfile -t absent < <(missing "$@")
  fi
}

# gib_left DIRECTORY: how many whole GiB its disk has left.
gib_left() { echo $(($(df --output=avail -k "$1" | tail -n 1) >> 20)); }
