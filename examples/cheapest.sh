#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The cheapest place for a GPU right now, as one line: TYPE REGION ZONE USD_PER_HOUR MARKET.
#
#   examples/cheapest.sh V100
set -euo pipefail

gpucloud --json price --gpu "${1:?usage: cheapest.sh GPU}" --all-regions | jq -r '
	[.offers[] | (select(.spot) | {type, region, zone: .spot_zone, usd: .spot, market: "spot"}),
	             (select(.on_demand) | {type, region, zone: "-", usd: .on_demand, market: "on-demand"})]
	| min_by(.usd | tonumber) | "\(.type) \(.region) \(.zone) \(.usd) \(.market)"'
