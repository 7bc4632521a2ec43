#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every point of every mode, one after the other; the last line of each says what came of it. Exit 1
# where one found something. Hours on two cores: README.md has the figures.
#
# GPUCLOUD_BIN, GPUCLOUD_SIM_BIN and GPUCLOUD_FAIL_BIN name the programs; GPUCLOUD_POWER_BIN the unit
# test test_power_loss (left out where it is not set), GPUCLOUD_POWER_SEEDS its seeds (20,000).
#
#   tests/kill/everything.sh [--jobs N]
#   tests/kill/everything.sh --sample 2     a rehearsal: so many points of each, in minutes
set -uo pipefail

folder=$(cd "$(dirname "$0")" && pwd)
export PYTHONDONTWRITEBYTECODE=1
bad=0
began=$SECONDS

# run ARGS...: one sweep. What stands later counts, so that "$@" has the last word.
run() {
	echo "== $*"
	python3 "$folder/killsweep.py" "$@" || bad=1
}

echo "== order"
python3 "$folder/order.py" || bad=1
if [ -n "${GPUCLOUD_POWER_BIN:-}" ]; then
	echo "== power"
	GPUCLOUD_POWER_SEEDS=${GPUCLOUD_POWER_SEEDS:-20000} "$GPUCLOUD_POWER_BIN" || bad=1
fi
run --all "$@"
run --mode nested --scene launch-spot --sample 500 "$@"
run --mode nested --scene terminate --sample 100 "$@"
run --mode sigint --all "$@"
run --mode alloc --all --scene launch-spot --scene launch --scene terminate "$@"
run --mode network --sample 1000 --scene launch-spot --scene terminate "$@"
run --mode errors --all --scene launch-spot --scene terminate "$@"
run --scene launch-ssh --scene hold-limit --sample 60 --jobs 2 "$@"
echo "== everything: $([ "$bad" = 0 ] && echo nothing found || echo "something was found"), $((SECONDS - began)) s"
exit "$bad"
