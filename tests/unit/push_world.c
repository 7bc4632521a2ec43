/* SPDX-License-Identifier: Apache-2.0 */
#include "push_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mem.h"

static int64_t now_ms(void *ctx)
{
	(void)ctx;
	return clock_system.now_ms(NULL);
}

static int64_t mono_ms(void *ctx)
{
	(void)ctx;
	return clock_system.mono_ms(NULL);
}

static int sleep_ms(void *ctx, int64_t ms)
{
	struct world *world = ctx;

	world->slept_ms += ms;
	return 0;
}

int push_world_set_up(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));

	fake_remote_init(&world->fake);
	world->clock = (struct clock){ world, now_ms, mono_ms, sleep_ms };
	world->link = (struct sync_link){ .ops = &fake_remote_ops,
					  .remote = fake_remote_open(&world->fake),
					  .ctx = &world->fake,
					  .again = fake_remote_again,
					  .clock = &world->clock };
	snprintf(world->local, sizeof(world->local), "%s/here", world->fake.home);
	assert_int_equal(mkdir(world->local, 0755), 0);
	*state = world;
	return 0;
}

int push_world_tear_down(void **state)
{
	struct world *world = *state;

	fake_remote_ops.close(world->link.remote);
	fake_remote_release(&world->fake);
	free(world);
	return 0;
}

/* A shell script in the home of both: "here" is ours, "there" is the target. */
static int shell(struct world *world, const char *script)
{
	char *command =
		xasprintf("cd %s && PATH=/usr/bin:/bin && { %s\n}", world->fake.home, script);
	int rc = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &rc, 0);
	free(command);
	return rc;
}

void make(struct world *world, const char *script)
{
	if (shell(world, script) != 0)
		fail_msg("cannot: %s", script);
}

void holds(struct world *world, const char *script)
{
	if (shell(world, script) != 0)
		fail_msg("does not hold: %s", script);
}

static void on_change(void *ctx, const char *what, const char *path)
{
	struct world *world = ctx;
	size_t n = strlen(world->changes);

	snprintf(world->changes + n, sizeof(world->changes) - n, "%s %s\n", what, path);
}

static int on_agree(void *ctx, const struct sync_plan *plan, struct error *err)
{
	struct world *world = ctx;

	(void)err;
	world->plan = *plan;
	return 0;
}

int push_as(struct world *world, const char *local, const char *path,
	    const struct sync_options *options)
{
	const struct sync_events events = { .ctx = world, .change = on_change, .agree = on_agree };
	char *from = xasprintf("%s/%s", world->fake.home, local);

	world->err = (struct error)ERROR_INIT;
	world->changes[0] = '\0';
	memset(&world->result, 0, sizeof(world->result));
	int rc = sync_push(&world->link, from, path, options, &events, &world->result, &world->err);
	free(from);
	return rc;
}

void push(struct world *world)
{
	if (push_as(world, "here", "there", NULL) < 0)
		fail_msg("push: %s (%s)", world->err.message, world->err.hint);
}

const char odd_tree[] =
	"cd here; umask 022; mkdir -p a/b/c 'sp ace' -- -x empty/er; echo hi > a/b/c/f; echo x > a-b;"
	"printf 1 > \"new\nline\"; printf 22 > 'quote'\\''s \"$x'; : > ./-x/-rf; : > ./--checkpoint=1;"
	"printf 1 > \"$(printf '\\351')\"; printf 2 > ä; ln -s nowhere dangling; ln -s ../.. up;"
	"ln -s a/b into; chmod 750 a/b; chmod 600 a-b; chmod 444 a/b/c/f;"
	"echo x > $(printf '%0255d' 7); echo y > a/'*'; touch -d @1000000000.123456789 a/b/c/f;"
	"touch -d @-4 a-b; touch -h -d @5 dangling; printf '#!/bin/sh\\n' > run; chmod 755 run;"
	"mkdir shut; echo 1 > shut/in; chmod 555 shut; mkdir -p 'tail '; echo 1 > 'tail /nl\n'";
