/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/digitalocean_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"

int digitalocean_fake_setup(void **state)
{
	static const char *const env[] = { "DIGITALOCEAN_TOKEN=" DF_TOKEN, "GPUCLOUD_REGION=nyc2",
					   NULL };
	struct digitalocean_fake *world = xcalloc(1, sizeof(*world));

	aws_fake_start(&world->fake, env);
	if (ocean_open(&world->fake.env, &world->p, &world->err) < 0)
		fail_msg("open: %s", world->err.message);
	*state = world;
	return 0;
}

int digitalocean_fake_teardown(void **state)
{
	struct digitalocean_fake *world = *state;

	ocean_close(world->p);
	aws_fake_stop(&world->fake);
	free(world);
	return 0;
}

const char *digitalocean_fake_log(struct digitalocean_fake *world)
{
	struct buf text = BUF_INIT;
	const char *log;

	for (size_t i = 0; i < world->fake.nr_requests; i++) {
		const char *request = world->fake.requests[i];
		const char *path = strstr(request, DF_URL);

		assert_non_null(path);
		buf_add(&text, request, (size_t)(path - request));
		path += strlen(DF_URL);
		buf_add(&text, path, strcspn(path, "\n"));
		buf_addch(&text, '\n');
	}
	log = arena_strdup(&world->fake.arena, text.data);
	buf_release(&text);
	return log;
}

const char *digitalocean_fake_body(const struct digitalocean_fake *world, size_t n)
{
	assert_true(n < world->fake.nr_requests);
	return strstr(world->fake.requests[n], "\n\n") + 2;
}

void digitalocean_fake_clear(struct digitalocean_fake *world)
{
	world->fake.nr_requests = 0;
	world->fake.nr_replies = 0;
	error_clear(&world->err);
}

void digitalocean_fake_expect(const struct digitalocean_fake *world, int rc, enum error_kind kind,
			      const char *says)
{
	const struct error *err = &world->err;

	if (rc != -1)
		fail_msg("it went well, instead of: %s", says);
	if (err->kind != kind || (!strstr(err->message, says) && !strstr(err->hint, says)))
		fail_msg("%s: %s (%s), not %s: %s", error_kind_name(err->kind), err->message,
			 err->hint, error_kind_name(kind), says);
	assert_null(strstr(err->message, DF_TOKEN));
	assert_null(strstr(err->hint, DF_TOKEN));
}
