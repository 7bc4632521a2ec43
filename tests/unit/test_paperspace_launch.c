/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace: launches. What is asked, in which order, and what is never sent twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "tests/unit/paperspace_fake.h"

static void test_in_order(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = paperspace_fake_request();
	struct launch_result result = { 0 };
	struct paperspace_diary diary = { .log = BUF_INIT };

	paperspace_fake_allow(world);
	aws_fake_reply(&world->fake, "POST " PF_URL "/machines", 200, PF_MADE);
	if (paperspace_fake_launch(world, &wanted, &diary, &result) < 0)
		fail_msg("%s", world->err.message);
	assert_string_equal(cloud_fake_log(world),
			    "GET /machines\nGET /billing/account-standing\n"
			    "GET /machine-availability\nGET /os-templates\nGET /startup-scripts\n"
			    "POST /startup-scripts\nPOST /machines\n");
	assert_string_equal(diary.log.data, "intend startup-script " PF_SCRIPT
					    ";done startup-script scr1;intend instance " PF_TOKEN
					    ";done instance ps1234567;");
	assert_int_equal(strlen(diary.hash), 64);
	assert_string_equal(cloud_fake_body(world, 6),
			    "{\"name\":\"" PF_NAME "\",\"machineType\":\"P4000\",\"templateId\":"
			    "\"tmlbox22\",\"diskSize\":100,\"region\":\"East Coast (NY2)\","
			    "\"publicIpType\":\"dynamic\",\"startupScriptId\":\"scr1\","
			    "\"autoShutdownEnabled\":true,\"autoShutdownTimeout\":2,"
			    "\"autoShutdownForce\":true,\"startOnCreate\":true,"
			    "\"emailPassword\":false,\"takeInitialSnapshot\":false}");
	const char *script = cloud_fake_body(world, 5);
	assert_non_null(strstr(script, "\"name\":\"" PF_SCRIPT "\""));
	assert_non_null(strstr(script, "\"isRunOnce\":true"));
	assert_non_null(strstr(script, "#!/bin/bash\\n"));
	assert_non_null(strstr(script, PF_LOGIN));
	assert_non_null(strstr(script, "echo hello"));
	assert_non_null(strstr(world->fake.requests[2],
			       "?machineType=P4000&region=East%20Coast%20%28NY2%29\n"));
	assert_string_equal(result.instance.id, "ps1234567");
	assert_string_equal(result.instance.token, PF_TOKEN);
	assert_int_equal(result.instance.state, INSTANCE_PENDING);
	assert_int_equal(result.instance.price, 510000);
	assert_string_equal(result.image_name, "ML-in-a-Box");
	launch_result_release(&result);
	buf_release(&diary.log);
}

/* One of that token is the answer: nothing is sent. */
static void test_there_already(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = paperspace_fake_request();
	struct launch_result result = { 0 };
	struct paperspace_diary diary = { .log = BUF_INIT };

	aws_fake_reply(&world->fake, "/machines?", 200,
		       PF_LIST(PF_MACHINE("ps1234567", PF_NAME, "ready", "") "," PF_MACHINE(
			       "ps7654321", "gpucloud.me.train." PF_LAUNCH "-2", "ready", "")));
	aws_fake_reply(&world->fake, "/machine-events", 200, PF_EMPTY);
	assert_int_equal(paperspace_fake_launch(world, &wanted, &diary, &result), 0);
	assert_string_equal(result.instance.id, "ps1234567");
	assert_string_equal(diary.log.data, "done instance ps1234567;");
	paperspace_fake_none_made(world);
	launch_result_release(&result);
	buf_release(&diary.log);
}

static void test_refused_before(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		const char *match;
		int status;
		const char *body;
		enum error_kind kind;
		const char *says;
	} cases[] = {
		{ "/machines?", 500, "{}", ERROR_REMOTE, "launched already" },
		{ "/account-standing", 200,
		  "{\"isInGoodStanding\":false,\"messages\":[\"Pay the bill\"]}", ERROR_AUTH,
		  "Pay the bill" },
		{ "/account-standing", 200, "{\"isInGoodStanding\":true,\"isAdminLocked\":true}",
		  ERROR_AUTH, "locked" },
		{ "/account-standing", 200, "{\"isInGoodStanding\":1}", ERROR_PROTOCOL,
		  "isInGoodStanding" },
		{ "/account-standing", 401, "{}", ERROR_AUTH, "PAPERSPACE_API_KEY" },
		{ "/machine-availability", 200, "{\"available\":false}", ERROR_CAPACITY,
		  "no P4000 left in ny2" },
		{ "/machine-availability", 200, "{}", ERROR_PROTOCOL, "available" },
		{ "/os-templates", 200, "{\"items\":{}}", ERROR_PROTOCOL, "items" },
		{ "/os-templates", 200, PF_LIST("{\"name\":\"x\"}"), ERROR_PROTOCOL, "field 'id'" },
		{ "/os-templates", 200, PF_EMPTY, ERROR_NOT_FOUND, "no template" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct launch_request wanted = paperspace_fake_request();
		struct launch_result result = { 0 };

		cloud_fake_clear(world);
		for (int k = 0; k < (cases[i].status >= 500 ? 6 : 1); k++)
			aws_fake_reply(&world->fake, cases[i].match, cases[i].status,
				       cases[i].body);
		paperspace_fake_allow(world);
		cloud_fake_expect(world, paperspace_fake_launch(world, &wanted, NULL, &result),
				  cases[i].kind, cases[i].says);
		assert_false(world->err.unknown);
		paperspace_fake_none_made(world);
	}
}

