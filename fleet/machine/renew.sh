#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sets what is left of this machine's time limit, and waits until what counts it down knows it:
#
#   renew SECONDS    1: no right to; 2: it has no limit; 3: nobody took it up
set -u
root=${GPUCLOUD_TTL_ROOT:-}

put() {
	sudo -n sh -c "umask 022; echo $1 >/var/lib/gpucloud/ttl-left" >/dev/null 2>&1
}

main() {
	[ -e "$root/var/lib/gpucloud/ttl-left" ] || exit 2
	put "$1" || exit 1
	tries=0
	while [ "$tries" -lt 45 ]; do
		known='' left=''
		read -r _ _ known <"$root/run/gpucloud/ttl-seen"
		case $known in
		'' | *[!0-9]*) ;;
		*) [ "$known" -gt "$1" ] || [ "$known" -lt $(($1 - 60)) ] || exit 0 ;;
		esac
		# What counts down may have put its own in place at that very moment: then once more.
		read -r left <"$root/var/lib/gpucloud/ttl-left"
		[ "$left" = "$1" ] || put "$1" || exit 1
		tries=$((tries + 1))
		sleep 1
	done 2>/dev/null
	exit 3
}

main "$@" </dev/null
