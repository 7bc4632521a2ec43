/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in pages: each page once, and an end to all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "providers/rest.h"
#include "tests/unit/aws_fake.h"

struct world {
	struct aws_fake fake;
	struct rest rest;
	int pages;
	bool refuse, endless;
	char body[32]; /* of the next page */
};

static void problem(const struct cJSON *root, struct rest_problem *ret)
{
	(void)root;
	(void)ret;
}

static int find_token(void *ctx, struct rest *rest, struct error *err)
{
	(void)ctx;
	return rest_set_token(rest, "token", 5, "a test", err);
}

static const struct rest_cloud cloud = {
	.topic = "test", .title = "Testcloud", .problem = problem, .token = find_token
};

static int setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));
	struct error err = ERROR_INIT;

	aws_fake_start(&world->fake, NULL);
	assert_int_equal(rest_open(&world->rest, &cloud, &world->fake.env, world,
				   "https://api.example", "default", &err),
			 0);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	rest_close(&world->rest);
	aws_fake_stop(&world->fake);
	free(world);
	return 0;
}

static int take(void *ctx, const struct cJSON *page, const char **ret_next, struct error *err)
{
	struct world *world = ctx;

	world->pages++;
	if (world->refuse)
		return error_set(err, ERROR_PROTOCOL, "field 'x' is missing");
	if (world->endless) {
		world->fake.nr_requests = 0;
		world->fake.replies[0].used = false;
		snprintf(world->body, sizeof(world->body), "{\"next\":\"n%d\"}", world->pages);
	}
	return json_string_opt(page, "next", 5000, ret_next, err);
}

static int list(struct world *world, struct error *err)
{
	const struct rest_list list = {
		.path = REST_PATH("things"),
		.what = "cannot list things",
		.query = { { "limit", "120" }, { "name", "a b" } },
		.cursor = "after",
		.ctx = world,
		.take = take,
	};

	return rest_list(&world->rest, &list, err);
}

static void test_pages(void **state)
{
	struct world *world = *state;
	struct error err = ERROR_INIT;

	aws_fake_reply(&world->fake, "things?limit=120&name=a%20b\n", 200, "{\"next\":\"p/2\"}");
	aws_fake_reply(&world->fake, "&after=p%2F2\n", 200, "{\"next\":\"p3\"}");
	aws_fake_reply(&world->fake, "&after=p3\n", 200, "{}");
	assert_int_equal(list(world, &err), 0);
	assert_int_equal(world->pages, 3);
}

static void expect(struct world *world, const char *says)
{
	struct error err = ERROR_INIT;

	assert_int_equal(list(world, &err), -1);
	if (err.kind != ERROR_PROTOCOL || !strstr(err.message, says) ||
	    strncmp(err.message, "cannot list things: ", 20) != 0)
		fail_msg("%s: %s", error_kind_name(err.kind), err.message);
}

static void test_lists_without_end(void **state)
{
	struct world *world = *state;
	static char longest[2048];

	aws_fake_reply(&world->fake, NULL, 200, "{\"next\":\"a\"}");
	aws_fake_reply(&world->fake, "after=a", 200, "{\"next\":\"b\"}");
	aws_fake_reply(&world->fake, "after=b", 200, "{\"next\":\"a\"}");
	expect(world, "circle");
	aws_fake_reply(&world->fake, NULL, 200, "{\"next\":\"\"}");
	expect(world, "empty or too long");
	snprintf(longest, sizeof(longest), "{\"next\":\"%01500d\"}", 7);
	aws_fake_reply(&world->fake, NULL, 200, longest);
	expect(world, "empty or too long");
	aws_fake_reply(&world->fake, NULL, 204, "");
	expect(world, "the reply is empty");
	world->refuse = true;
	aws_fake_reply(&world->fake, NULL, 200, "{}");
	expect(world, "field 'x' is missing");

	/* Ever another page. */
	world->refuse = false;
	world->endless = true;
	world->pages = 0;
	world->fake.nr_replies = 0;
	aws_fake_reply(&world->fake, NULL, 200, world->body);
	snprintf(world->body, sizeof(world->body), "{\"next\":\"n0\"}");
	expect(world, "too many pages");
	assert_int_equal(world->pages, REST_PAGES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lists_without_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
