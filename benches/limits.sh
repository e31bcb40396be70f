#!/usr/bin/env bash
# Measures every limit beside its baseline in one run on this machine, on private instances of the real services with everything
# durable, and prints one table. Takes some twenty minutes.
#
#   benches/limits.sh [--rounds N] [--seconds S] [--only WORD]...
#
# --only keeps the lines whose name contains the word. Needs what tests/run.sh needs, and PostgreSQL's pgbench.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --release --locked --bin turnstile --bench baselines --bench choice_cost --bench commit_cost
tests/services.sh install
work=$(mktemp -d "${TMPDIR:-/tmp}/turnstile-limits.XXXXXX")
# The services' own users must be able to pass.
chmod 755 "$work"
trap 'tests/services.sh remove "$work/services"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tests/services.sh start "$work/services"
# shellcheck source=/dev/null
source "$work/services/env"
python3 benches/limits.py --work "$work" "$@"
