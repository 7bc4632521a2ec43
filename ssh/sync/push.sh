# shellcheck shell=sh disable=SC2015,SC2154
# SPDX-License-Identifier: Apache-2.0
# Runs on the machine, by /bin/sh, behind list.sh: the receiving side of a push.
#
# What arrives is put into a folder of ours beside the target, on the same disk, and from there in
# place once all of it is there (commit.sh). In that folder:
#   receiver   who receives: process, and a word that tells one push from another
#   new/       what is to be placed
#   attr/      empty files that carry a time and permissions for files that are there already
#   remove-*   what has to go: files; rmdir-*: folders; loosen: folders to be made writable
#   root name  where it belongs (push.name for one file)
#   go         all has arrived, and may be put in place
#   committer  who does so

gpucloud_mark() { printf '=%s\0' "$1"; }

# A physical path, whatever its name ends in.
gpucloud_real() { # VAR FOLDER
	real=$(cd "$2" && pwd -P && printf x) || return
	real=${real%x}
	real=${real%?}
	eval "$1=\$real"
}

gpucloud_is_ours() { # PROCESS
	case $1 in '' | *[!0-9]*) return 1 ;; esac
	kill -0 "$1" 2>/dev/null && grep -q gpucloud-sync "/proc/$1/cmdline" 2>/dev/null
}

gpucloud_device() { stat -L -c %d -- "$1" 2>/dev/null; }

