#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Launches a spot instance under a bid, runs a command with its name in $GPU_NAME and its address in
# $GPU_HOST, and ends the instance whatever happens: success, failure, Ctrl-C.
#
#   examples/spot-session.sh V100 51% -- 'gpucloud exec $GPU_NAME -- nvidia-smi'
#
# GPUCLOUD_PROFILE=sim tries it on the simulator.
set -euo pipefail

[ $# -ge 4 ] && [ "$3" = -- ] || {
	echo "usage: spot-session.sh GPU BID -- COMMAND..." >&2
	exit 2
}
gpu=$1
bid=$2
shift 3

name=session-$(date +%s)-$$
launched=
end() {
	code=$?
	[ -z "$launched" ] || gpucloud terminate --yes "$name" || echo "look: gpucloud list" >&2
	exit $code
}
trap end EXIT

launched=maybe
summary=$(gpucloud --json launch --spot --bid "$bid" --gpu "$gpu" --name "$name" | tail -n 1)
GPU_HOST=$(jq -r '.instance.public_ip' <<<"$summary")
GPU_NAME=$name
export GPU_HOST GPU_NAME
eval "$*"
