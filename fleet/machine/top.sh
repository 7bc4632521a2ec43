#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the GPUs do right now, frame after frame, read by fleet/top.c: one fact a line. Handed to
# `sh -s SECONDS FRAMES` of the login user (0 frames: until nobody reads). What cannot be learned is left out or
# "failed", never made up.
set -u
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/nvidia/bin
export LC_ALL PATH
root=${GPUCLOUD_TTL_ROOT:-}

smi() {
	out=$(timeout -k 1 8 nvidia-smi "$@" --format=csv,noheader,nounits </dev/null 2>/dev/null)
	rc=$?
	[ "$rc" -eq 0 ]
}

gpus() {
	if ! command -v nvidia-smi >/dev/null 2>&1; then
		echo "gpus failed there is no nvidia-smi"
		return 1
	fi
	if ! smi --query-gpu=index,uuid,name,utilization.gpu,memory.used,memory.total,power.draw,power.limit,temperature.gpu; then
		case $rc in
		124 | 137) echo "gpus failed nvidia-smi timed out" ;;
		*) echo "gpus failed nvidia-smi ended with $rc" ;;
		esac
		return 1
	fi
	n=0
	while read -r line; do
		case $line in '' | WARNING:*) continue ;; esac
		n=$((n + 1))
		printf 'gpu %s\n' "$line"
	done <<-.
		$out
	.
	echo "gpus $n"
}

# Who has a GPU open: pid, GPU, MiB; then its CPU time so far (ticks), owner and command.
processes() {
	smi --query-compute-apps=pid,gpu_uuid,used_memory || { echo "processes failed"; return; }
	while read -r line; do
		pid=${line%%,*}
		case $pid in '' | *[!0-9]*) continue ;; esac
		printf 'process %s\n' "$line"
		stat='' name='' user=''
		read -r stat 2>/dev/null <"$root/proc/$pid/stat" || continue
		# shellcheck disable=SC2086 # fields of numbers
		set -- ${stat##*") "}
		user=$(stat -c %U "$root/proc/$pid" 2>/dev/null)
		name=$(tr '\0\n\r' '   ' 2>/dev/null <"$root/proc/$pid/cmdline" | head -c 200)
		[ -n "$name" ] || { name=${stat#*"("}; name=${name%")"*}; }
		printf 'command %s %s %s %s\n' "$pid" "$((${12} + ${13}))" "${user:-?}" "$name"
	done <<-.
		$out
	.
}

frame() {
	echo "frame 1"
	read -r up _ <"$root/proc/uptime" && echo "up $up"
	read -r load _ <"$root/proc/loadavg" && echo "load $load"
	echo "cpus $(getconf _NPROCESSORS_ONLN)"
	while read -r key value _; do
		case $key in
		MemTotal:) echo "memory $value" ;;
		MemAvailable:) echo "available $value" ;;
		esac
	done <"$root/proc/meminfo"
	! gpus || processes
	echo end
} 2>/dev/null

main() {
	left=$2
	while frame; do
		[ "$left" -ne 1 ] || break
		[ "$left" -eq 0 ] || left=$((left - 1))
		sleep "$1" || break
	done
}

main "${1:-2}" "${2:-1}" </dev/null
