/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cloud_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"

int cloud_fake_setup(void **state, const struct cloud_fake_kind *kind)
{
	struct cloud_fake *world = xcalloc(1, sizeof(*world));

	world->kind = kind;
	aws_fake_start(&world->fake, kind->env);
	if (kind->open(&world->fake.env, &world->p, &world->err) < 0)
		fail_msg("open: %s", world->err.message);
	*state = world;
	return 0;
}

int cloud_fake_teardown(void **state)
{
	struct cloud_fake *world = *state;

	world->kind->close(world->p);
	aws_fake_stop(&world->fake);
	free(world);
	return 0;
}

const char *cloud_fake_log(struct cloud_fake *world)
{
	struct buf text = BUF_INIT;
	const char *log;

	for (size_t i = 0; i < world->fake.nr_requests; i++) {
		const char *request = world->fake.requests[i];
		const char *path = strstr(request, world->kind->url);

		assert_non_null(path);
		buf_add(&text, request, (size_t)(path - request));
		path += strlen(world->kind->url);
		buf_add(&text, path, strcspn(path, world->kind->queries ? "\n" : "?\n"));
		buf_addch(&text, '\n');
	}
	log = arena_strdup(&world->fake.arena, text.data);
	buf_release(&text);
	return log;
}

const char *cloud_fake_body(const struct cloud_fake *world, size_t n)
{
	assert_true(n < world->fake.nr_requests);
	return strstr(world->fake.requests[n], "\n\n") + 2;
}

void cloud_fake_clear(struct cloud_fake *world)
{
	world->fake.nr_requests = 0;
	world->fake.nr_replies = 0;
	error_clear(&world->err);
}

void cloud_fake_expect(const struct cloud_fake *world, int rc, enum error_kind kind,
		       const char *says)
{
	const struct error *err = &world->err;

	if (rc != -1)
		fail_msg("it went well, instead of: %s", says);
	if (err->kind != kind || (!strstr(err->message, says) && !strstr(err->hint, says)))
		fail_msg("%s: %s (%s), not %s: %s", error_kind_name(err->kind), err->message,
			 err->hint, error_kind_name(kind), says);
	assert_null(strstr(err->message, world->kind->token));
	assert_null(strstr(err->hint, world->kind->token));
}
