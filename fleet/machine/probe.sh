#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What this machine is doing: one fact a line, read by fleet/probe.c. Handed to `sh -s` of the login
# user, who may know less than root does: what cannot be learned is "failed" or is not said at all,
# and never made up. Whatever may hang has a deadline.
set -u
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/nvidia/bin
export LC_ALL PATH
root=${GPUCLOUD_TTL_ROOT:-}
smi_s=${GPUCLOUD_PROBE_SMI_S:-8}

# number TEXT: sets $number; fails where TEXT is no whole number of at most 18 digits.
number() {
	case $1 in
	'' | *[!0-9]* | ???????????????????*) return 1 ;;
	esac
	number=${1#"${1%%[!0]*}"} # leading zeros would make it octal
	number=${number:-0}
}

# first FILE: sets $word and $second from its first line.
first() {
	word='' second=''
	[ -r "$1" ] && { read -r word second rest <"$1" || [ -n "$word" ]; }
} 2>/dev/null

# alive PID
alive() {
	number "$1" && [ "$number" -gt 0 ] && [ -d "$root/proc/$number" ]
}

processor() {
	cpus=0 busy=0
	while read -r name user nice system _ _ irq softirq steal _; do
		case $name in
		cpu) for one in "$user" "$nice" "$system" "$irq" "$softirq" "${steal:-0}"; do
			number "$one" && busy=$((busy + number))
		done ;;
		cpu[0-9]*) cpus=$((cpus + 1)) ;;
		esac
	done
	[ "$cpus" -eq 0 ] || echo "cpus $cpus"
	[ "$busy" -eq 0 ] || echo "cpu $((busy * 1000 / hertz))"
}

# Both ways, without what never leaves the machine: bridges would count their members twice.
network() {
	bytes=0 seen=
	while IFS=': ' read -r name received _ _ _ _ _ _ _ sent _; do
		case $name in
		lo | veth* | docker* | br-* | virbr* | cni* | flannel* | cali* | tap* | tun* | wg*) continue ;;
		esac
		number "$received" || continue # the headings
		bytes=$((bytes + number))
		number "$sent" || return
		bytes=$((bytes + number))
		seen=yes
	done
	[ -z "$seen" ] || echo "net $bytes"
}

# Whole devices only; what is built of others (dm, md) or of memory is not counted again.
disks() {
	bytes=0 seen=
	while read -r _ _ name _ _ read _ _ _ written _; do
		case $name in loop* | ram* | zram* | dm-* | md* | sr* | fd*) continue ;; esac
		[ -d "$root/sys/block/$name" ] || continue
		number "$read" || return
		bytes=$((bytes + number * 512))
		number "$written" || return
		bytes=$((bytes + number * 512))
		seen=yes
	done
	[ -z "$seen" ] || echo "disk $bytes"
}

# A terminal's access time is when somebody last typed there. Every pane of tmux and every window of
# screen, attached or not, has a terminal of its own in /dev/pts; a console is in who's list alone.
users() {
	n=0
	now=$(date +%s)
	if ! [ -d "$root/dev/pts" ] || ! number "$now"; then
		echo "users failed"
		return
	fi
	found=
	for tty in "$root"/dev/pts/[0-9]*; do
		[ -e "$tty" ] || continue
		one=$(timeout 2 stat -c '%U %X' "$tty" </dev/null 2>/dev/null)
		[ -e "$tty" ] || continue # closed meanwhile
		found="$found${one:-? ?} pts/${tty##*/}
"
	done
	listed=$(timeout 2 who </dev/null 2>/dev/null) || listed=
	while read -r name tty _; do
		case $tty in
		'' | pts/*) continue ;;
		*/* | *[!A-Za-z0-9:._-]*) one="$name ?" tty=odd ;;
		*) one="$name $(timeout 2 stat -c %X "$root/dev/$tty" </dev/null 2>/dev/null || echo '?')" ;;
		esac
		found="$found$one $tty
"
	done <<-.
		$listed
	.
	while read -r name at tty; do
		[ -n "$tty" ] || continue
		n=$((n + 1))
		idle='?'
		! number "$at" || idle=$((now > number ? now - number : 0))
		echo "user $name $tty $idle"
	done <<-.
		$found
	.
	echo "users $n"
}

