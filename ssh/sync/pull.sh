# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# Runs on the machine, by /bin/sh, behind list.sh: what a pull asks for. All paths start from $base.

# Standard input, packed as well as can be. First a mark that says how.
gpucloud_pack() {
	if command -v zstd >/dev/null 2>&1; then
		printf '=zstd\0'
		# a thread of its own for reading and writing costs more than it wins; 1.3.3 has no word for it
		one=--single-thread
		zstd "$one" -V </dev/null >/dev/null 2>&1 || one=
		exec zstd -q -1 ${one:+"$one"} --check -c
	elif command -v gzip >/dev/null 2>&1; then
		printf '=gzip\0'
		exec gzip -1 -c
	fi
	printf '=plain\0'
	exec cat
}

gpucloud_pull_base() {
	if ! cd "$base" 2>/dev/null; then
		printf '=gone\0'
		exit 0
	fi
}

# The files of the list; times to the nanosecond, names as bytes. The exit status is tar's.
gpucloud_pull_files() {
	case $(tar --version 2>/dev/null) in
	*'GNU tar'*) ;;
	*)
		printf '=notar\0'
		return 0
		;;
	esac
	gpucloud_pull_base
	exec 6>&1
	status=$( { {
		gpucloud_list_of "$files_bytes" "$files_blocks" | tar -c -f - -b 128 ${follow:+"$follow"} \
			--no-recursion --hard-dereference --format=posix --owner=0 --group=0 \
			--numeric-owner --pax-option=delete=atime,delete=ctime \
			--quoting-style=literal --null --no-unquote -T -
		echo $? >&5
	} | gpucloud_pack >&6; } 5>&1)
	return "${status:-9}"
}

# The end of one file, if its beginning is the one we have.
gpucloud_pull_tail() {
	gpucloud_pull_base
	if [ ! -f "$file" ]; then
		printf '=gone\0'
	elif [ "$(head -c "$have" "$file" | sha256sum | head -c 64)" != "$sum" ]; then
		printf '=differs\0'
	else
		tail -c "+$from" "$file" | head -c "$left" | gpucloud_pack
	fi
}

gpucloud_pull_sums() {
	gpucloud_pull_base
	gpucloud_list_of "$files_bytes" "$files_blocks" | xargs -0 -r sha256sum -z --
}
