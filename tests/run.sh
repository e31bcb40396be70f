#!/usr/bin/env bash
# Runs the tests against real services of their own: installs what is missing, starts PostgreSQL, Valkey, RabbitMQ and MongoDB
# on free ports, and removes them at the end, whatever the end is. What it tells the tests: see tests/it/services.rs.
#
#   tests/run.sh                                 everything: documentation, unit and integration tests
#   tests/run.sh ports::seat_lock                only tests whose path holds these words
#   tests/run.sh ports::seat_lock -- --nocapture arguments go to `cargo test` as they are
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly WORK_PREFIX=/tmp/turnstile-tests.
work=
child=

# Ends every set of services below a directory (fault tests start sets of their own), then the directory.
sweep() {
  local mark
  while read -r mark; do tests/services.sh remove "$(dirname "$mark")"; done < <(find "$1" -maxdepth 4 -name backend 2>/dev/null)
  rm -rf -- "$1"
}

clean_up() {
  local status=$?
  trap '' INT TERM HUP
  if [[ -n $child ]]; then
    # A test that is stopped would not see the request to end.
    kill -s TERM -- "-$child" 2>/dev/null || true
    kill -s CONT -- "-$child" 2>/dev/null || true
  fi
  if [[ -n $work ]]; then sweep "$work" || printf 'run.sh: could not remove %s\n' "$work" >&2; fi
  exit "$status"
}

# Runs a command in a process group of its own, so that a signal to this script ends all of it.
run() {
  local status=0
  set -m
  "$@" &
  child=$!
  set +m
  wait "$child" || status=$?
  child=
  return "$status"
}

# What an earlier run left behind because it was killed outright.
for left in "$WORK_PREFIX"*; do
  if [[ -s $left/owner && ! -e /proc/$(<"$left/owner") ]]; then sweep "$left"; fi
done

tests/services.sh install

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
work=$(mktemp -d "${WORK_PREFIX}XXXXXX")
printf '%s\n' $$ >"$work/owner"
# The services' own users must be able to pass.
chmod 755 "$work"
mkdir -m 1777 "$work/tmp"

# Two sets: one that all tests share, and one that fault tests stop, kill, pause and empty.
start_both() {
  local shared
  tests/services.sh start "$work/services" &
  shared=$!
  tests/services.sh start "$work/breakable"
  wait "$shared"
}
run start_both
# shellcheck source=/dev/null
source "$work/services/env"
export TEST_BREAKABLE_DIR=$work/breakable
# Whatever a test leaves in its temporary directory goes with this run.
export TMPDIR=$work/tmp

if [[ -e tests/it/node/package.json && ! tests/it/node/node_modules/.package-lock.json -nt tests/it/node/package-lock.json ]]; then
  run npm --prefix tests/it/node ci --no-audit --no-fund
fi

# What failed is said once more at the end, where it is found.
report() {
  local status=0
  "$@" 2>&1 | tee "$work/said" || status=$?
  if ((status != 0)) && grep -q "panicked at" "$work/said"; then
    printf '\nwhat the failed tests said:\n'
    grep -A 6 "panicked at" "$work/said" | cut -c -400 | head -n 200
  fi
  return "$status"
}

if (($# > 0)); then
  run cargo test --locked "$@"
else
  status=0
  run cargo test --locked --doc || status=$?
  run report cargo test --locked --lib --bins --tests --no-fail-fast || status=$?
  exit "$status"
fi
