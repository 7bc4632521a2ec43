#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains the LeNet of gpu-selftest on a GPU that is launched for it and ended after it. What it
# learned comes into ./lenet-results: loss.csv, weights.bin, summary.json. Options go to
# `gpucloud run`; those behind -- to the training (gpu-selftest train --help).
#
#   examples/train-lenet.sh --spot --bid 76% --gpu T4
#   examples/train-lenet.sh --gpu T4 --name digits -- --epochs 10 --rate 0.001
#
# GPUCLOUD_PROFILE=sim tries it on the simulator.
set -euo pipefail

options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	options+=("$1")
	shift
done
[ $# -eq 0 ] || shift

bin=$(dirname "$(readlink -f "$(command -v gpucloud)")")
job=$(mktemp -d)
trap 'rm -rf "$job"' EXIT
cp "$bin/gpu-selftest" "$job/" # the whole job is this one program
gpucloud run "${options[@]}" --push "$job" --dir lenet --out results:lenet-results -- \
	./gpu-selftest train lenet --out results "$@"
