#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# scripts/check-style would notice if the rules of the house were broken. That they hold in this tree
# is ctest's style.check-style.

bats_require_minimum_version 1.5.0

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree"/{core,bidding,providers,fleet,cli,simulator/cloud,tests}
	for folder in core bidding providers fleet cli simulator tests; do
		echo "# $folder" >"$tree/$folder/README.md"
	done
	put core/fine.c '#include "core/fine.h"' 'int fine(void)' '{' $'\treturn 0; /* strcpy( */' '}'
}

# put FILE LINE...: a file with the licence line first.
put() {
	local file=$1
	shift
	printf '%s\n' '/* SPDX-License-Identifier: Apache-2.0 */' "$@" >"$tree/$file"
}

# check: exit 1; what it says is looked at by finds. Each run of it takes a while: one for all that
# can be wrong at once.
check() {
	run -1 "$root/scripts/check-style" "$tree"
}

# finds LINE RULE: a violation there that says so.
finds() {
	grep -F "$1: " <<<"$output" | grep -qF "$2"
}

@test "a clean tree passes, no tree is an error" {
	run -0 "$root/scripts/check-style" "$tree"
	run -2 "$root/scripts/check-style" "$BATS_TEST_TMPDIR"
}

@test "libraries stay behind their one file" {
	put core/a.c '#include <curl/curl.h>' '#  include <sqlite3.h>'
	put bidding/a.c '#include <libxml/tree.h>'
	put fleet/a.c '#include <cjson/cJSON.h>' '#include <microhttpd.h>' '#include <ini.h>'
	check
	finds core/a.c:2 core/http_curl.c
	finds core/a.c:3 core/db.c
	finds bidding/a.c:2 libxml
	finds fleet/a.c:2 cJSON
	finds fleet/a.c:3 microhttpd
	finds fleet/a.c:4 libinih
}

@test "arrows run one way" {
	put core/a.c '#include "fleet/x.h"' '#include "fine.h"'
	put bidding/a.c '#include "providers/x.h"'
	put providers/a.c '#include "bidding/x.h"'
	put fleet/a.c '#include "cli/x.h"'
	put cli/a.c '#include "simulator/x.h"'
	put simulator/a.c '#include "providers/x.h"'
	check
	finds core/a.c:2 'core may include'
	finds core/a.c:3 'core may include'
	for folder in bidding providers fleet cli simulator; do
		finds $folder/a.c:2 "$folder may include"
	done
}

@test "gpu-selftest stands alone, and prints" {
	mkdir -p "$tree/gpu-selftest/src"
	echo '# gpu-selftest' >"$tree/gpu-selftest/README.md"
	put gpu-selftest/src/a.c '#include <stdio.h>' '#include "gpu-selftest/src/b.h"' \
		'int f(void) { printf("x"); exit(1); }'
	run -0 "$root/scripts/check-style" "$tree"
	put gpu-selftest/src/a.c '#include "core/error.h"' '#include <openssl/evp.h>'
	put fleet/a.c '#include "gpu-selftest/src/b.h"'
	check
	finds gpu-selftest/src/a.c:2 'may include'
	finds gpu-selftest/src/a.c:3 'libc only'
	finds fleet/a.c:2 'nothing includes'
}

@test "only the command line prints, reads the environment or exits" {
	put cli/a.c 'int main(void) { printf(""); exit(1); }'
	run -0 "$root/scripts/check-style" "$tree"
	put core/a.c 'int f(void) { printf("x"); }'
	put fleet/a.c 'int f(void) { fputs("x", stdout); }' 'int g(void) { fputs("x", stderr); }' \
		'int h(void) { exit(1); }' 'int i(void) { getenv("X"); }'
	check
	finds core/a.c:2 stdout
	finds fleet/a.c:2 stdout
	finds fleet/a.c:3 stderr
	finds fleet/a.c:4 exit
	finds fleet/a.c:5 environment
	put fleet/a.c 'int f(void) { snprintf(a, 1, "stdout exit(1)"); _exit(2); }'
	rm "$tree/core/a.c"
	run -0 "$root/scripts/check-style" "$tree"
}

@test "banned functions, comments, indentation, length, licence, words" {
	names=(strcpy strcat sprintf gets strtok gmtime atoi atof system popen)
	put cli/a.c "${names[@]/%/(a);}"
	check
	for i in "${!names[@]}"; do
		finds "cli/a.c:$((i + 2))" banned
	done
	put cli/a.c 'int f(void) { a.system(b); snprintf(c); "system("; }'
	run -0 "$root/scripts/check-style" "$tree"
	put cli/a.c '// x' '    int x;' 'int x; ' 'const char *x = "../shared/data";' '/* TO''DO */'
	put cli/a.h 'int x;'
	check
	finds cli/a.c:2 comments
	finds cli/a.c:3 tabs
	finds cli/a.c:4 blanks
	finds cli/a.c:5 'recorded data'
	finds cli/a.c:6 unfinished
	finds cli/a.h:1 guard
	rm "$tree/cli/a.h"
	mapfile -t many < <(yes ';' | head -n 499)
	put cli/a.c "${many[@]}"
	run -0 "$root/scripts/check-style" "$tree"
	put cli/a.c "${many[@]}" ';'
	echo 'int x;' >"$tree/cli/b.c"
	rm "$tree/fleet/README.md"
	check
	finds cli/a.c:501 500
	finds cli/b.c:1 SPDX
	finds fleet:0 README
}
