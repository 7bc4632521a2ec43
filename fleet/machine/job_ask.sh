#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What jobs there are, what they print, and ending them; read by fleet/job_read.c. docs/job.md tells what is
# in the folders.
#
#   look [ID]  list                     one, the latest (that is at work, where one is), all (the newest 1000)
#   tail ID LINES                       where the last lines begin
#   follow ID setup|running OUT ERR     what is printed from there on, to the end of that part
#   dump ID setup|running OUT ERR OUT ERR   what was printed from there to there
#   cancel ID SECONDS  keep ID 0|1
#   stay ID SECONDS MOST                so much time is left while this connection lasts, for MOST at most

# size FILE: sets $size.
size() {
	size=$(wc -c <"$1") && number "$size" && size=$number || size=0
} 2>/dev/null

# line NAME FILE: the first line of a small file, where there is one.
line() {
	text=''
	{ read -r text <"$2"; } 2>/dev/null
	[ -z "$text" ] || printf '%s %s\n' "$1" "$text"
}

tell() {
	one=$jobs/$1
	look_state "$one"
	# What its end does to the time limit is known a moment later: on a machine that is very busy, some.
	tries=0
	while [ "$word" = 'done' ] && [ "$tries" -lt 1250 ] && started_at "$pid" && [ "$at" = "$start" ] &&
		[ "$booted" = "$boot" ]; do
		sleep 0.02
		tries=$((tries + 1))
	done
	printf 'job %s\nstate %s %s\n' "$1" "${word:-none}" "$live"
	[ "$word" = 'done' ] || [ "${booted:-$boot}" = "$boot" ] || echo "rebooted yes"
	# Read after the state: what has ended has all of it.
	for what in status created started ended policy linger; do
		line "$what" "$one/$what"
	done
	line out-dropped "$one/out.dropped"
	line err-dropped "$one/err.dropped"
	[ ! -e "$one/cancel" ] || echo "cancel yes"
	sizes=$(stat -c %s "$one/out" "$one/err" "$one/setup.out" "$one/setup.err") || sizes='0 0 0 0'
	# shellcheck disable=SC2086,SC2116 # on one line
	echo "sizes $(echo $sizes)"
	echo "last $(stat -c %Y "$one/state" "$one/out" "$one/err" | sort -n | tail -n 1)"
	printf 'spec '
	head -c 1000000 "$one/job.json" | base64 | tr -d '\n'
	echo
} 2>/dev/null

# All of them: their names sort by time.
list() {
	for one in "$jobs"/[0-9]*; do
		[ -d "$one" ] && printf '%s\n' "${one##*/}"
	done
}

# Whoever names no job means the one that is at work, or else the one that came last: by the time of this
# machine, for names hold that of other computers.
latest() {
	newest='' working=''
	for one in $(cd "$jobs" && stat -c '%.9Y %n' [0-9]*/job.json | sort -n | tail -n 1000 |
		cut -d ' ' -f 2); do
		newest=${one%/job.json}
		look_state "$jobs/$newest" && [ "$live" = yes ] && working=$newest
	done
	printf '%s\n' "${working:-$newest}"
} 2>/dev/null

begin_telling() {
	echo "jobs 1"
	echo "now $(date +%s)"
}

look() {
	begin_telling
	[ -n "${1:-}" ] || set -- "$(latest)"
	[ -z "$1" ] || [ ! -d "$jobs/$1" ] || tell "$1"
	echo end
}

tell_all() {
	begin_telling
	list | tail -n 1000 | while read -r one; do
		tell "$one"
	done
	echo end
}

# begin_of FILE LINES: sets $from. At most a million bytes before its end, for a line may have none.
begin_of() {
	tries=0
	while :; do
		size "$1"
		before=$size
		last=$(tail -c 1000000 "$1" | tail -n "$2" | wc -c)
		size "$1"
		tries=$((tries + 1))
		if [ "$size" -eq "$before" ] || [ "$tries" -ge 10 ]; then break; fi # else it grew meanwhile
	done
	number "${last:-0}" && from=$((number < before ? before - number : 0))
} 2>/dev/null

