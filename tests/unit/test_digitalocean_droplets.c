/* SPDX-License-Identifier: Apache-2.0 */
/* DigitalOcean: which droplets there are, hostile replies, ends, stops and starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "tests/unit/digitalocean_fake.h"

#define LOCKED(id, status) DF_DROPLET_AT(id, status, "nyc2", DF_TAGS, ",\"locked\":true")
#define ONE(droplet)	   "{\"droplet\":" droplet "}"
#define ACTIONS(items)	   DF_LIST("actions", items)
#define ACTION(type, status, started) \
	"{\"type\":\"" type "\",\"status\":\"" status "\",\"started_at\":\"" started "\"}"
#define PENDING DF_REFUSED("Droplet already has a pending event.")

static const char *const nyc2[] = { "nyc2" };

/* Ids and states of what is found, "1 running;2 stopped;". */
static const char *find(struct cloud_fake *world, struct instance_query query)
{
	static char text[512];
	struct instance_list list = { 0 };
	size_t len = 0;

	query.regions = nyc2;
	query.nr_regions = 1;
	if (ocean_instances(world->p, &query, &list, &world->err))
		return NULL;
	text[0] = '\0';
	for (size_t i = 0; i < list.nr; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s;", list.v[i].id,
					instance_state_name(list.v[i].state));
	instance_list_release(&list);
	return text;
}

/* GPU droplets of one list, the others of another, and each once. */
static void test_lists(void **state)
{
	struct cloud_fake *world = *state;

	aws_fake_reply(
		&world->fake, "?per_page=200&type=gpus\n", 200,
		DF_LIST("droplets",
			DF_DROPLET("3", "active", DF_TAGS) "," DF_DROPLET(
				"4", "active", "\"web\"") "," DF_DROPLET_AT("5", "active", "tor1",
									    DF_TAGS, "")));
	aws_fake_reply(
		&world->fake, "?per_page=200&type=droplets\n", 200,
		DF_LIST("droplets",
			DF_DROPLET("3", "active", DF_TAGS) "," DF_DROPLET(
				"6", "off", DF_TAGS) "," DF_DROPLET("7", "archive", DF_TAGS)));
	assert_string_equal(find(world, (struct instance_query){ .name = NULL }),
			    "3 running;6 stopped;");

	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "type=gpus", 200, DF_NO_DROPLETS);
	aws_fake_reply(&world->fake, "&tag_name=gpucloud-launch%3A" DF_LAUNCH "\n", 200,
		       DF_LIST("droplets", DF_DROPLET("8", "new", DF_TAGS)));
	assert_string_equal(find(world, (struct instance_query){ .launch_id = DF_LAUNCH }),
			    "8 pending;");

	/* What does not match is not shown, whatever the cloud makes of the question. */
	static const struct instance_query missed[] = {
		{ .name = "trai" },
		{ .owner = "you" },
		{ .token = DF_LAUNCH "-2" },
		{ .launch_id = DF_OTHER },
	};
	for (size_t i = 0; i < ARRAY_SIZE(missed); i++) {
		cloud_fake_clear(world);
		for (int k = 0; k < 2; k++)
			aws_fake_reply(&world->fake, "GET", 200,
				       DF_LIST("droplets", DF_DROPLET("3", "active", DF_TAGS)));
		assert_string_equal(find(world, missed[i]), "");
	}
}

