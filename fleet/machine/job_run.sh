#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One job, from its start to its end; docs/job.md tells what it leaves. It is in a session of its own,
# and stays until the job has ended. What the job is comes by standard input, one line each in base64,
# since nobody else can read that; the names of variables that may hold secrets begin with _gcj_, so
# that none of them is in the environment of this process and its helpers.
#
#   run ID UMASK

# decode TEXT: sets $_gcj_text. The dot keeps newlines at the end.
decode() {
	_gcj_text=$(printf %s "$1" | base64 -d && printf .) || return 1
	_gcj_text=${_gcj_text%.}
}

say() {
	(printf 'gpucloud-job %s\n' "$*") 2>/dev/null # who asked may be gone: that ends this subshell only
}

fail() {
	say "failed $*"
	exit 1
}

# Everything must have come before anything is done.
take() {
	setup='' folder='' command='' spec='' policy='0 0 0' beside=0 _gcj_n=0 whole=''
	while IFS=' ' read -r what name _gcj_line; do
		case $what in
		beside) beside=$name ;;
		policy) policy="$name $_gcj_line" ;;
		command | setup | folder | spec)
			decode "$name" || fail "cannot decode base64"
			case $what in
			command) command=$_gcj_text ;;
			setup) setup=$_gcj_text ;;
			folder) folder=$_gcj_text ;;
			spec) spec=$_gcj_text ;;
			esac
			;;
		variable)
			case $name in '' | [0-9]* | *[!A-Za-z0-9_]*) fail "no name of a variable: $name" ;; esac
			decode "$_gcj_line" || fail "cannot decode base64"
			_gcj_n=$((_gcj_n + 1))
			eval "_gcj_k$_gcj_n=\$name _gcj_v$_gcj_n=\$_gcj_text"
			;;
		end)
			whole=yes
			break
			;;
		*) fail "what is '$what'" ;;
		esac
	done
	_gcj_text='' _gcj_line=''
	[ "$whole" ] || exit 1 # the connection is gone, and nothing was begun
	exec </dev/null
}

# Fills the folder beside its place, and renames it there: so that it is there whole, and once.
create() {
	new=$jobs/.new-$id-$$
	rm -rf "$new"
	mkdir "$new" && : >"$new/out" && : >"$new/err" && : >"$new/setup.out" && : >"$new/setup.err" &&
		head -c 65536 /dev/zero >"$new/.reserve" &&
		printf '%s' "$spec" >"$new/job.json" && printf '%s\n' "$policy" >"$new/policy" &&
		date +%s >"$new/created" && printf '%s\n' "starting $$ $began $boot" >"$new/state" &&
		{ sync "$new/job.json" "$new/policy" "$new/state" || :; } && mv -T "$new" "$dir" && return
	rm -rf "$new"
	return 1
} 2>/dev/null

# One at a time: two that start at once must see each other.
begin() {
	command -v flock >/dev/null 2>&1 || fail "this machine has no flock"
	{ mkdir -p "$jobs" && : >>"$jobs/.lock"; } 2>/dev/null || fail "cannot write to $jobs"
	exec 9>>"$jobs/.lock"
	flock -w 20 9 || fail "another start does not come to its end"
	if [ -e "$dir" ]; then
		say again
		exit 0
	fi
	if [ "$beside" != 1 ] && some_other_runs "$id"; then
		say "busy $other"
		exit 0
	fi
	create || fail "cannot write to $jobs: is its disk full?"
	exec 9>&-
	say started
}

# keeps FILE: standard input to that file, as it comes, up to the limit, and past it to nowhere, counted:
# so that the job neither fills the disk nor ever waits for us, or is ended by a pipe that broke. The
# size of files is limited for cat alone.
keeps() {
	trap '' TERM INT QUIT XFSZ # its output shall be kept to the end
	(ulimit -f "$keep_blocks" || : && exec cat >>"$1") 2>/dev/null
	wc -c >"$1.dropped"
}

# in_session NAME LINE: runs it with its output in NAMEout and NAMEerr, and sets $code, and $signal where
# one ended it: only then does a shell say so on its own standard error. Whoever else holds those files
# open, as a server left in the background, is not waited for.
in_session() {
	rm -f "$dir/.pipe.out" "$dir/.pipe.err"
	mkfifo "$dir/.pipe.out" "$dir/.pipe.err" || return 1
	keeps "$dir/$1out" <"$dir/.pipe.out" 2>/dev/null &
	first=$!
	keeps "$dir/$1err" <"$dir/.pipe.err" 2>/dev/null &
	second=$!
	replace "$dir/helpers" "$$ $phase $first $second"
	# dash forgets the inner redirections where nothing else is between these braces.
	{
		(job_process "$2") >"$dir/.pipe.out" 9>"$dir/.pipe.err"
		code=$? signal=''
	} 2>"$dir/.ended"
	rm -f "$dir/.pipe.out" "$dir/.pipe.err"
	if [ "$code" -gt 128 ]; then
		# Of INT, PIPE and TERM shells may say nothing.
		case $code in 130 | 141 | 143) signal=$((code - 128)) ;; esac
		[ ! -s "$dir/.ended" ] || signal=$((code - 128))
	fi
	rm -f "$dir/.ended"
	tries=0
	while [ "$tries" -lt 50 ] && { kill -0 "$first" || kill -0 "$second"; } 2>/dev/null; do
		sleep 0.02
		tries=$((tries + 1))
	done
}

