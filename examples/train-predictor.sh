#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains the binary predictor of gpu-selftest on a GPU that is launched for it and ended after it,
# then uses here what was learned there: the weights come into ./predictor-results, and predict on
# this computer's processor, to the same accuracy. Options go to `gpucloud run`; those behind -- to
# the training (gpu-selftest train --help).
#
#   examples/train-predictor.sh --spot --bid 76% --gpu T4
#   examples/train-predictor.sh --on train -- --epochs 5 --seed 11
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
gpucloud run "${options[@]}" --push "$job" --dir predictor --out results:predictor-results -- \
	./gpu-selftest train predictor --out results "$@"
"$bin/gpu-selftest" predict predictor --device cpu --weights predictor-results/weights.bin