# Sets stage: beside the target where that can be written and is the same disk, else in it.
gpucloud_stage() {
	in=${root%/*} as=${root##*/}
	if [ -n "$name" ]; then
		in=$root as=$name
	elif [ -d "$root" ] && { [ ! -w "${in:-/}" ] || [ "$root" = / ] ||
		[ "$(gpucloud_device "$root")" != "$(gpucloud_device "${in:-/}")" ]; }; then
		in=${root%/} as=this
	fi
	[ ${#as} -le 200 ] || as=$(printf %s "$as" | cksum | tr ' ' -)
	stage=$in/.$as.gpucloud-push
}

# Where it goes: root (a folder, or none yet), and name where it is one file in it.
gpucloud_target() {
	if [ -n "$file" ]; then
		case $path in
		*/) ;;
		*) [ -d "$path" ] || {
			file=${path##*/}
			path=${path%/*}/
		} ;;
		esac
		[ -d "$path" ] || { gpucloud_mark noparent; return 1; }
		gpucloud_real root "$path" || return
		name=$file
		[ ! -d "${root%/}/$name" ] || [ -L "${root%/}/$name" ] || {
			gpucloud_mark folder
			return 1
		}
		return 0
	fi
	name=
	if [ -d "$path" ]; then
		gpucloud_real root "$path"
		return
	fi
	[ ! -e "$path" ] && [ ! -L "$path" ] || { gpucloud_mark nofolder; return 1; }
	while [ "${path%/}" != "$path" ]; do path=${path%/}; done
	[ -d "${path%/*}/" ] || { gpucloud_mark noparent; return 1; }
	gpucloud_real root "${path%/*}/" || return
	root=${root%/}/${path##*/}
}

gpucloud_safe_stage() {
	# shellcheck disable=SC3067
	[ -d "$stage" ] && [ ! -L "$stage" ] && [ -O "$stage" ] &&
		[ "$(stat -c %a -- "$stage")" = 700 ]
}

# Ends who received for a connection that is gone. The same push may do so, or a new one.
gpucloud_end_stale() {
	[ -f "$stage/receiver" ] || return 0
	read -r pid word <"$stage/receiver"
	if [ "$fresh" = 0 ] && [ "$word" != "$token" ]; then
		gpucloud_mark taken
		return 1
	fi
	if gpucloud_is_ours "$pid"; then
		kill -TERM "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null
		tries=0
		while gpucloud_is_ours "$pid"; do
			tries=$((tries + 1))
			[ $tries -ne 20 ] || kill -KILL "-$pid" 2>/dev/null
			[ $tries -lt 100 ] || return 1
			sleep 0.1
		done
	fi
	echo "0 $token" >"$stage/receiver"
}

gpucloud_commit() {
	setsid=setsid
	command -v setsid >/dev/null 2>&1 || setsid=
	$setsid /bin/sh -c "$commit_script" gpucloud-sync-commit "$stage" </dev/null >/dev/null &
	wait $!
}

# Waits for what an earlier push, or an earlier turn of this one, is putting in place, or does it.
gpucloud_finish_earlier() {
	while [ -f "$stage/committer" ] && read -r pid <"$stage/committer" &&
		gpucloud_is_ours "$pid"; do
		sleep 0.1
	done
	# what cannot be placed is compared anew
	[ ! -f "$stage/go" ] || gpucloud_commit || rm -f "$stage/go"
}

# What of the names at the top of the pushed tree is there. find says of the others that they are
# not, which is no error; of all else that it says one is made.
gpucloud_list_some() {
	{
		# shellcheck disable=SC2016
		trouble=$(cd "$root" && xargs -0 -r sh -c 'find "$@" -ignore_readdir_race \
			-printf "%y %m %s %T@ %p\0%l\0"' sh 2>&1 >&3 |
			grep -v ': No such file or directory$')
	} 3>&1
	[ -z "$trouble" ] || { echo "$trouble" >&2; return 1; }
}

gpucloud_list_target() { # the names are on standard input
	if [ -z "$name" ] && { [ -z "$some" ] || [ ! -d "$root" ]; }; then
		gpucloud_list "$root"
		return
	fi
	if [ -z "$name" ]; then
		find -H "$root" -maxdepth 0 -printf '%y %m %s %T@ \0\0' &&
			gpucloud_list_some && gpucloud_mark end
		return
	fi
	find -H "$root" -maxdepth 0 -printf '%y %m %s %T@ \0\0'
	[ ! -e "$root/$name" ] && [ ! -L "$root/$name" ] ||
		find "$root/$name" -maxdepth 0 -printf '%y %m %s %T@ %f\0%l\0' || return
	gpucloud_mark end
}

gpucloud_look() {
	for tool in tar cp; do
		case $($tool --version 2>/dev/null) in
		*GNU*) ;;
		*) gpucloud_mark "without $tool"; return 0 ;;
		esac
	done
	gpucloud_gnu_find || { gpucloud_mark "without find"; return 0; }
	gpucloud_target || return 0
	gpucloud_stage
	if [ "$dry" = 0 ] && [ -e "$stage" ]; then
		gpucloud_safe_stage || { gpucloud_mark "unsafe $stage"; return 0; }
		gpucloud_end_stale || return 0
		gpucloud_finish_earlier || return
	fi
	for tool in zstd gzip sha256sum; do
		! $tool --version >/dev/null 2>&1 || gpucloud_mark "has $tool"
	done
	gpucloud_mark "root $root"
	gpucloud_mark "name $name"
	gpucloud_mark "stage $stage"
	gpucloud_mark "home $(cd && pwd -P)"
	gpucloud_mark "free $(df -P -k "${stage%/*}/" 2>/dev/null | { read -r _ && read -r _ _ _ free _ &&
		echo "$free"; })"
	gpucloud_mark target
	gpucloud_list_of "$tops_bytes" "$tops_blocks" | gpucloud_list_target || return
	gpucloud_mark staged
	gpucloud_list "$stage/new"
}

# "HASH  PATH" of each file of the list, as sha256sum -z has it.
gpucloud_hash() {
	cd "$root" || return
	gpucloud_list_of "$paths_bytes" "$paths_blocks" | xargs -0 -r sha256sum -z --
}

gpucloud_unpack() {
	case $kind in
	zstd) zstd -dcq ;;
	gzip) gzip -dcq ;;
	*) cat ;;
	esac
}

gpucloud_begin() {
	umask 077
	mkdir -p -- "$stage" && gpucloud_safe_stage && mkdir -p "$stage/new" || {
		echo "cannot make $stage" >&2
		return 1
	}
	echo "$$ $token" >"$stage/receiver" || return
	find "$stage/new" -type d ! -perm -700 -exec chmod u+rwx {} +
}

# The rest of a large file: what is there of it is as here up to part_bytes.
gpucloud_append() {
	gpucloud_begin || return
	part=$stage/new/$part
	[ -f "$part" ] && [ ! -L "$part" ] || { gpucloud_mark differs; return 0; }
	sum=$(head -c "$part_bytes" "$part" | sha256sum)
	[ "${sum%% *}" = "$part_sum" ] || { gpucloud_mark differs; return 0; }
	truncate -s "$part_bytes" "$part" && chmod u+rw "$part" || return
	{
		gpucloud_unpack
		echo $? >"$stage/status"
	} >>"$part"
	read -r status <"$stage/status"
	[ "$status" = 0 ] || return 1
	gpucloud_mark appended
}

gpucloud_receive() {
	gpucloud_begin || return
	rm -rf "$stage/attr" && rm -f "$stage/go" "$stage/arrived" || return
	gpucloud_take_tops || return
	(cd "$stage/new" && gpucloud_list_of "$drop_bytes" "$drop_blocks" | xargs -0 -r rm -rf --) ||
		return
	gpucloud_list_of "$first_bytes" "$first_blocks" >"$stage/remove-first" &&
		gpucloud_list_of "$firstdirs_bytes" "$firstdirs_blocks" >"$stage/rmdir-first" &&
		gpucloud_list_of "$loosen_bytes" "$loosen_blocks" >"$stage/loosen" &&
		gpucloud_list_of "$last_bytes" "$last_blocks" >"$stage/remove-last" &&
		gpucloud_list_of "$lastdirs_bytes" "$lastdirs_blocks" >"$stage/rmdir-last" || return
	[ -z "$part" ] || { touch -d "@$part_time" "$stage/new/$part" &&
		chmod "$part_mode" "$stage/new/$part"; } || return
	printf %s "$root" >"$stage/root" && printf %s "$name" >"$stage/name" || return
	{
		if [ "$kind" = plain ]; then
			mkfifo "$stage/fifo.$$" || exit
			sha256sum <"$stage/fifo.$$" >"$stage/sum" &
			tee "$stage/fifo.$$"
			wait $!
		else
			gpucloud_unpack
		fi
		echo $? >"$stage/status"
	} | tar -x -f - -b 128 -C "$stage" -p --no-same-owner --delay-directory-restore \
		--warning=no-timestamp --warning=no-unknown-keyword || return
	read -r status <"$stage/status"
	[ "$status" = 0 ] || return 1
	if [ "$kind" = plain ]; then
		rm -f "$stage/fifo.$$"
		read -r sum _ <"$stage/sum"
		gpucloud_mark "sum $sum"
	fi
	[ -f "$stage/arrived" ] || { gpucloud_mark received; return 0; }
	gpucloud_place
}

# All has arrived and was found whole.
gpucloud_place() {
	: >"$stage/go" && exec 4<"$stage/tops" || return
	gpucloud_commit || { rm -f "$stage/go"; return 1; }
	gpucloud_mark committed
	gpucloud_list_target <&4
}

gpucloud_take_tops() {
	gpucloud_list_of "$tops_bytes" "$tops_blocks" >"$stage/tops"
}