# Becomes the job. Its variables come last, and nothing but the job is started after them.
job_process() {
	trap - TERM INT QUIT
	exec 2>&9 9>&-
	case $folder in
	'') ;;
	*)
		case $folder in
		[~]/*) folder=$HOME/${folder#??} ;;
		/*) ;;
		*) folder=$HOME/$folder ;;
		esac
		mkdir -p "$folder" || exit 126
		;;
	esac
	cd "${folder:-$HOME}" || exit 126
	umask "$job_mask"
	export GPUCLOUD_JOB_ID="$id"
	_gcj_shell=$(command -v bash) || _gcj_shell=/bin/sh
	set -- "$_gcj_shell" -c "$1"
	_gcj_i=0
	while [ "$_gcj_i" -lt "$_gcj_n" ]; do
		_gcj_i=$((_gcj_i + 1))
		eval "eval \"\$_gcj_k$_gcj_i=\\\$_gcj_v$_gcj_i\"; export \"\$_gcj_k$_gcj_i\""
	done
	exec "$@"
}

# A part of the job, in a process of its own: whoever follows the logs waits for its end, which comes
# when all that was printed is in them. Ends with the job's code; ".signal" is there where that was one.
part() {
	trap : TERM INT QUIT
	phase=$(exec sh -c 'echo $PPID')
	replace "$dir/state" "$1 $$ $began $boot $phase"
	in_session "$2" "$3" || exit 126
	[ -z "$signal" ] || : >"$dir/.signal"
	exit "$code"
}

# run WORD NAME LINE: sets $code, and $signal where one ended it.
run() {
	date +%s >"$dir/started"
	rm -f "$dir/.signal"
	(part "$1" "$2" "$3")
	code=$? signal=''
	[ ! -e "$dir/.signal" ] || signal=$((code - 128))
	rm -f "$dir/.signal"
}

# finish WORD CODE: a cancelled job is that, however it ended. What was kept in reserve makes room on a disk
# that the job has filled.
finish() {
	[ ! -e "$dir/cancel" ] || set -- cancelled "${signal:-0}"
	rm -f "$dir/.reserve"
	date +%s >"$dir/ended"
	replace "$dir/status" "$1 $2"
	replace "$dir/state" "done $$ $began $boot"
	linger "$1 $2"
	sync "$dir/status" "$dir/state" "$dir"
}

# linger STATUS: the machine need not stay once nobody needs it: its time limit is brought down, never up.
# After the state says "done", so that of two that end at once one does it.
linger() {
	keep='' keep_failed='' after=''
	read -r keep keep_failed after <"$dir/policy"
	[ "${after:-0}" -gt 0 ] || return
	case "$keep$keep_failed $1" in
	1* | 01\ exit\ [1-9]* | 01\ [!e]*)
		replace "$dir/linger" kept
		return
		;;
	esac
	left=''
	read -r left <"$root/var/lib/gpucloud/ttl-left"
	if some_other_runs "$id"; then
		replace "$dir/linger" "other $other"
	elif ! number "$left"; then
		replace "$dir/linger" none
	elif [ "$number" -le "$after" ]; then
		replace "$dir/linger" "set $number"
	elif timeout 20 sudo -n sh -c "umask 022; echo $after >/var/lib/gpucloud/ttl-left"; then
		replace "$dir/linger" "set $after"
	else
		replace "$dir/linger" failed
	fi
} >/dev/null 2>&1

# Some machines end all that a login leaves behind (KillUserProcesses=yes in logind.conf; the images that
# gpucloud chooses do not): there this moves to a unit of its own, or nothing is started.
outlive_login() {
	killing=$(timeout 5 busctl get-property org.freedesktop.login1 /org/freedesktop/login1 \
		org.freedesktop.login1.Manager KillUserProcesses 2>/dev/null)
	[ "$killing" = "b true" ] || return 0
	timeout 20 sudo -n busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 \
		org.freedesktop.systemd1.Manager StartTransientUnit 'ssa(sv)a(sa(sv))' \
		"gpucloud-job-$id.scope" fail 1 PIDs au 1 $$ 0 >/dev/null 2>&1 9>&-
	while read -r line; do
		case $line in *"gpucloud-job-$id.scope"*) return ;; esac
	done <"/proc/$$/cgroup"
	fail "this machine ends what a login leaves behind: KillUserProcesses=yes in its logind.conf"
}

main() {
	exec 4<&- # this script
	id=$1 job_mask=${2:-022}
	dir=$jobs/$id
	case $(command -v printf) in */*) fail "this machine's shell has no printf of its own" ;; esac
	keep_blocks=$((${GPUCLOUD_JOB_LOG_KEEP:-8589934592} / 512))
	boot_id
	started_at $$ || fail "this machine has no /proc"
	began=$at
	take
	trap '' HUP
	trap : TERM INT QUIT # what ends the job is told; this waits for it
	outlive_login
	begin
	exec >/dev/null 2>&1
	cd /
	if [ "$setup" ]; then
		run setup setup. "$setup"
		if [ "$code" -ne 0 ] || [ -e "$dir/cancel" ]; then
			finish setup "$code"
			return
		fi
	fi
	run running '' "$command"
	if [ "$signal" ]; then finish signal "$signal"; else finish exit "$code"; fi
}

main "$@"
