#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tells whoever is logged in what comes: warn WORD... Not waited for: a terminal that takes nothing
# must not hold anybody up.
main() {
	text="gpucloud: $*"
	{ printf '%s\n' "$text" | timeout 5 sudo -n wall || printf '%s\n' "$text" | timeout 5 wall; } \
		>/dev/null 2>&1
}

main "$@" </dev/null
