# shellcheck shell=bash
# Runs the services as containers of a Docker engine on this machine. Sourced by tests/services.sh.

# One container per directory and service; the name says whose it is.
container() { printf 'turnstile-test-%s-%s\n' "$(printf '%s' "$1" | cksum | cut -d ' ' -f 1)" "$2"; }

docker_install() { docker info >/dev/null || fail "the Docker engine does not answer"; }

docker_prepare() { docker_install; }

docker_alive() { [[ $(docker inspect -f '{{.State.Running}}' "$(container "$1" "$2")" 2>/dev/null) == true ]]; }

docker_log() { docker logs --tail 20 "$(container "$1" "$2")" 2>&1; }

docker_start() {
  local name
  name=$(container "$1" "$2")
  if docker inspect "$name" >/dev/null 2>&1; then
    docker start "$name" >/dev/null
    return
  fi
  local -a run=(docker run --detach --name "$name" --publish)
  case $2 in
    postgres)
      "${run[@]}" "127.0.0.1:$3:5432" --env POSTGRES_HOST_AUTH_METHOD=trust "${POSTGRES_IMAGE:-postgres:18}" \
        -c max_connections=300 -c fsync=on
      ;;
    valkey)
      "${run[@]}" "127.0.0.1:$3:6379" "${VALKEY_IMAGE:-valkey/valkey:9}" \
        valkey-server --save '' --appendonly no --maxmemory-policy noeviction
      ;;
    # A fixed host name keeps the node's name, and with it its data, over restarts.
    rabbitmq) "${run[@]}" "127.0.0.1:$3:5672" --hostname turnstile-test "${RABBITMQ_IMAGE:-rabbitmq:4-management}" ;;
    mongodb) "${run[@]}" "127.0.0.1:$3:27017" "${MONGODB_IMAGE:-mongo:8}" ;;
  esac >/dev/null
}

docker_stop() {
  docker_alive "$1" "$2" || return 0
  docker unpause "$(container "$1" "$2")" >/dev/null 2>&1 || true
  # PostgreSQL's image declares SIGINT as its stop signal, which does not wait for clients.
  docker stop --time "$STOP_SECONDS" "$(container "$1" "$2")" >/dev/null
}

# Runs a docker verb on a container that must be running. Usage: on_running DIR service verb...
on_running() {
  local dir=$1 service=$2
  shift 2
  docker_alive "$dir" "$service" || { say "not running: $service"; return 3; }
  "$@" "$(container "$dir" "$service")" >/dev/null
}

docker_kill() { on_running "$1" "$2" docker kill; }
docker_pause() { on_running "$1" "$2" docker pause; }
docker_resume() { on_running "$1" "$2" docker unpause; }

docker_remove() {
  docker inspect "$(container "$1" "$2")" >/dev/null 2>&1 || return 0
  docker rm --force --volumes "$(container "$1" "$2")" >/dev/null
}
