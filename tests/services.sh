#!/usr/bin/env bash
# Private instances of the four real services, for tests: PostgreSQL, Valkey, RabbitMQ and MongoDB on free loopback ports,
# with their data under a directory of the caller's. Nothing that already runs on the machine is used or touched.
#
#   tests/services.sh install                      install what is missing; quick when all is there
#   tests/services.sh start  DIR [service...]      start (all by default), wait until ready, write DIR/env
#   tests/services.sh stop   DIR [service...]      stop cleanly; `start` brings the same instance back on the same port
#   tests/services.sh kill   DIR [service...]      end at once, as a power cut would; data and port stay
#   tests/services.sh pause  DIR [service...]      freeze: connections stay open, nothing answers
#   tests/services.sh resume DIR [service...]      thaw
#   tests/services.sh status DIR                   one line for each service: name, state, port
#   tests/services.sh remove DIR                   end everything and delete DIR, from any state
#
# services: postgres valkey rabbitmq mongodb
# exit:     0 done | 1 failed, with the reason on stderr | 2 wrong usage | 3 not running (kill, pause, resume)
#
# TURNSTILE_TEST_BACKEND=native|docker chooses how they run. Unset: native if the programs are there or apt can install them,
# else the Docker engine. Docker images: POSTGRES_IMAGE, VALKEY_IMAGE, RABBITMQ_IMAGE, MONGODB_IMAGE.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly ALL_SERVICES=(postgres valkey rabbitmq mongodb)
# Seconds: a service that is not ready, or not gone, after this long has failed.
readonly READY_SECONDS=180 STOP_SECONDS=30
# Below the ephemeral range, so that no outgoing connection takes the port of a service that is down for a moment.
readonly FIRST_PORT=15000 LAST_PORT=31999
readonly PORT_BOOK=/tmp/turnstile-test-ports.$EUID

say() { printf 'services: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
usage() { sed -n '2,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# shellcheck source=tests/services/install.sh
source "$here/services/install.sh"
# shellcheck source=tests/services/native.sh
source "$here/services/native.sh"
# shellcheck source=tests/services/docker.sh
source "$here/services/docker.sh"

# --- ports -----------------------------------------------------------------------------------------------------------

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# After a kill a port may be held for a moment longer than its process can be seen.
wait_free() {
  local deadline=$((SECONDS + STOP_SECONDS))
  while port_answers "$1"; do
    ((SECONDS < deadline)) || { say "the port $1 is not free: $(grep -i ":$(printf %04X "$1") .* 0A " /proc/net/tcp)"; return 1; }
    sleep 0.05
  done
}

# Reserves a free port for the lifetime of DIR: the book has one file per port, naming the directory that owns it.
reserve_port() {
  local dir=$1 port owner tries
  mkdir -p "$PORT_BOOK"
  exec 8>"$PORT_BOOK/lock"
  flock -w 20 8 || fail "the book of ports is locked: $PORT_BOOK"
  for ((tries = 0; tries < 500; tries++)); do
    port=$((FIRST_PORT + (RANDOM * 32768 + RANDOM) % (LAST_PORT - FIRST_PORT + 1)))
    if [[ -e $PORT_BOOK/$port ]]; then
      owner=$(<"$PORT_BOOK/$port")
      [[ -d $owner ]] && continue
    fi
    port_answers "$port" && continue
    printf '%s\n' "$dir" >"$PORT_BOOK/$port"
    exec 8>&-
    printf '%s\n' "$port"
    return 0
  done
  fail "no free port between $FIRST_PORT and $LAST_PORT"
}

release_ports() {
  local file
  for file in "$1"/*/port "$1"/*/*_port; do
    [[ -f $file ]] && rm -f "$PORT_BOOK/$(<"$file")"
  done
  return 0
}

# The port kept in FILE, reserved on first use. Usage: kept_port DIR FILE
kept_port() {
  [[ -s $2 ]] || reserve_port "$1" >"$2"
  cat "$2"
}

# --- readiness -------------------------------------------------------------------------------------------------------

# Sends BYTES (printf escapes) to a port and prints the first byte of the answer that is not NUL.
first_answer() {
  local byte=''
  {
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf '%b' "$2" >&3
    IFS= read -r -n 1 -t 2 -u 3 byte
    exec 3>&-
  } 2>/dev/null
  [[ -n $byte ]] && printf '%s' "$byte"
}

# Asks the service's own protocol, so that neither client programs nor an open but deaf port are trusted.
is_ready() {
  local service=$1 port=$2 answer
  # shellcheck disable=SC2016 # $db is a field's name.
  case $service in
    # Startup message for user and database `postgres`; R: authentication goes on, E: starting up or stopping.
    postgres) answer=$(first_answer "$port" '\x00\x00\x00\x29\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00') && [[ $answer == R ]] ;;
    valkey) answer=$(first_answer "$port" 'PING\r\n') && [[ $answer == + ]] ;;
    # AMQP 0-9-1 header; the broker answers with a method frame (type 1) once its listeners are open.
    rabbitmq) answer=$(first_answer "$port" 'AMQP\x00\x00\x09\x01') && [[ $answer == $'\x01' ]] ;;
    # OP_MSG with {hello: 1, $db: "admin"}.
    mongodb) first_answer "$port" '\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00\x00\x00\x00\x00\x00\x1f\x00\x00\x00\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00' >/dev/null ;;
  esac
}