# tell_tail LINES
tell_tail() {
	look_state "$dir"
	places=''
	size "$dir/out"
	bytes=$size
	size "$dir/err"
	for one in out err setup.out setup.err; do
		lines=$1
		# Set-up's are told only where the command has not begun.
		case $one in setup.*) [ "$word" != running ] && [ "$((bytes + size))" -eq 0 ] || lines=0 ;; esac
		begin_of "$dir/$one" "$lines"
		places="$places $from"
	done
	echo "tail$places"
	echo end
}

# Which part's logs: sets $out and $err.
files() {
	out=$dir/out err=$dir/err
	[ "$1" != setup ] || out=$dir/setup.out err=$dir/setup.err
}

# part_runs PART: still that one? Sets $phase.
part_runs() {
	look_state "$dir" && [ "$live" = yes ] && [ "$word" = "$1" ] && number "$phase" && [ "$number" -gt 1 ]
}

# The end comes when the part's process has ended, looked for twenty times a second, and what it printed was told;
# where that was the last part, once its end is on disk.
follow() {
	files "$2"
	tries=0
	while [ "$tries" -lt 250 ] && look_state "$dir" && [ "$live $word" = "yes starting" ]; do
		sleep 0.02
		tries=$((tries + 1))
	done
	if ! part_runs "$2"; then
		tail -c "+$(($3 + 1))" "$out" 2>/dev/null
		tail -c "+$(($4 + 1))" "$err" >&2 2>/dev/null
		return
	fi
	tail -s 0.05 -c "+$(($3 + 1))" -f --pid="$phase" "$out" 2>/dev/null &
	first=$!
	tail -s 0.05 -c "+$(($4 + 1))" -f --pid="$phase" "$err" >&2 2>/dev/null
	wait "$first"
	tries=0
	while [ "$tries" -lt 200 ] && part_runs "$2"; do
		sleep 0.02
		tries=$((tries + 1))
	done
}

# piece FILE FROM TO
piece() {
	[ "$3" -le "$2" ] || tail -c "+$(($2 + 1))" "$1" | head -c "$(($3 - $2))"
} 2>/dev/null

dump() {
	files "$2"
	piece "$out" "$3" "$5"
	{ piece "$err" "$4" "$6"; } >&2
}

# scan: sets $found to the processes of the job: those of its session, but for what keeps its logs and waits
# for it, and what these start on their own account, as what brings the time limit down; those that have its
# variable, in whatever session; and their children. A number that was given anew is not believed: without
# the runner, its session says nothing.
scan() {
	found=' ' processes=''
	# shellcheck disable=SC2013 # words it is
	for one in $(grep -lsF "GPUCLOUD_JOB_ID=$id" /proc/[0-9]*/environ); do
		one=${one#/proc/}
		[ "${one%/*}" = $$ ] || found="$found${one%/*} "
	done
	marked=$found found=' ' ours=' '
	for one in /proc/[0-9]*/stat; do
		{ read -r line <"$one"; } 2>/dev/null || continue
		# shellcheck disable=SC2086 # fields
		set -- ${line%% *} ${line##*") "}
		case $2 in Z | X) continue ;; esac
		case "$helpers" in *" $1 "*) continue ;; esac
		case "$keepers" in *" $3 "*)
			ours="$ours$1 "
			continue
			;;
		esac
		case "$marked" in
		*" $1 "*) found="$found$1 " ;;
		*)
			processes="$processes$1 $3 $5
"
			;;
		esac
	done
	descend "$ours" -
	ours=$family
	descend "$found" "$session"
	found=${family# }
}

# descend PIDS SESSION: sets $family to those of $processes that are of these, of that session, or of such a
# family, and not of ours.
descend() {
	family=$1 before=''
	while [ "$family" != "$before" ]; do
		before=$family
		while read -r one parent of; do
			case "$family$ours" in *" $one "*) continue ;; esac
			case " $of$family" in " $2 "* | *" $parent "*) family="$family$one " ;; esac
		done <<-.
			$processes
		.
	done
}

# send SIGNAL PID...: as root where it is root's.
send() {
	how=$1 others=''
	shift
	for one; do
		kill -s "$how" "$one" 2>/dev/null || { [ ! -d "/proc/$one" ] || others="$others $one"; }
	done
	# shellcheck disable=SC2086 # a list
	[ -z "$others" ] || timeout 5 sudo -n kill -s "$how" $others >/dev/null 2>&1
}

