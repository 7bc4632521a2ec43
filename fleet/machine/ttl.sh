#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ends this machine once it was up for as long as it was rented. Run by gpucloud-ttl.service:
#
#   ttl SECONDS      the limit, where no rest of it is on disk
#
# To renew:  gpucloud hold NAME TIME, which moves the cloud's tag too; 'gpucloud reap' goes by that. Here, as
# root, until it does:  echo SECONDS >/var/lib/gpucloud/ttl-left
set -u
umask 022

root=${GPUCLOUD_TTL_ROOT:-}
step=${GPUCLOUD_TTL_STEP:-20}
retry=${GPUCLOUD_TTL_RETRY:-30}
state=$root/var/lib/gpucloud/ttl-left
seen=$root/run/gpucloud/ttl-seen
most=31622400 # 366 days
warn=300
tries=10

# number TEXT: sets $number; fails where TEXT is no whole number of at most nine digits.
number() {
	case $1 in
	'' | *[!0-9]* | ??????????*) return 1 ;;
	esac
	number=${1#"${1%%[!0]*}"} # leading zeros would make it octal
	number=${number:-0}
}

# first FILE: sets $word, $second, $third from its first line, which need not end in a newline.
first() {
	word='' second='' third=''
	[ -f "$1" ] && { read -r word second third <"$1" || [ -n "$word" ]; }
} 2>/dev/null

# What is on disk, into $number.
saved() {
	first "$state" && number "$word" || return 1
	[ "$number" -le "$most" ] || number=$most
}

# Seconds since boot into $now: unlike the clock's, nobody can set them.
uptime_s() {
	first "$root/proc/uptime" && number "${word%%.*}" && now=$number
}

# prepare FILE LINE: beside its place, and on disk.
prepare() {
	mkdir -p "${1%/*}" && printf '%s\n' "$2" >"$1.new" && sync "$1.new"
} 2>/dev/null

# replace FILE LINE: all of it or nothing, also when the power goes.
replace() {
	prepare "$1" "$2" && mv -f "$1.new" "$1"
} 2>/dev/null

# note REST: puts that in its place, but never over a renewal, which may come at any instant: also where
# it was written into the old file while the new one took its place. Fails where the disk takes nothing.
note() {
	prepare "$state" "$1" || return
	! saved || [ "$number" = "$known" ] || return 0 # for the next round to find
	ln -f "$state" "$state.was" 2>/dev/null || rm -f "$state.was"
	mv -f "$state.new" "$state" 2>/dev/null || return
	before=$known
	known=$1
	# Empty: whoever writes is between opening it and writing.
	[ ! -f "$state.was" ] || [ -s "$state.was" ] || sleep 1
	if first "$state.was" && number "$word" && [ "$number" != "$before" ]; then
		[ "$number" -le "$most" ] || number=$most
		left=$number
		replace "$state" "$left" && known=$left
	fi
	rm -f "$state.was"
}

# Sets $left, the rest; $last, the uptime it belongs to; $known, what the file holds. Where nothing
# can be read, the limit counts anew: a broken file must not mean no limit.
begin() {
	number "$1" && [ "$number" -le "$most" ] || number=43200
	left=$number
	known=
	saved && known=$number
	if ! first "$seen" || ! number "$word"; then
		# The first start since boot: what came before it counts. A machine that was stopped
		# by its limit and started again must stay up for long enough to be renewed.
		last=0
		left=${known:-$left}
		[ "$left" -gt 0 ] || left=$warn
		return
	fi
	last=$number
	if [ -n "$known" ] && [ "$known" != "$third" ]; then
		# Renewed while this was not running.
		left=$known
		! uptime_s || last=$now
	elif number "$second"; then
		left=$number
	fi
}

count() {
	if uptime_s; then
		[ "$now" -ge "$last" ] || last=0
		elapsed=$((now - last))
		last=$now
	else
		elapsed=$nap
	fi
	if saved && [ "$number" != "$known" ]; then
		left=$number # renewed
		known=$number
	else
		left=$((left > elapsed ? left - elapsed : 0))
	fi
	note "$left" || : # the count goes on here all the same
	replace "$seen" "$last $left ${known:--}"
}

tell() {
	if [ "$left" -gt "$warn" ]; then
		told=no
	elif [ "$told" = no ]; then
		told=yes
		# Not waited for: a terminal that takes nothing must not hold us up.
		echo "gpucloud: this machine reaches its time limit and shuts down in $left s." \
			"To keep it: gpucloud hold NAME TIME, on your computer" | wall &
	fi
}

# Until the next thing to do, at most one step.
doze() {
	nap=$step
	[ "$left" -ge "$nap" ] || nap=$left
	until_warn=$((left - warn))
	[ "$until_warn" -le 0 ] || [ "$until_warn" -ge "$nap" ] || nap=$until_warn
	[ "$nap" -ge 1 ] || nap=1
	sleep "$nap"
}

# shutdown lets programs end in peace. It has asked systemd once it returns, and this goes on beside
# it: where the machine is still up after all tries, the rest is cut short.
finish() {
	while :; do
		if [ "$tries" -gt 0 ]; then
			tries=$((tries - 1))
			timeout 60 shutdown -h now
		else
			timeout 60 poweroff -f || timeout 60 poweroff -f -f
		fi
		sleep "$retry"
	done
}

told=no
nap=0
begin "${1:-}"
while :; do
	count
	[ "$left" -gt 0 ] || finish
	tell
	doze
done
