#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tells whoever is at work here what comes: warn WORD... Everybody who is listed as logged in, and
# each pane of tmux and window of screen, attached or not, which are in no such list. Nothing waits for
# a terminal that takes nothing.
set -u
root=${GPUCLOUD_TTL_ROOT:-}

# Of a simulated machine, whose processes are among those of a whole computer.
is_here() {
	[ -z "$root" ] || tr '\0' '\n' <"/proc/$1/environ" | grep -qxF "GPUCLOUD_TTL_ROOT=$root"
} 2>/dev/null

# process PID: sets $name, which may hold anything, and $fields: all that comes behind it.
process() {
	read -r line <"/proc/$1/stat" || return
	name=${line#*"("}
	name=${name%")"*}
	fields=${line##*") "}
} 2>/dev/null

# The processes that panes are children of.
keepers() {
	for one in /proc/[0-9]*; do
		process "${one#/proc/}" || continue
		case $name in
		'tmux: server' | screen | SCREEN) ! is_here "${one#/proc/}" || echo "${one#/proc/}" ;;
		esac
	done
}

# The terminal of a child of one of them: a number below /dev/pts.
panes() {
	keepers=" $(keepers | tr '\n' ' ')"
	[ "$keepers" != ' ' ] || return
	for one in /proc/[0-9]*; do
		process "${one#/proc/}" || continue
		# shellcheck disable=SC2086 # a letter and numbers
		set -- $fields
		case $keepers in *" ${2:-none} "*) ;; *) continue ;; esac
		case ${5:-} in '' | 0 | *[!0-9]*) continue ;; esac
		major=$(($5 / 256 % 4096))
		minor=$(($5 % 256 + ($5 >> 20 << 8)))
		case $major in 13[6-9] | 14[0-3]) echo $((minor + (major - 136) * 256)) ;; esac
	done | sort -nu | head -n 64
}

write_to() {
	[ -c "/dev/pts/$1" ] || return
	printf '\r\n%s\r\n' "$text" | timeout -k 1 5 sudo -n tee "/dev/pts/$1" ||
		printf '\r\n%s\r\n' "$text" | timeout -k 1 5 tee "/dev/pts/$1"
}

main() {
	text="gpucloud: $*"
	listed=" $(timeout 2 who | tr -s ' \n' '  ') "
	for pane in $(panes); do
		case $listed in *" pts/$pane "*) continue ;; esac
		write_to "$pane" &
	done
	printf '%s\n' "$text" | timeout 5 sudo -n wall || printf '%s\n' "$text" | timeout 5 wall
	wait
}

main "$@" </dev/null >/dev/null 2>&1
