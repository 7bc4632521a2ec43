#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Help, typos, exit codes and streams of the built program. GPUCLOUD_BIN names it. Nothing here
# needs a network, a cloud or a writable home.
# shellcheck disable=SC2016 # sh -c '...' expands its own arguments

bats_require_minimum_version 1.5.0

setup() {
	: "${GPUCLOUD_BIN:?set GPUCLOUD_BIN to the gpucloud program}"
	g=$GPUCLOUD_BIN
	export HOME="$BATS_TEST_TMPDIR/home"
	mkdir "$HOME"
	unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME XDG_CACHE_HOME
}

# Runs a command with a terminal for all three streams.
on_terminal() {
	TERM=${TERM_FOR_TEST:-xterm} script -qec "$*" /dev/null
}

# `! command` does not fail a test in bash; this does.
refute() {
	if "$@"; then
		return 1
	fi
}

lines_of() {
	wc -l <<<"$1"
}

@test "the top help is the same in all four spellings and fits a screen" {
	run -0 "$g" help
	want=$output
	[ "$(lines_of "$want")" -le 40 ]
	grep -q 'gpucloud doctor' <<<"$want"
	grep -qi '^documentation: ' <<<"$want"
	for words in "" "--help" "-h"; do
		# shellcheck disable=SC2086
		run -0 "$g" $words
		[ "$output" = "$want" ]
	done
}

@test "every command: --help, -h and help COMMAND agree, fit a screen, end with examples" {
	run -0 "$g" help --list
	[ "${#lines[@]}" -ge 2 ]
	for c in $("$g" help --list); do
		run -0 "$g" help "$c"
		want=$output
		[ "$("$g" "$c" --help)" = "$want" ]
		[ "$("$g" "$c" -h)" = "$want" ]
		[ "$("$g" "$c" --no-such-option x y z -h)" = "$want" ]
		[ "$(lines_of "$want")" -le 40 ]
		# after the last heading, only example lines
		sed '1,/^Examples:$/d' <<<"$want" | grep -q gpucloud
		refute grep -q '^[^ ]' <<<"$(sed '1,/^Examples:$/d' <<<"$want")"
		refute grep -q '.\{81\}' <<<"$want"
	done
}

@test "every short option has a long one" {
	for c in options $("$g" help --list); do
		refute grep -E '^ +-[a-zA-Z]( |$)' <<<"$("$g" help "$c")"
	done
}

@test "topics, and exit codes that match the documented table" {
	for topic in options config environment exit-codes; do
		run -0 "$g" help "$topic"
		[ "$(lines_of "$output")" -le 40 ]
		grep -q 'Examples:' <<<"$output"
	done
	run -0 "$g" help exit-codes
	[ "$(grep -cE '^ *([0-8]|130) ' <<<"$output")" = 10 ]
}

@test "help goes to stdout, without escape characters through a pipe" {
	[ -z "$("$g" --help 2>&1 >/dev/null)" ]
	refute grep -q $'\033' <<<"$("$g" --help)"
}

@test "version" {
	run -0 "$g" --version
	[[ $output =~ ^gpucloud\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	want=$output
	run -0 "$g" version
	[ "$output" = "$want" ]
	run -0 "$g" help --version
	[ "$output" = "$want" ]
	"$g" version --json | grep -q '"schema_version"'
}

@test "help and version need no home, no folders and no disk" {
	run -0 env -i "$g" --version
	run -0 env -i "$g" --help
	run -0 env -i "$g" help exit-codes
	[ -z "$(ls -A "$HOME")" ]
	command -v strace >/dev/null || skip "strace is not installed"
	# a leak checker cannot work while the program is traced
	ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=openat,socket \
		-o "$BATS_TEST_TMPDIR/trace" "$g" --version || skip "strace may not trace here"
	# only what the loader opens: libraries and its cache, and what a sanitizer reads of /proc
	refute grep -vE '\.so|ld\.so|ENOENT|/proc/|exited|/sys/' "$BATS_TEST_TMPDIR/trace"
}

@test "a typo in a command: a suggestion, exit 2, nothing on stdout" {
	run -2 "$g" versoin
	[ "${lines[0]}" = "gpucloud: unknown command 'versoin', did you mean 'version'?" ]
	[ "${lines[1]}" = "  try: gpucloud help version" ]
	[ -z "$("$g" versoin 2>/dev/null)" ]
	run -2 "$g" frobnicate
	[ "${lines[1]}" = "  try: gpucloud help" ]
	run -2 "$g" frobnicate --help
	run -2 "$g" help frobnicate
}

@test "a typo in an option: a suggestion, exit 2" {
	run -2 "$g" help --lst
	[[ ${lines[0]} == *"did you mean '--list'?" ]]
	[ "${lines[1]}" = "  try: gpucloud help help" ]
	run -2 "$g" --regoin x version
	[[ ${lines[0]} == *"did you mean '--region'?" ]]
	run -2 "$g" version --json=nope
	run -2 "$g" version too many
	run -2 "$g" --region= version
}

@test "no abbreviations" {
	run -2 "$g" help --lis
	run -2 "$g" vers
}

@test "global options stand before or after the command" {
	[ "$("$g" --json version)" = "$("$g" version --json)" ]
	run -0 "$g" -vq --region us-east-1 version --provider=aws -y
	run -0 "$g" help -vh
}

@test "what is typed cannot act on the terminal" {
	run -2 "$g" $'evil\033[2J\nname'
	[[ $output == *'evil^[[2J^Jname'* || $output == *'evil^[[2J name'* ]]
	refute grep -q $'\033' <<<"$output"
}

@test "--json ends stderr with one valid exit_error line" {
	command -v python3 >/dev/null || skip "python3 is not installed"
	"$g" $'a"b\\c\033' --json 2>"$BATS_TEST_TMPDIR/err" && false
	tail -n 1 "$BATS_TEST_TMPDIR/err" | python3 -c '
import json, sys
e = json.loads(sys.stdin.read())
assert e["message_type"] == "exit_error" and e["code"] == 2 and e["kind"] == "usage", e
assert "a\"b\\c\x1b" in e["message"], e
assert set(e) == {"message_type", "code", "kind", "message", "hint", "provider_code", "request_id"}
'
}

@test "output that cannot be written is a failure" {
	[ -w /dev/full ] || skip "no /dev/full"
	run -1 sh -c '"$0" help >/dev/full' "$g"
	[[ $output == "gpucloud: cannot write to standard output"* ]]
	run -1 sh -c '"$0" --version >/dev/full' "$g"
	run -1 sh -c '"$0" --version >&-' "$g"
}

@test "a reader that leaves early is no failure" {
	run -0 bash -c 'set -o pipefail; "$0" help --man | head -n 1' "$g"
}

@test "colour and NO_COLOR on a terminal" {
	command -v script >/dev/null || skip "script is not installed"
	[ "$(NO_COLOR=1 on_terminal "$g" versoin | grep -c $'\033')" = 0 ]
	[ "$(TERM_FOR_TEST=dumb on_terminal "$g" versoin | grep -c $'\033')" = 0 ]
}

@test "the man page is clean and names every command" {
	"$g" help --man >"$BATS_TEST_TMPDIR/gpucloud.1"
	for c in $("$g" help --list); do
		grep -qx "\.Ss $c" "$BATS_TEST_TMPDIR/gpucloud.1"
	done
	command -v mandoc >/dev/null || skip "mandoc is not installed"
	run -0 mandoc -T lint -W warning "$BATS_TEST_TMPDIR/gpucloud.1"
	[ -z "$output" ]
}