uptime_s() {
	read -r up rest </proc/uptime && up=${up%%.*}
}

cancel() {
	look_state "$dir"
	session=- helpers=' ' keepers=' '
	if [ "$live" = yes ]; then
		session=$pid
		read -r runner phase first second <"$dir/helpers" && helpers=" $runner $phase $first $second " &&
			keepers=" $runner $first $second "
		[ "$helpers" != ' ' ] || helpers=" $pid " keepers=$helpers
	fi 2>/dev/null
	if [ "$word" != 'done' ]; then scan; else found=''; fi
	if [ "$live" = no ] && [ -z "$found" ]; then
		echo "cancel ended"
		return
	fi
	: >"$dir/cancel"
	uptime_s
	begun=$up told=' '
	while :; do
		fresh=''
		for one in $found; do
			case "$told" in *" $one "*) ;; *) fresh="$fresh $one" told="$told$one " ;; esac
		done
		uptime_s
		# shellcheck disable=SC2086 # lists
		if [ "$((up - begun))" -ge "$1" ]; then send KILL $found; else send TERM $fresh; fi
		[ "$((up - begun))" -lt "$(($1 + 10))" ] || break
		sleep 0.05
		look_state "$dir"
		[ "$live" = no ] || ! read -r runner phase first second <"$dir/helpers" || {
			helpers=" $runner $phase $first $second " keepers=" $runner $first $second "
		}
		scan
		[ -n "$found" ] || [ "$live" = yes ] || break
	done
	end_of_lost
	# shellcheck disable=SC2086 # a list
	set -- $found
	echo "cancel left $#"
}

# Its runner was gone before, so nobody else says that it has ended.
end_of_lost() {
	look_state "$dir"
	[ "$word" != 'done' ] && [ "$live" = no ] || return 0
	date +%s >"$dir/ended"
	replace "$dir/status" "cancelled 0" && replace "$dir/state" 'done'
}

keep() {
	look_state "$dir"
	if [ "$live" = yes ] && read -r _ keep_failed after <"$dir/policy" &&
		replace "$dir/policy" "$1 $keep_failed $after" && look_state "$dir" && [ "$live" = yes ]; then
		echo "keep set"
	elif [ "$live" = yes ]; then
		echo "keep failed"
	else
		echo "keep ended"
	fi
}

# stay SECONDS MOST: whoever fetches results must not be cut off by the limit that was brought down for nobody
# being there. Goes on beside us until the connection is gone; it never adds up to more than MOST.
stay() {
	left_at=$root/var/lib/gpucloud/ttl-left
	if [ ! -e "$left_at" ] || ! uptime_s || ! sudo -n true >/dev/null 2>&1; then
		echo "stay failed"
		return
	fi
	begun=$up
	step=$(($1 < 60 ? $1 / 3 : 20))
	while [ -d "/proc/$PPID" ] && uptime_s && [ "$((up - begun))" -lt "$2" ]; do
		rest=$(($2 - (up - begun)))
		[ "$rest" -le "$1" ] || rest=$1
		read -r left <"$left_at" && number "$left" && [ "$number" -lt "$rest" ] &&
			timeout 20 sudo -n sh -c "umask 022; echo $rest >/var/lib/gpucloud/ttl-left"
		sleep "$((step > 0 ? step : 1))"
	done >/dev/null 2>&1 &
	echo "stay yes"
}

main() {
	what=$1 id=${2:-}
	dir=$jobs/$id
	boot_id
	case $what in
	look) look "$id" ;;
	list) tell_all ;;
	*)
		if [ ! -d "$dir" ] || [ -z "$id" ]; then
			echo none
			exit 3
		fi
		case $what in
		tail) tell_tail "$3" ;;
		follow) follow "$2" "$3" "$4" "$5" ;;
		dump) dump "$2" "$3" "$4" "$5" "$6" "$7" ;;
		cancel | keep) "$what" "$3" ;;
		stay) stay "$3" "$4" ;;
		esac
		;;
	esac
}

main "$@" </dev/null
