# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Runs on the machine, by /bin/sh, ahead of other scripts of ssh/sync: listing a tree.

gpucloud_gnu_find() {
	[ "$(find / -maxdepth 0 -printf x 2>/dev/null)" = x ]
}

# One record an entry, two NUL-ended strings each, as ssh/sync/manifest_take.c reads them.
gpucloud_list() { # PATH
	if [ ! -e "$1" ] && [ ! -L "$1" ]; then
		printf '=missing\0'
		return 0
	fi
	find -H "$1" -ignore_readdir_race -printf '%y %m %s %T@ %P\0%l\0' || return
	printf '=end\0'
}

# The next list on standard input, as shell_list put it there.
gpucloud_list_of() { # BYTES BLOCKS
	[ "$2" -eq 0 ] && return 0
	dd bs=4096 "count=$2" iflag=fullblock 2>/dev/null | head -c "$1"
}

gpucloud_ask() {
	if ! gpucloud_gnu_find; then
		printf '=nofind\0'
		return 0
	fi
	gpucloud_list "$path"
}
