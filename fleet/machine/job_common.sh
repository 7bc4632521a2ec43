#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What job_run.sh and job_ask.sh share; put before either of them. docs/job.md tells what is kept.
set -u
umask 077
root=${GPUCLOUD_TTL_ROOT:-}
jobs=${HOME:?}/.gpucloud/jobs

# number TEXT: sets $number; fails where TEXT is no whole number of at most 18 digits.
number() {
	case $1 in
	'' | *[!0-9]* | ???????????????????*) return 1 ;;
	esac
	number=${1#"${1%%[!0]*}"} # leading zeros would make it octal
	number=${number:-0}
}

boot_id() {
	boot=-
	read -r boot <"$root/proc/sys/kernel/random/boot_id" || boot=-
} 2>/dev/null

# started_at PID: sets $at, the ticks since boot at which it began: with its number, that is one
# process and no other. A simulated machine's own /proc has no processes.
started_at() {
	at=''
	number "$1" && [ "$number" -gt 0 ] || return 1
	stat=$root/proc/$number/stat
	[ -e "$stat" ] || stat=/proc/$number/stat
	{ read -r line <"$stat"; } 2>/dev/null || return 1
	# shellcheck disable=SC2086 # fields: those behind the name, which may hold anything
	set -- ${line##*") "}
	[ "${1:-Z}" != Z ] && at=${20:-}
}

# look_state FOLDER: sets $word, $pid, $start, $booted, $phase, and $live to yes or no.
look_state() {
	word='' pid='' start='' booted='' phase='' live=no
	{ read -r word pid start booted phase rest <"$1/state"; } 2>/dev/null || return 1
	case $word in
	starting | setup | running) ;;
	'done') return ;;
	*) return 1 ;;
	esac
	[ "$booted" = "$boot" ] && started_at "$pid" && [ "$at" = "$start" ] && live=yes
	:
}

# some_other_runs ID: sets $other to a job that is at work, but not that one.
some_other_runs() {
	for one in "$jobs"/[0-9]*; do
		other=${one##*/}
		if [ "$other" != "$1" ] && [ -d "$one" ] && look_state "$one" && [ "$live" = yes ]; then
			return
		fi
	done
	other=''
	return 1
}

# replace FILE LINE: all of it or nothing.
replace() {
	printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"
} 2>/dev/null