static void test_fields(void **state)
{
	struct cloud_fake *world = *state;
	const char *id = "3164444";
	const struct instance_query query = {
		.regions = nyc2, .nr_regions = 1, .ids = &id, .nr_ids = 1
	};
	struct instance_list list = { 0 };

	aws_fake_reply(
		&world->fake, "GET " DF_URL "/droplets/3164444\n", 200,
		ONE(DF_DROPLET("3164444", "active",
			       DF_TAGS ",\"gpucloud-hold:9:" DF_LAUNCH
				       "\",\"gpucloud-hold:0:" DF_LAUNCH
				       ":2\",\"gpucloud-expires:1767229200:" DF_LAUNCH "\"")));
	assert_int_equal(ocean_instances(world->p, &query, &list, &world->err), 0);
	assert_int_equal(list.nr, 1);
	const struct instance *one = &list.v[0];
	assert_string_equal(one->zone.name, "nyc2");
	assert_string_equal(one->type, "gpu-h100x1-80gb");
	assert_string_equal(one->image, "gpu-h100x1-base");
	assert_string_equal(one->public_ip, "203.0.113.9");
	assert_string_equal(one->private_ip, "10.0.0.4");
	assert_string_equal(one->name, "train");
	assert_string_equal(one->token, DF_ATTEMPT);
	assert_int_equal(one->launched, 1767225600);
	assert_int_equal(one->expires, 1767229200);
	assert_int_equal(one->price, 3390000);
	assert_int_equal(one->price_off, 0);
	/* Of two values the one of the later turn, not the larger one. */
	assert_string_equal(instance_tag(one, "gpucloud-hold"), "0");
	assert_null(instance_tag(one, "gpucloud-launch-owner"));
	instance_list_release(&list);

	/* A stranger's is shown to who names it. */
	aws_fake_reply(&world->fake, "/droplets/3164444", 200,
		       ONE(DF_DROPLET("3164444", "active", "\"web\"")));
	assert_int_equal(ocean_instances(world->p, &query, &list, &world->err), 0);
	assert_int_equal(list.nr, 1);
	assert_string_equal(list.v[0].name, "");
	instance_list_release(&list);

	/* The shared tags were deleted: the launch's own say the same. */
	aws_fake_reply(&world->fake, "/droplets/3164444", 200,
		       ONE(DF_DROPLET("3164444", "active",
				      "\"gpucloud-launch:" DF_LAUNCH
				      "\",\"gpucloud-launch-owner:me:" DF_LAUNCH
				      "\",\"gpucloud-launch-name:train:" DF_LAUNCH "\"")));
	assert_int_equal(ocean_instances(world->p, &query, &list, &world->err), 0);
	assert_string_equal(list.v[0].owner, "me");
	assert_string_equal(list.v[0].name, "train");
	assert_string_equal(instance_tag(&list.v[0], "gpucloud-name"), "train");
	instance_list_release(&list);
}

static void test_hostile(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const bad[] = {
		"",
		"[]",
		"{\"droplets\":7}",
		DF_LIST("droplets", "7"),
		DF_LIST("droplets", "{}"),
		DF_LIST("droplets", DF_DROPLET("-1", "active", "")),
		DF_LIST("droplets", DF_DROPLET("1.5", "active", "")),
		DF_LIST("droplets", DF_DROPLET("\"1\"", "active", "")),
		DF_LIST("droplets", DF_DROPLET_AT("1", "active", "../x", "", "")),
		DF_LIST("droplets", DF_DROPLET("1", "active", "7")),
		DF_LIST("droplets", "{\"id\":1,\"region\":{\"slug\":\"nyc2\"}}"),
	};
	const char *odd = "12/x";

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "type=gpus", 200, bad[i]);
		if (find(world, (struct instance_query){ .name = NULL }))
			fail_msg("taken: %s", bad[i]);
		cloud_fake_expect(world, -1, ERROR_PROTOCOL, "cannot list droplets");
	}
	cloud_fake_clear(world);
	assert_null(find(world, (struct instance_query){ .ids = &odd, .nr_ids = 1 }));
	cloud_fake_expect(world, -1, ERROR_USAGE, "12/x");
	assert_int_equal(world->fake.nr_requests, 0);

	/* What is only odd hides nothing. */
	aws_fake_reply(&world->fake, "type=gpus", 200,
		       DF_LIST("droplets",
			       "{\"id\":1,\"region\":{\"slug\":\"nyc2\"},\"status\":\"melting\","
			       "\"size_slug\":\"a b\",\"networks\":{\"v4\":[{\"ip_address\":"
			       "\"1.2.3.4;ls\",\"type\":\"public\"},7]},\"image\":null,"
			       "\"created_at\":\"soon\",\"tags\":[" DF_TAGS "]}"));
	aws_fake_reply(&world->fake, "type=droplets", 200, DF_NO_DROPLETS);
	assert_string_equal(find(world, (struct instance_query){ .name = NULL }), "1 unknown;");
}

static void test_by_ids(void **state)
{
	struct cloud_fake *world = *state;
	const char *ids[] = { "1", "2", "3" };

	aws_fake_reply(&world->fake, "/droplets/1\n", 200, ONE(DF_DROPLET("1", "active", DF_TAGS)));
	aws_fake_reply(&world->fake, "/droplets/2\n", 404, DF_NOT_FOUND);
	aws_fake_reply(&world->fake, "/droplets/3\n", 200, ONE(DF_DROPLET("3", "off", DF_TAGS)));
	assert_string_equal(find(world, (struct instance_query){ .ids = ids, .nr_ids = 3 }),
			    "1 running;3 stopped;");
	assert_int_equal(world->fake.largest_round, 3);
	aws_fake_reply(&world->fake, "/droplets/1\n", 403, DF_ERROR("forbidden", "no"));
	assert_null(find(world, (struct instance_query){ .ids = ids, .nr_ids = 1 }));
	cloud_fake_expect(world, -1, ERROR_AUTH, "droplet");
}

