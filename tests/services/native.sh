# shellcheck shell=bash
# Runs the services as plain processes of this machine. Sourced by tests/services.sh.
#
# DIR/<service>/pid holds "pid start-time": a process id alone may by then belong to somebody else.

# Kernel start time of a process that lives. A zombie does not once its other threads have ended, too: until then it has its ports.
start_time() {
  local stat
  local -a threads
  { IFS= read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The name in parentheses may hold spaces: count from behind it. State is field 3, start time field 22.
  local -a field
  read -ra field <<<"${stat##*) }"
  if [[ ${field[0]} == [ZX] ]]; then
    threads=("/proc/$1/task/"*)
    ((${#threads[@]} > 1)) || return 1
  fi
  printf '%s\n' "${field[19]}"
}

# The living process of a service, or failure. Usage: native_pid DIR NAME
native_pid() {
  local pid started
  [[ -s $1/$2/pid ]] || return 1
  read -r pid started <"$1/$2/pid"
  [[ $(start_time "$pid") == "$started" ]] && printf '%s\n' "$pid"
}

native_alive() { native_pid "$1" "$2" >/dev/null; }

native_log() { cat "$1/$2/log"; }

# Starts a program in a session of its own, so that it outlives this script and no terminal signal reaches it.
launch() {
  local home=$1
  shift
  setsid "$@" </dev/null >>"$home/log" 2>&1 8>&- 9>&- &
  printf '%s %s\n' $! "$(start_time $!)" >"$home/pid"
}

# PostgreSQL refuses to run as root.
as_postgres=()
if [[ $(id -u) == 0 ]]; then as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups --); fi

native_prepare() {
  local dir=$1
  shift
  native_install
  if [[ $(id -u) == 0 && " $* " == *" postgres "* ]]; then
    chmod a+x "$dir"
    "${as_postgres[@]}" test -x "$dir" || fail "the user postgres cannot enter $dir: use a directory under /tmp"
  fi
}

native_start() { "start_$2" "$1/$2" "$3" "$1"; }

start_postgres() {
  local home=$1 port=$2 programs socket
  programs=$(postgres_programs)
  mkdir -p "$home/data" "$home/socket"
  if [[ $(id -u) == 0 ]]; then chown -R postgres: "$home/data" "$home/socket"; fi
  chmod 700 "$home/data"
  socket=$home/socket
  # A path of a unix socket holds at most 107 characters.
  ((${#socket} < 80)) || socket=''
  if [[ ! -s $home/data/global/pg_control ]]; then
    (cd / && "${as_postgres[@]}" "$programs/initdb" --pgdata="$home/data" --username=postgres --auth=trust \
      --encoding=UTF8 --locale=C --no-sync) >>"$home/log" 2>&1 || return 1
  fi
  # It is down, with all its children: `start` and `kill` made sure. What a kill left would name a process id that is a
  # zombie or somebody else by now, and PostgreSQL would take it for a living server.
  rm -f "$home/data/postmaster.pid" "$home"/socket/.s.PGSQL.*
  # fsync stays on: what is measured and what survives a kill is what production does.
  cd / && launch "$home" "${as_postgres[@]}" "$programs/postgres" -D "$home/data" -p "$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories="$socket" -c max_connections=300 -c fsync=on
}

# Nothing is saved: after a restart the locks are gone, which is the harder case for the server.
start_valkey() {
  mkdir -p "$1/data"
  launch "$1" "$(valkey_program)" --port "$2" --bind 127.0.0.1 --dir "$1/data" --save '' --appendonly no --maxmemory-policy noeviction
}

start_rabbitmq() {
  local home=$1 port=$2 dir=$3 dist_port epmd_port program
  dist_port=$(kept_port "$dir" "$home/dist_port")
  epmd_port=$(kept_port "$dir" "$home/epmd_port")
  program=$(rabbitmq_program)
  mkdir -p "$home/home" "$home/epmd"
  [[ -s $home/home/.erlang.cookie ]] || { printf 'turnstile%s' "$dist_port" >"$home/home/.erlang.cookie"; chmod 400 "$home/home/.erlang.cookie"; }
  printf 'listeners.tcp.1 = 127.0.0.1:%s\n' "$port" >"$home/rabbitmq.conf"
  printf '[].\n' >"$home/enabled_plugins"
  : >"$home/rabbitmq-env.conf"
  # An own port mapper, in the foreground of its own session: nothing of the broker's is shared with another run.
  native_alive "$dir" rabbitmq/epmd || launch "$home/epmd" epmd -port "$epmd_port" -address 127.0.0.1
  # RUNNING_UNDER_SYSTEMD makes the script become the Erlang machine, so that the process id is the broker's own.
  launch "$home" env -u NOTIFY_SOCKET HOME="$home/home" RUNNING_UNDER_SYSTEMD=true \
    ERL_EPMD_PORT="$epmd_port" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME="turnstile$port@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$port" RABBITMQ_DIST_PORT="$dist_port" \
    RABBITMQ_CONF_ENV_FILE="$home/rabbitmq-env.conf" RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" RABBITMQ_FEATURE_FLAGS_FILE="$home/feature_flags" \
    RABBITMQ_MNESIA_BASE="$home/data" RABBITMQ_LOG_BASE="$home/logs" RABBITMQ_PID_FILE="$home/broker.pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none' \
    "$program"
}

# The cache is bounded: several instances share the machine with what they serve.
start_mongodb() {
  mkdir -p "$1/data"
  launch "$1" "$(mongodb_program)" --port "$2" --bind_ip 127.0.0.1 --dbpath "$1/data" --nounixsocket \
    --wiredTigerCacheSizeGB 0.25 --setParameter diagnosticDataCollectionEnabled=false
}

# A process and all below it. PostgreSQL serves each connection by a child.
family() {
  local child
  printf '%s\n' "$1"
  for child in $(ps -o pid= --ppid "$1"); do family "$child"; done
}

signal_family() {
  local pid
  for pid in $(family "$2"); do kill -s "$1" "$pid" 2>/dev/null || true; done
}

wait_gone() {
  local deadline=$((SECONDS + STOP_SECONDS))
  while native_alive "$1" "$2"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

native_stop() {
  local pid signal=TERM
  pid=$(native_pid "$1" "$2") || return 0
  # A paused process would not see the request.
  signal_family CONT "$pid"
  # PostgreSQL's SIGTERM waits for its clients to leave, SIGINT does not.
  [[ $2 != postgres ]] || signal=INT
  kill -s "$signal" "$pid" 2>/dev/null || true
  wait_gone "$1" "$2" || { say "$2 did not stop in $STOP_SECONDS s"; return 1; }
}

native_kill() {
  local pid deadline=$((SECONDS + STOP_SECONDS))
  pid=$(native_pid "$1" "$2") || { say "not running: $2"; return 3; }
  # Frozen first, so that no child appears between the listing and the blow.
  kill -s STOP "$pid" 2>/dev/null || true
  local -a members
  mapfile -t members < <(family "$pid")
  kill -s KILL "${members[@]}" 2>/dev/null || true
  for pid in "${members[@]}"; do
    while start_time "$pid" >/dev/null; do
      ((SECONDS < deadline)) || { say "$2 survived SIGKILL"; return 1; }
      sleep 0.02
    done
  done
}

native_pause() {
  local pid
  pid=$(native_pid "$1" "$2") || { say "not running: $2"; return 3; }
  # The parent first, then all: it can start no child in between.
  kill -s STOP "$pid" && signal_family STOP "$pid"
}

native_resume() {
  local pid
  pid=$(native_pid "$1" "$2") || { say "not running: $2"; return 3; }
  signal_family CONT "$pid"
}

native_remove() {
  ! native_alive "$1" "$2" || native_kill "$1" "$2" || return 1
  if [[ $2 == rabbitmq ]] && native_alive "$1" rabbitmq/epmd; then native_kill "$1" rabbitmq/epmd; fi
}