/* Not everybody who may make machines may look at bills. */
static void test_standing_is_private(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = paperspace_fake_request();
	struct launch_result result = { 0 };

	aws_fake_reply(&world->fake, "/account-standing", 403, "{\"code\":\"FORBIDDEN\"}");
	paperspace_fake_allow(world);
	aws_fake_reply(&world->fake, "POST " PF_URL "/machines", 200, PF_MADE);
	assert_int_equal(paperspace_fake_launch(world, &wanted, NULL, &result), 0);
	launch_result_release(&result);
}

static void test_bad_requests(void **state)
{
	struct cloud_fake *world = *state;
	static char large[PSPACE_USER_DATA_MAX + 1];
	const struct launch_request good = paperspace_fake_request();
	struct launch_request bad[14];
	struct launch_result result = { 0 };

	memset(large, 'x', sizeof(large));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].region = "us-east-1";
	bad[1].zone = "ca1";
	bad[2].type = "a b";
	bad[3].token = "no token";
	bad[4].token = PF_OTHER "-1";
	bad[5].name = "Not.A.Label";
	bad[6].owner = NULL;
	bad[7].ssh_public_key = "not a key";
	bad[8].ssh_public_key = "ssh-ed25519 AAAA it's";
	bad[9].ssh_public_key = "ssh-ed25519 AAAA\nssh-ed25519 BBBB";
	bad[10].user_data = large;
	bad[10].user_data_len = sizeof(large);
	bad[11].user_data = "a\0b";
	bad[11].user_data_len = 3;
	bad[12].user_data = "#cloud-config\n";
	bad[12].user_data_len = strlen("#cloud-config\n");
	bad[13].user_data = "#!/usr/bin/python3\n";
	bad[13].user_data_len = strlen("#!/usr/bin/python3\n");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (paperspace_fake_launch(world, &bad[i], NULL, &result) == 0 ||
		    world->err.kind != ERROR_USAGE)
			fail_msg("%zu: %s", i, world->err.message);
		assert_false(world->err.unknown);
	}
	struct launch_request spot = good;
	spot.spot = true;
	cloud_fake_expect(world, paperspace_fake_launch(world, &spot, NULL, &result),
			  ERROR_UNSUPPORTED, "no spot");
	assert_int_equal(world->fake.nr_requests, 0);
}

/* --- the request that makes the machine ------------------------------------------------------ */