/* Its deletion was accepted: it is listed as before, but locked, and no action tells why. */
static void test_ending(void **state)
{
	struct cloud_fake *world = *state;
	const char *id = "1";
	const struct instance_query query = { .ids = &id, .nr_ids = 1 };
	static const struct {
		const char *actions;
		int status;
		const char *again, *found;
	} cases[] = {
		{ ACTIONS(ACTION("reboot", "in-progress", "2026-01-01T00:00:00Z")), 0, NULL,
		  "1 running;" },
		{ ACTIONS(ACTION("shutdown", "in-progress", "2026-01-01T00:00:00Z")), 0, NULL,
		  "1 stopping;" },
		{ ACTIONS(ACTION("power_off", "in-progress", "2026-01-01T00:00:00Z") "," ACTION(
			  "shutdown", "errored", "2025-12-31T23:00:00Z")),
		  0, NULL, "1 stopping;" },
		{ ACTIONS(ACTION("create", "completed", "2026-01-01T00:00:00Z")), 200,
		  ONE(LOCKED("1", "active")), "1 ending;" },
		{ ACTIONS(ACTION("destroy", "in-progress", "2026-01-01T00:00:00Z")), 200,
		  ONE(LOCKED("1", "active")), "1 ending;" },
		{ ACTIONS(""), 200, ONE(DF_DROPLET("1", "off", DF_TAGS)), "1 stopped;" },
		{ ACTIONS(""), 404, DF_NOT_FOUND, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/droplets/1\n", 200, ONE(LOCKED("1", "active")));
		aws_fake_reply(&world->fake, "/droplets/1/actions", 200, cases[i].actions);
		if (cases[i].status)
			aws_fake_reply(&world->fake, "/droplets/1\n", cases[i].status,
				       cases[i].again);
		assert_string_equal(find(world, query), cases[i].found);
		assert_true(aws_fake_all_used(&world->fake));
	}
}

static void test_terminate(void **state)
{
	struct cloud_fake *world = *state;

	aws_fake_reply(&world->fake, "DELETE " DF_URL "/droplets/1\n", 204, "");
	assert_int_equal(ocean_terminate(world->p, "nyc2", "1", &world->err), 0);
	aws_fake_reply(&world->fake, "DELETE", 404, DF_NOT_FOUND);
	assert_int_equal(ocean_terminate(world->p, "nyc2", "1", &world->err), 0);
	/* Busy: whoever asks asks again while it is listed. */
	aws_fake_reply(&world->fake, "DELETE", 422, PENDING);
	assert_int_equal(ocean_terminate(world->p, "nyc2", "1", &world->err), 0);
	aws_fake_reply(&world->fake, "DELETE", 403, DF_ERROR("forbidden", "no"));
	cloud_fake_expect(world, ocean_terminate(world->p, "nyc2", "1", &world->err), ERROR_AUTH,
			  "droplet");
	cloud_fake_expect(world, ocean_terminate(world->p, "nyc2", "1/x", &world->err), ERROR_USAGE,
			  "1/x");
	for (int i = 0; i < 4; i++)
		aws_fake_fail(&world->fake, "DELETE", ERROR_NETWORK);
	cloud_fake_expect(world, ocean_terminate(world->p, "nyc2", "1", &world->err), ERROR_NETWORK,
			  "cannot delete droplet '1'");
}

/* The clock stands at 2026-01-01T00:00:00Z. */
static void test_stop(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		const char *actions, *sent; /* NULL: nothing */
	} cases[] = {
		{ ACTIONS(ACTION("create", "completed", "2025-12-31T23:00:00Z")), "shutdown" },
		{ ACTIONS(""), "shutdown" },
		{ ACTIONS(ACTION("shutdown", "in-progress", "2025-12-31T23:59:30Z")), NULL },
		{ ACTIONS(ACTION("shutdown", "in-progress", "2025-12-31T23:58:30Z")), "power_off" },
		{ ACTIONS(ACTION("shutdown", "completed", "2025-12-31T23:59:30Z")), "power_off" },
		{ ACTIONS(ACTION("shutdown", "errored", "2025-12-31T23:59:30Z")), "power_off" },
		{ ACTIONS(ACTION("snapshot", "completed", "2025-12-31T23:59:50Z") "," ACTION(
			  "shutdown", "errored", "2025-12-31T23:59:30Z")),
		  "power_off" },
		/* Started since, or so long ago that it is another stop. */
		{ ACTIONS(ACTION("shutdown", "completed", "2025-12-31T23:58:30Z") "," ACTION(
			  "power_on", "completed", "2025-12-31T23:59:00Z")),
		  "shutdown" },
		{ ACTIONS(ACTION("shutdown", "errored", "2025-12-31T22:59:30Z")), "shutdown" },
	};
	char body[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cloud_fake_clear(world);
		aws_fake_reply(&world->fake, "/droplets/1\n", 200,
			       ONE(DF_DROPLET("1", "active", DF_TAGS)));
		aws_fake_reply(&world->fake, "GET " DF_URL "/droplets/1/actions", 200,
			       cases[i].actions);
		if (cases[i].sent)
			aws_fake_reply(&world->fake, "POST " DF_URL "/droplets/1/actions\n", 201,
				       "{}");
		assert_int_equal(ocean_stop(world->p, "nyc2", "1", &world->err), 0);
		if (cases[i].sent) {
			snprintf(body, sizeof(body), "{\"type\":\"%s\"}", cases[i].sent);
			assert_string_equal(cloud_fake_body(world, 2), body);
		}
		assert_int_equal(world->fake.nr_requests, cases[i].sent ? 3 : 2);
	}
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "/droplets/1\n", 200, ONE(DF_DROPLET("1", "off", DF_TAGS)));
	assert_int_equal(ocean_stop(world->p, "nyc2", "1", &world->err), 0);
	aws_fake_reply(&world->fake, "/droplets/1\n", 404, DF_NOT_FOUND);
	cloud_fake_expect(world, ocean_stop(world->p, "nyc2", "1", &world->err), ERROR_NOT_FOUND,
			  "'1'");
}

