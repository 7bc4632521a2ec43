#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rules of the house hold, and scripts/check-style would notice if they did not.

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

# finds LINE RULE: exit 1, and a violation there that says so.
finds() {
	run -1 "$root/scripts/check-style" "$tree"
	[[ $output == *"$1: "*"$2"* ]]
}

@test "this tree keeps the rules" {
	run -0 "$root/scripts/check-style"
}

@test "a clean tree passes, no tree is an error" {
	run -0 "$root/scripts/check-style" "$tree"
	run -2 "$root/scripts/check-style" "$BATS_TEST_TMPDIR"
}

@test "libraries stay behind their one file" {
	put core/a.c '#include <curl/curl.h>' && finds core/a.c:2 core/http_curl.c
	put core/a.c '#  include <sqlite3.h>' && finds core/a.c:2 core/db.c
	put bidding/a.c '#include <libxml/tree.h>' && finds bidding/a.c:2 libxml
	put fleet/a.c '#include <cjson/cJSON.h>' && finds fleet/a.c:2 cJSON
	put fleet/a.c '#include <microhttpd.h>' && finds fleet/a.c:2 microhttpd
	put fleet/a.c '#include <ini.h>' && finds fleet/a.c:2 libinih
}

@test "arrows run one way" {
	put core/a.c '#include "fleet/x.h"' && finds core/a.c:2 'core may include'
	put core/a.c '#include "fine.h"' && finds core/a.c:2 'core may include'
	rm "$tree/core/a.c"
	put bidding/a.c '#include "providers/x.h"' && finds bidding/a.c:2 'bidding may include'
	put providers/a.c '#include "bidding/x.h"' && finds providers/a.c:2 'providers may include'
	put fleet/a.c '#include "cli/x.h"' && finds fleet/a.c:2 'fleet may include'
	put cli/a.c '#include "simulator/x.h"' && finds cli/a.c:2 'cli may include'
	put simulator/a.c '#include "providers/x.h"' && finds simulator/a.c:2 'simulator may include'
}

@test "gpu-selftest stands alone, and prints" {
	mkdir -p "$tree/gpu-selftest/src"
	echo '# gpu-selftest' >"$tree/gpu-selftest/README.md"
	put gpu-selftest/src/a.c '#include <stdio.h>' '#include "gpu-selftest/src/b.h"' \
		'int f(void) { printf("x"); exit(1); }'
	run -0 "$root/scripts/check-style" "$tree"
	put gpu-selftest/src/a.c '#include "core/error.h"' && finds gpu-selftest/src/a.c:2 'may include'
	put gpu-selftest/src/a.c '#include <openssl/evp.h>' && finds gpu-selftest/src/a.c:2 'libc only'
	rm "$tree/gpu-selftest/src/a.c"
	put fleet/a.c '#include "gpu-selftest/src/b.h"' && finds fleet/a.c:2 'nothing includes'
}

@test "only the command line prints, reads the environment or exits" {
	put cli/a.c 'int main(void) { printf(""); exit(1); }'
	run -0 "$root/scripts/check-style" "$tree"
	put core/a.c 'int f(void) { printf("x"); }' && finds core/a.c:2 stdout
	put fleet/a.c 'int f(void) { fputs("x", stdout); }' && finds fleet/a.c:2 stdout
	put fleet/a.c 'int f(void) { fputs("x", stderr); }' && finds fleet/a.c:2 stderr
	put fleet/a.c 'int f(void) { exit(1); }' && finds fleet/a.c:2 exit
	put fleet/a.c 'int f(void) { getenv("X"); }' && finds fleet/a.c:2 environment
	put fleet/a.c 'int f(void) { snprintf(a, 1, "stdout exit(1)"); _exit(2); }'
	rm "$tree/core/a.c"
	run -0 "$root/scripts/check-style" "$tree"
}

@test "banned functions, comments, indentation, length, licence, words" {
	for name in strcpy strcat sprintf gets strtok gmtime atoi atof system popen; do
		put cli/a.c "int f(void) { $name(a); }" && finds cli/a.c:2 banned
	done
	put cli/a.c 'int f(void) { a.system(b); snprintf(c); "system("; }'
	run -0 "$root/scripts/check-style" "$tree"
	put cli/a.c '// x' && finds cli/a.c:2 comments
	put cli/a.c '    int x;' && finds cli/a.c:2 tabs
	put cli/a.c 'int x; ' && finds cli/a.c:2 blanks
	put cli/a.c 'const char *x = "../shared/data";' && finds cli/a.c:2 'recorded data'
	put cli/a.c '/* TO''DO */' && finds cli/a.c:2 unfinished
	put cli/a.h 'int x;' && finds cli/a.h:1 guard
	rm "$tree/cli/a.h"
	mapfile -t many < <(yes ';' | head -n 499)
	put cli/a.c "${many[@]}"
	run -0 "$root/scripts/check-style" "$tree"
	put cli/a.c "${many[@]}" ';' && finds cli/a.c:501 500
	echo 'int x;' >"$tree/cli/a.c" && finds cli/a.c:1 SPDX
	rm "$tree/cli/a.c" "$tree/fleet/README.md" && finds fleet:0 README
}