wait_ready() {
  local dir=$1 service=$2 port deadline=$((SECONDS + READY_SECONDS))
  port=$(<"$dir/$service/port")
  until (is_ready "$service" "$port"); do
    if ((SECONDS >= deadline)) || ! "${backend}_alive" "$dir" "$service"; then
      say "$service did not become ready; the end of its log:"
      "${backend}_log" "$dir" "$service" | tail -n 20 >&2
      return 1
    fi
    sleep 0.1
  done
}

# --- subcommands -----------------------------------------------------------------------------------------------------

url_of() {
  local port
  port=$(<"$1/$2/port")
  case $2 in
    postgres) printf "export TEST_POSTGRES_URL='postgres://postgres@127.0.0.1:%s/postgres'\n" "$port" ;;
    valkey) printf "export TEST_VALKEY_URL='redis://127.0.0.1:%s'\n" "$port" ;;
    rabbitmq) printf "export TEST_RABBITMQ_URL='amqp://guest:guest@127.0.0.1:%s/%%2f?heartbeat=10'\n" "$port" ;;
    mongodb) printf "export TEST_MONGODB_URL='mongodb://127.0.0.1:%s/'\n" "$port" ;;
  esac
}

# Written whole and last: who sees the file may connect.
write_env() {
  local service
  for service in "${ALL_SERVICES[@]}"; do
    [[ -s $1/$service/port ]] && url_of "$1" "$service"
  done >"$1/.env.new"
  mv "$1/.env.new" "$1/env"
}

start_one() {
  local port
  mkdir -p "$1/$2"
  port=$(kept_port "$1" "$1/$2/port")
  if ! "${backend}_alive" "$1" "$2"; then
    wait_free "$port" || return 1
    "${backend}_start" "$1" "$2" "$port" || return 1
  fi
  wait_ready "$1" "$2"
}

is_known() {
  local service
  for service in "${ALL_SERVICES[@]}"; do [[ $service == "$1" ]] && return 0; done
  return 1
}

# Runs `verb DIR service` for each service side by side; the worst exit code is the result.
each() {
  local verb=$1 dir=$2 service pid status=0 code
  local -a pids=()
  shift 2
  for service in "$@"; do
    "$verb" "$dir" "$service" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    code=0
    wait "$pid" || code=$?
    ((code > status)) && status=$code
  done
  return "$status"
}

status_of() {
  local service state
  for service in "${ALL_SERVICES[@]}"; do
    [[ -s $1/$service/port ]] || continue
    state=stopped
    "${backend}_alive" "$1" "$service" && state=running
    printf '%s %s %s\n' "$service" "$state" "$(<"$1/$service/port")"
  done
}

remove_all() {
  local -a present=()
  local service
  [[ -d $1 ]] || return 0
  for service in "${ALL_SERVICES[@]}"; do [[ -d $1/$service ]] && present+=("$service"); done
  # A directory with anything else in it is not ours to delete.
  if [[ ${#present[@]} -gt 0 ]]; then
    each "${backend}_remove" "$1" "${present[@]}"
    release_ports "$1"
    (cd "$1" && rm -rf -- "${present[@]}" env .env.new backend)
  fi
  rmdir -- "$1" 2>/dev/null || say "left in place, as it holds other files: $1"
}

# The backend chosen at the first start of DIR stays with it.
choose_backend() {
  if [[ -n ${1:-} && -s $1/backend ]]; then
    backend=$(<"$1/backend")
  elif [[ -n ${TURNSTILE_TEST_BACKEND:-} ]]; then
    backend=$TURNSTILE_TEST_BACKEND
  elif native_present || native_installable; then
    backend=native
  elif docker info >/dev/null 2>&1; then
    backend=docker
  else
    fail "needs PostgreSQL, Valkey (or Redis), RabbitMQ and MongoDB installed, or apt as root, or a running Docker engine"
  fi
  [[ $backend == native || $backend == docker ]] || fail "TURNSTILE_TEST_BACKEND is native or docker, not: $backend"
}

main() {
  local verb=${1:-} dir service
  [[ -n $verb ]] || usage
  shift
  if [[ $verb == install ]]; then
    choose_backend
    "${backend}_install"
    return
  fi
  dir=${1:-}
  [[ -n $dir ]] || usage
  shift
  case $verb in start | stop | kill | pause | resume | status | remove) ;; *) usage ;; esac
  for service in "$@"; do is_known "$service" || { say "unknown service: $service"; usage; }; done
  [[ $# -gt 0 ]] || set -- "${ALL_SERVICES[@]}"
  if [[ $verb == start ]]; then mkdir -p "$dir"; fi
  dir=$(cd "$dir" 2>/dev/null && pwd) || { [[ $verb == remove || $verb == stop ]] && return 0; fail "no such directory: $dir"; }
  choose_backend "$dir"
  case $verb in
    start)
      printf '%s\n' "$backend" >"$dir/backend"
      "${backend}_prepare" "$dir" "$@"
      each start_one "$dir" "$@" || fail "not every service came up: $*"
      write_env "$dir"
      ;;
    status) status_of "$dir" ;;
    remove) remove_all "$dir" ;;
    *) each "${backend}_$verb" "$dir" "$@" ;;
  esac
}

main "$@"