# One look at all processes: package managers, and an nvidia-smi that hangs in the kernel since an
# earlier look: another one would hang as well.
processes() {
	stuck='' installing=
	for one in "$root"/proc/[0-9]*/stat; do
		read -r line <"$one" || continue
		name=${line#*"("}
		name=${name%")"*}
		case $name in
		nvidia-smi) case ${line##*") "} in D*) stuck=yes ;; esac ;;
		apt | apt-get | dpkg | yum | dnf | rpm | zypper) installing=yes ;;
		esac
	done
} 2>/dev/null

# same PID TICKS: that process still, and not another one with its number: by when it began. A simulated
# machine's own /proc has no processes.
same() {
	number "$1" && [ "$number" -gt 0 ] || return 1
	one=$root/proc/$number/stat
	[ -e "$one" ] || one=/proc/$number/stat
	{ read -r line <"$one"; } 2>/dev/null || return 1
	# shellcheck disable=SC2086 # fields
	set -- "$2" ${line##*") "}
	[ "${2:-Z}" != Z ] && [ "${21:-}" = "$1" ]
}

# heavier STATE STATE: work decides, else what cannot be read, else what has ended.
heavier() {
	case $1:$2 in
	running:* | setup:none | setup:done | setup:failed | failed:none | failed:done | done:none) return 0 ;;
	esac
	return 1
}

# gpucloud's own jobs, those of the user who looks (docs/job.md): sets $ours.
our_jobs() {
	ours=none boot=''
	{ read -r boot <"$root/proc/sys/kernel/random/boot_id"; } 2>/dev/null
	folder=${HOME:-/nonexistent}/.gpucloud/jobs
	[ ! -d "$folder" ] || { [ -r "$folder" ] && [ -x "$folder" ]; } || ours=failed
	for one_job in "$folder"/[0-9]*; do
		[ -d "$one_job" ] || continue
		word='' pid='' ticks='' booted=''
		{ read -r word pid ticks booted _ <"$one_job/state"; } 2>/dev/null
		case $word in
		starting | setup | running)
			if [ "$booted" != "$boot" ] || ! same "$pid" "$ticks"; then
				word='done'
			elif [ "$word" = starting ]; then
				word=setup
			fi
			;;
		'done') ;;
		*) word=failed ;;
		esac
		! heavier "$word" "$ours" || ours=$word
	done
}

# What a job says of itself: "setup", "running" or "done", and perhaps a process; where that
# has ended, so has the job. docs/reap.md tells who writes it.
job() {
	state=none
	lib=$root/var/lib/gpucloud
	if [ -e "$lib/job" ]; then
		if ! first "$lib/job"; then
			state=failed
		else
			case $word in
			setup | running)
				state=$word
				[ -z "$second" ] || alive "$second" || state='done'
				;;
			'done') state=$word ;;
			*) state=failed ;;
			esac
		fi
	fi
	if [ -e "$lib/setup" ]; then
		first "$lib/setup"
		[ -n "$word" ] && ! alive "$word" || state=setup
	fi
	our_jobs
	! heavier "$ours" "$state" || state=$ours
	# cloud-init writes result.json when it is through with everything.
	[ ! -e "$root/run/cloud-init/status.json" ] || [ -e "$root/run/cloud-init/result.json" ] || state=setup
	[ -z "$installing" ] || [ "$state" = running ] || state=setup
	echo "job $state"
}

# What is left of its own time limit. What counts it down writes that every 20 seconds: the time since
# is taken off, unless it was renewed meanwhile.
limit() {
	if ! first "$root/var/lib/gpucloud/ttl-left" || ! number "$word"; then
		echo "ttl none"
		return
	fi
	left=$number
	at='' known=''
	[ ! -r "$root/run/gpucloud/ttl-seen" ] || read -r at _ known <"$root/run/gpucloud/ttl-seen"
	if [ "$known" = "$left" ] && number "$at" && at=$number && first "$root/proc/uptime" &&
		number "${word%%.*}" && [ "$number" -gt "$at" ] && at=$((number - at)); then
		left=$((left > at ? left - at : 0))
	fi
	echo "ttl $left"
}