static void test_start(void **state)
{
	struct cloud_fake *world = *state;

	aws_fake_reply(&world->fake, "/droplets/1\n", 200, ONE(DF_DROPLET("1", "off", DF_TAGS)));
	aws_fake_reply(&world->fake, "POST", 201, "{}");
	assert_int_equal(ocean_start(world->p, "nyc2", "1", &world->err), 0);
	assert_string_equal(cloud_fake_body(world, 1), "{\"type\":\"power_on\"}");
	aws_fake_reply(&world->fake, "/droplets/1\n", 200, ONE(DF_DROPLET("1", "active", DF_TAGS)));
	aws_fake_reply(&world->fake, "/droplets/1/actions", 200,
		       ACTIONS(ACTION("shutdown", "completed", "2025-12-31T23:59:30Z")));
	assert_int_equal(ocean_start(world->p, "nyc2", "1", &world->err), 0);
	/* On still, but on its way down. */
	aws_fake_reply(&world->fake, "/droplets/1\n", 200, ONE(DF_DROPLET("1", "active", DF_TAGS)));
	aws_fake_reply(&world->fake, "/droplets/1/actions", 200,
		       ACTIONS(ACTION("shutdown", "in-progress", "2025-12-31T23:59:30Z")));
	cloud_fake_expect(world, ocean_start(world->p, "nyc2", "1", &world->err), ERROR_CONFLICT,
			  "going off");
	aws_fake_reply(&world->fake, "/droplets/1\n", 404, DF_NOT_FOUND);
	cloud_fake_expect(world, ocean_start(world->p, "nyc2", "1", &world->err), ERROR_NOT_FOUND,
			  "'1'");
	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "POST", 201, "{}");
	assert_int_equal(ocean_restart(world->p, "nyc2", "1", &world->err), 0);
	assert_string_equal(cloud_fake_body(world, 0), "{\"type\":\"reboot\"}");
	aws_fake_reply(&world->fake, "POST", 422, PENDING);
	cloud_fake_expect(world, ocean_restart(world->p, "nyc2", "1", &world->err), ERROR_CONFLICT,
			  "one thing at a time");
}

int main(void)
{
#define WITH(test) \
	cmocka_unit_test_setup_teardown(test, digitalocean_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_lists),  WITH(test_fields),	 WITH(test_hostile), WITH(test_by_ids),
		WITH(test_ending), WITH(test_terminate), WITH(test_stop),    WITH(test_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
