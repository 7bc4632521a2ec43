#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every point of every mode, one after the other; the last line of each says what came of it. Exit 1
# where one found something. Hours on two cores: README.md has the figures.
#
# GPUCLOUD_BIN, GPUCLOUD_SIM_BIN and GPUCLOUD_FAIL_BIN name the programs.
#
#   tests/kill/everything.sh [--jobs N]
set -uo pipefail

sweep=$(cd "$(dirname "$0")" && pwd)/killsweep.py
bad=0

# run ARGS...: one sweep.
run() {
	echo "== $*"
	python3 "$sweep" "$@" || bad=1
}

python3 "$(dirname "$sweep")/order.py" || bad=1
run --all "$@"
run --mode nested --scene launch-spot --sample 500 "$@"
run --mode nested --scene terminate --sample 100 "$@"
run --mode sigint --all "$@"
run --mode alloc --all --scene launch-spot --scene launch --scene terminate "$@"
run --mode network --sample 1000 --scene launch-spot --scene terminate "$@"
run --mode errors --all --scene launch-spot --scene terminate "$@"
run --scene launch-ssh --sample 60 --jobs 2
exit "$bad"