# Is there a device that computes, whether or not its driver works?
has_gpu() {
	for one in "$root"/dev/nvidia[0-9]* "$root"/proc/driver/nvidia/gpus/*; do
		[ ! -e "$one" ] || return 0
	done
	for one in "$root"/sys/bus/pci/devices/*; do
		first "$one/vendor"
		[ "$word" = 0x10de ] || continue
		first "$one/class"
		case $word in 0x03*) return 0 ;; esac
	done
	return 1
}

# Those of other makers are not looked into: nobody can say that they are idle.
has_other() {
	for one in "$root"/dev/kfd "$root"/dev/neuron[0-9]* "$root"/dev/accel/accel[0-9]* \
		"$root"/dev/accel[0-9]*; do
		[ ! -e "$one" ] || return 0
	done
	return 1
}

# smi ARGS...: its output in $out. Old drivers do not know every field.
smi() {
	out=$(timeout -k 1 "$smi_s" nvidia-smi "$@" --format=csv,noheader,nounits </dev/null 2>/dev/null)
	rc=$?
	[ "$rc" -ne 124 ] && [ "$rc" -ne 137 ] || rc=timeout
	[ "$rc" = 0 ]
}

compute() {
	if ! smi --query-compute-apps=pid; then
		echo "processes failed"
		return
	fi
	n=0 ticks=0
	for pid in $out; do
		if ! number "$pid"; then
			echo "processes failed"
			return
		fi
		n=$((n + 1))
		read -r line <"$root/proc/$number/stat" || continue # ended meanwhile
		# shellcheck disable=SC2086 # fields of numbers
		set -- ${line##*") "}
		number "${12}" && ticks=$((ticks + number))
		number "${13}" && ticks=$((ticks + number))
	done 2>/dev/null
	echo "processes $n"
	echo "process-cpu $((ticks * 1000 / hertz))"
}

gpus() {
	if has_other; then
		echo "gpus failed of another maker"
		return
	fi
	if [ -n "$stuck" ]; then
		echo "gpus failed an earlier nvidia-smi hangs"
		return
	fi
	if ! command -v nvidia-smi >/dev/null 2>&1; then
		if has_gpu; then echo "gpus failed no nvidia-smi"; else echo "gpus 0"; echo "processes 0"; fi
		return
	fi
	fields=index,name,utilization.gpu,memory.used
	more=
	if ! smi --query-gpu=$fields,mig.mode.current; then
		why=$rc
		more=', [N/A]'
		if [ "$why" != 2 ] || ! smi --query-gpu=$fields; then
			if [ "$why" = timeout ]; then
				echo "gpus failed nvidia-smi timed out"
			elif has_gpu; then
				echo "gpus failed nvidia-smi ended with $why"
			else
				echo "gpus 0"
				echo "processes 0"
			fi
			return
		fi
	fi
	n=0
	while read -r line; do
		case $line in '' | WARNING:*) continue ;; esac
		n=$((n + 1))
		printf 'gpu %s%s\n' "$line" "$more"
	done <<-.
		$out
	.
	echo "gpus $n"
	n=0
	for one in "$root"/proc/driver/nvidia/gpus/*; do
		[ ! -e "$one" ] || n=$((n + 1))
	done
	[ "$n" -eq 0 ] || echo "devices $n"
	compute
}

# Nothing runs before the last line of this script has arrived.
main() {
	hertz=$(getconf CLK_TCK 2>/dev/null)
	number "$hertz" && [ "$number" -gt 0 ] || hertz=100
	echo "probe 1"
	! first "$root/proc/sys/kernel/random/boot_id" || echo "boot $word"
	! first "$root/proc/uptime" || echo "up ${word%%.*}"
	[ ! -r "$root/proc/stat" ] || processor <"$root/proc/stat"
	! first "$root/proc/loadavg" || echo "load $word"
	[ ! -r "$root/proc/net/dev" ] || network <"$root/proc/net/dev"
	[ ! -r "$root/proc/diskstats" ] || disks <"$root/proc/diskstats"
	processes
	users
	job
	limit
	gpus
	echo end
}

main </dev/null
