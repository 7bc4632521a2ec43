# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Runs on the machine, in a session of its own: puts in place what a push has brought. Whatever ends
# it half-way, it is run again from its beginning by the next push: nothing is lost by that, since
# what is placed are links to files that stay where they arrived until the end.
trap '' HUP INT TERM PIPE
LC_ALL=C
export LC_ALL
stage=$1
cd "$stage" || exit
echo $$ >committer || exit
root=$(cat root && printf x) && root=${root%x} || exit
name=$(cat name && printf x) && name=${name%x} || exit

# What is no folder any more, or holds what was not there before, stays.
gpucloud_remove() { # WHEN
	[ -d "$root" ] || return 0
	(
		cd "$root" || exit
		xargs -0 -r rm -f -- <"$stage/remove-$1"
		xargs -0 -r rmdir -- <"$stage/rmdir-$1"
	) 2>/dev/null
	return 0
}

if [ -n "$name" ]; then
	[ ! -e "new/$name" ] && [ ! -L "new/$name" ] || mv -fT -- "new/$name" "$root/$name" || exit
	[ ! -d attr ] || [ ! -e "attr/$name" ] ||
		cp -T --attributes-only --preserve=mode,timestamps -- "attr/$name" "$root/$name" || exit
else
	[ ! -s loosen ] || (cd "$root" && xargs -0 -r chmod u+rwx -- <"$stage/loosen") || exit
	gpucloud_remove first
	if [ -d new ]; then
		if [ ! -e "$root" ] && [ ! -L "$root" ]; then
			mv -T -- new "$root" || exit
		else
			# where a disk has no hard links: copies
			cp -alfT -- new "$root" 2>/dev/null ||
				cp -a --remove-destination -T -- new "$root" || exit
		fi
	fi
	[ ! -d attr ] || cp -dRT --attributes-only --preserve=mode,timestamps -- attr "$root" || exit
	gpucloud_remove last
fi
rm -f go || exit
cd / || exit
find "$stage" -type d ! -perm -700 -exec chmod u+rwx {} + 2>/dev/null
rm -rf -- "$stage"
