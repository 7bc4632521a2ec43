/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of push: a tree of ours, "here", and a machine whose home holds "there", which is a
 * folder of this computer as well. */
#ifndef GPUCLOUD_TESTS_PUSH_WORLD_H
#define GPUCLOUD_TESTS_PUSH_WORLD_H

#include <stdint.h>

#include "core/clock.h"
#include "core/error.h"
#include "fake_remote.h"
#include "ssh/sync/sync.h"

struct world {
	struct fake_remote fake;
	struct sync_link link;
	struct clock clock;
	int64_t slept_ms;
	char local[80]; /* "<home>/here" */
	struct sync_result result;
	struct error err;
	char changes[4096];
	struct sync_plan plan;
};

int push_world_set_up(void **state);
int push_world_tear_down(void **state);

/* A shell script in the home; must succeed. holds: something that is to be so. */
void make(struct world *world, const char *script);
void holds(struct world *world, const char *script);

int push_as(struct world *world, const char *local, const char *path,
	    const struct sync_options *options);
void push(struct world *world); /* here to there; must succeed */

/* Type, permissions, size, time, target and content of all that is in a folder. */
#define LIST(folder)                                                                            \
	"(cd " folder " && find . -mindepth 1 \\( -type d -printf '%p d %m\\n' -o -printf "     \
	"'%p %y %m %s %T@ %l\\n' \\) | sort && find . -type f -print0 | sort -z | xargs -0 -r " \
	"sha256sum)"
#define EQUAL                                                              \
	LIST("here")                                                       \
	" > a.list; " LIST("there") " > b.list; diff -u a.list b.list >&2" \
				    " && [ -s a.list ]"
#define NOTHING_LEFT "[ -z \"$(find . -name '*gpucloud-push*')\" ]"

extern const char odd_tree[]; /* makes it in here */

#define TEST(name) cmocka_unit_test_setup_teardown(name, push_world_set_up, push_world_tear_down)

#endif