static void test_sent_once(void **state)
{
	struct cloud_fake *world = *state;
	static const struct {
		int status; /* 0: the network breaks */
		const char *body;
		enum error_kind kind;
		bool unknown;
		const char *says;
	} cases[] = {
		{ 500, "{\"code\":\"INTERNAL_SERVER_ERROR\",\"message\":\"Oops\"}", ERROR_REMOTE,
		  true, "Oops" },
		{ 408, "{}", ERROR_REMOTE, true, "408" },
		{ 429, "{}", ERROR_THROTTLED, false, "in a minute" },
		{ 403, "{\"message\":\"Not allowed\"}", ERROR_AUTH, false, "Not allowed" },
		{ 400,
		  "{\"code\":\"BAD_REQUEST\",\"message\":\"Input validation failed\",\"issues\":"
		  "[{\"message\":\"Required\",\"path\":[\"diskSize\"]}]}",
		  ERROR_USAGE, false, "field 'diskSize': Required" },
		{ 200,
		  "{\"code\":\"BAD_REQUEST\",\"message\":\"We are currently out of capacity\"}",
		  ERROR_CAPACITY, false, "out of capacity" },
		{ 200, "{\"code\":\"PRECONDITION_FAILED\",\"message\":\"Machine limit reached\"}",
		  ERROR_QUOTA, false, "Machine limit" },
		{ 200, "{\"data\":{\"id\":\"ps1234567\"}}", ERROR_PROTOCOL, true, "field 'name'" },
		{ 200, "{}", ERROR_PROTOCOL, true, "field 'data'" },
		{ 200, "{\"data\":", ERROR_PROTOCOL, true, "JSON" },
		{ 200, "", ERROR_PROTOCOL, true, "field 'data'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct launch_request wanted = paperspace_fake_request();
		struct launch_result result = { 0 };

		cloud_fake_clear(world);
		paperspace_fake_allow(world);
		size_t tries = cases[i].status == 429 ? 6 : 1;
		for (size_t k = 0; k < tries; k++)
			aws_fake_reply(&world->fake, "POST " PF_URL "/machines", cases[i].status,
				       cases[i].body);
		cloud_fake_expect(world, paperspace_fake_launch(world, &wanted, NULL, &result),
				  cases[i].kind, cases[i].says);
		if (world->err.unknown != cases[i].unknown)
			fail_msg("%zu: unknown is %d", i, world->err.unknown);
		assert_int_equal(world->fake.nr_requests, 6 + tries);
	}
}

/* The full name first; refused, the short one, for the rest of the handle's life. The journal is told
 * the same hash: it is the same request. */
static void test_region_spelling(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = paperspace_fake_request();
	struct launch_result result = { 0 };
	struct paperspace_diary diary = { .log = BUF_INIT };
	char hash[SHA256_HEX_MAX];

	paperspace_fake_allow(world);
	aws_fake_reply(&world->fake, "POST " PF_URL "/machines", 400,
		       "{\"code\":\"BAD_REQUEST\",\"message\":\"Invalid region\"}");
	aws_fake_reply(&world->fake, "\"region\":\"NY2\"", 200, PF_MADE);
	assert_int_equal(paperspace_fake_launch(world, &wanted, &diary, &result), 0);
	assert_int_equal(world->fake.nr_requests, 8);
	snprintf(hash, sizeof(hash), "%s", diary.hash);
	launch_result_release(&result);

	cloud_fake_clear(world);
	aws_fake_reply(&world->fake, "GET " PF_URL "/startup-scripts", 200,
		       PF_LIST("{\"id\":\"other\",\"name\":\"" PF_SCRIPT "\"}"));
	aws_fake_reply(&world->fake, "PUT " PF_URL "/startup-scripts/other", 200,
		       "{\"id\":\"other\"}");
	paperspace_fake_allow(world);
	aws_fake_reply(&world->fake, "\"region\":\"NY2\"", 200, PF_MADE);
	assert_int_equal(paperspace_fake_launch(world, &wanted, &diary, &result), 0);
	assert_non_null(strstr(world->fake.requests[2], "region=NY2\n"));
	assert_string_equal(hash, diary.hash);
	launch_result_release(&result);

	/* Refused in both: said, and no third time. */
	cloud_fake_clear(world);
	paperspace_fake_allow(world);
	aws_fake_reply(&world->fake, "POST " PF_URL "/machines", 400,
		       "{\"code\":\"BAD_REQUEST\",\"message\":\"Invalid region\"}");
	cloud_fake_expect(world, paperspace_fake_launch(world, &wanted, NULL, &result), ERROR_USAGE,
			  "Invalid region");
	buf_release(&diary.log);
}

static void test_steps_can_refuse(void **state)
{
	struct cloud_fake *world = *state;
	static const char *const kinds[] = { "startup-script", "instance" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct launch_request wanted = paperspace_fake_request();
		struct launch_result result = { 0 };
		struct paperspace_diary diary = { .log = BUF_INIT, .refuse = kinds[i] };

		cloud_fake_clear(world);
		paperspace_fake_allow(world);
		cloud_fake_expect(world, paperspace_fake_launch(world, &wanted, &diary, &result),
				  ERROR_IO, "disk is full");
		assert_null(strstr(cloud_fake_log(world), "POST /machines"));
		assert_int_equal(strstr(cloud_fake_log(world), "POST /startup") != NULL, i);
		buf_release(&diary.log);
	}
}

/* A script that was not made leaves no riddle about an instance. */
static void test_script_fails(void **state)
{
	struct cloud_fake *world = *state;
	const struct launch_request wanted = paperspace_fake_request();
	struct launch_result result = { 0 };

	aws_fake_reply(&world->fake, "POST " PF_URL "/startup-scripts", 500, "{}");
	paperspace_fake_allow(world);
	cloud_fake_expect(world, paperspace_fake_launch(world, &wanted, NULL, &result),
			  ERROR_REMOTE, "startup script");
	assert_false(world->err.unknown);
	assert_null(strstr(cloud_fake_log(world), "POST /machines"));
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, paperspace_fake_setup, cloud_fake_teardown)
	const struct CMUnitTest tests[] = {
		WITH(test_in_order),	    WITH(test_there_already),
		WITH(test_refused_before),  WITH(test_standing_is_private),
		WITH(test_bad_requests),    WITH(test_sent_once),
		WITH(test_region_spelling), WITH(test_steps_can_refuse),
		WITH(test_script_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
