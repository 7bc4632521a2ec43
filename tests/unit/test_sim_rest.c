/* SPDX-License-Identifier: Apache-2.0 */
/* The front door of the simulated clouds beside EC2: who may pass, and what is turned away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "sim_rest.h"
#include "simulator/cloud/fault.h"
#include "simulator/cloud/rest.h"
#include "simulator/cloud/service.h"

#define PREFIX "/paperspace/v1"
#define BEARER "Bearer " CLOUD_PAPERSPACE_KEY
#define READER "Bearer " CLOUD_PAPERSPACE_READ_KEY

static int setup(void **state)
{
	struct rest_sim *rest = xcalloc(1, sizeof(*rest));

	rsim_start(rest, NULL, PREFIX, CLOUD_PAPERSPACE_KEY);
	*state = rest;
	return 0;
}

static int teardown(void **state)
{
	rsim_stop(*state);
	free(*state);
	return 0;
}

static void expect_raw(struct rest_sim *rest, int status, const char *code,
		       const struct rsim_request *raw)
{
	int got = rsim_send_raw(rest, raw);

	if (got != status)
		fail_msg("%s %s?%s: expected %d, got %d %s", raw->method, raw->path,
			 raw->query ? raw->query : "", status, got, rest->reply.body.data);
	assert_string_equal(rest->reply.content_type, "application/json");
	if (code)
		assert_string_equal(rsim_text(rest, "code"), code);
}

static void test_keys(void **state)
{
	static const struct {
		const char *authorization;
		int get, post;
	} cases[] = {
		{ NULL, 401, 401 },
		{ "", 401, 401 },
		{ "Bearer ", 401, 401 },
		{ "Bearer  " CLOUD_PAPERSPACE_KEY, 401, 401 },
		{ "Bearer wrong", 401, 401 },
		{ BEARER "x", 401, 401 },
		{ "Basic " CLOUD_PAPERSPACE_KEY, 401, 401 },
		{ CLOUD_PAPERSPACE_KEY, 401, 401 },
		{ "Bearer " CLOUD_DIGITALOCEAN_TOKEN, 401, 401 },
		{ BEARER, 200, 200 },
		{ "bearer " CLOUD_PAPERSPACE_KEY, 200, 200 },
		{ READER, 200, 403 },
	};
	struct rest_sim *rest = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rsim_request raw = { .method = "GET",
					    .path = PREFIX "/machines",
					    .authorization = cases[i].authorization };

		expect_raw(rest, cases[i].get, cases[i].get == 401 ? "UNAUTHORIZED" : NULL, &raw);
		raw = (struct rsim_request){ .method = "POST",
					     .path = PREFIX "/public-ips",
					     .authorization = cases[i].authorization,
					     .content_type = "application/json; charset=utf-8",
					     .body = "{\"region\":\"NY2\"}" };
		expect_raw(rest, cases[i].post,
			   cases[i].post == 401	  ? "UNAUTHORIZED"
			   : cases[i].post == 403 ? "FORBIDDEN"
						  : NULL,
			   &raw);
	}
	assert_int_equal(sim_living(&rest->sim, "elastic-ip"), 2);
	/* who has no key is not counted */
	assert_int_equal(cloud_counter(rest->sim.cloud, "paperspace", "ListMachines"), 3);
}

static void test_paths(void **state)
{
	static const struct {
		const char *method, *path;
		int status;
	} cases[] = {
		{ "GET", PREFIX "/machines", 200 },
		{ "GET", PREFIX "/machine%73", 200 },
		{ "GET", PREFIX, 404 },
		{ "GET", PREFIX "/", 404 },
		{ "GET", PREFIX "//machines", 404 },
		{ "GET", PREFIX "/machines/", 404 },
		{ "GET", PREFIX "/Machines", 404 },
		{ "GET", PREFIX "/machines/a/b", 404 },
		{ "GET", PREFIX "/machines/a/start/x", 404 },
		{ "GET", PREFIX "/nothing", 404 },
		{ "GET", PREFIX "/machines%2fa", 404 },
		{ "GET", PREFIX "/%", 400 },
		{ "GET", PREFIX "/machines/%zz", 400 },
		{ "GET", PREFIX "/machines/%4", 400 },
		{ "GET", PREFIX "/machines/a%00b", 400 },
		{ "GET", PREFIX "/machines/%1b[2J", 400 },
		{ "GET", PREFIX "/machines/%ff%fe", 400 },
		{ "PUT", PREFIX "/machines", 405 },
		{ "HEAD", PREFIX "/machines", 405 },
		{ "BREW", PREFIX "/machines", 405 },
		{ "GET", PREFIX "/machines/a/start", 405 },
		{ "GET", PREFIX "/machines/..", 404 },
	};
	struct rest_sim *rest = *state;
	struct buf deep = BUF_INIT, wide = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_raw(rest, cases[i].status, NULL,
			   &(struct rsim_request){ .method = cases[i].method,
						   .path = cases[i].path,
						   .authorization = BEARER });
	/* other paths are not ours */
	assert_int_equal(rsim_send_raw(rest, &(struct rsim_request){ .method = "GET",
								     .path = PREFIX "x/machines",
								     .authorization = BEARER }),
			 404);
	assert_string_equal(rest->reply.content_type, "text/plain");
	buf_addstr(&deep, PREFIX);
	buf_addstr(&wide, PREFIX "/machines/");
	for (int i = 0; i < 100; i++) {
		buf_addstr(&deep, "/a");
		buf_addstr(&wide, "0123456789012345678901234567890123456789");
	}
	expect_raw(rest, 404, "NOT_FOUND",
		   &(struct rsim_request){
			   .method = "GET", .path = deep.data, .authorization = BEARER });
	expect_raw(rest, 404, "NOT_FOUND",
		   &(struct rsim_request){
			   .method = "GET", .path = wide.data, .authorization = BEARER });
	buf_release(&deep);
	buf_release(&wide);
}

static void test_queries(void **state)
{
	static const struct {
		const char *query, *says; /* NULL: good */
	} cases[] = {
		{ "limit=1", NULL },
		{ "name=a%20b+c%2B", NULL },
		{ "name=", NULL },
		{ "name", NULL },
		{ "limit=1&limit=1", "'limit' is there twice" },
		{ "limit=1&lim%69t=2", "'limit' is there twice" },
		{ "colour=red", "'colour'" },
		{ "limit=1&", "empty parameter" },
		{ "&limit=1", "empty parameter" },
		{ "=1", "without a name" },
		{ "name=%", "bad escape" },
		{ "na%gme=1", "bad escape" },
		{ "name=%00", "bad escape" },
		{ "name=%c3", "bad escape" },
		{ "name=%0a", "bad escape" },
	};
	struct rest_sim *rest = *state;
	struct buf many = BUF_INIT, giant = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		expect_raw(rest, cases[i].says ? 400 : 200, cases[i].says ? "BAD_REQUEST" : NULL,
			   &(struct rsim_request){ .method = "GET",
						   .path = PREFIX "/machines",
						   .query = cases[i].query,
						   .authorization = BEARER });
		if (cases[i].says && !strstr(rsim_text(rest, "message"), cases[i].says))
			fail_msg("%s: %s", cases[i].query, rest->reply.body.data);
	}
	for (int i = 0; i <= REST_QUERY_MAX; i++)
		buf_addf(&many, "%sa%d=1", i ? "&" : "", i);
	buf_addstr(&giant, "name=");
	for (int i = 0; i < 60000; i++)
		buf_addch(&giant, 'x');
	for (int i = 0; i < 2; i++)
		expect_raw(rest, 400, "BAD_REQUEST",
			   &(struct rsim_request){ .method = "GET",
						   .path = PREFIX "/machines",
						   .query = i ? many.data : giant.data,
						   .authorization = BEARER });
	buf_release(&many);
	buf_release(&giant);
}

static void test_bodies(void **state)
{
	static const struct {
		const char *method, *type, *body;
		int status;
		const char *code;
	} cases[] = {
		{ "POST", "application/json", "{\"region\":\"NY2\"}", 200, NULL },
		{ "POST", "APPLICATION/JSON", "{\"region\":\"NY2\"}", 200, NULL },
		{ "POST", "application/json", "", 400, "PARSE_ERROR" },
		{ "POST", "application/json", "{", 400, "PARSE_ERROR" },
		{ "POST", "application/json", "[]", 400, "PARSE_ERROR" },
		{ "POST", "application/json", "\"x\"", 400, "PARSE_ERROR" },
		{ "POST", "application/json", "null", 400, "PARSE_ERROR" },
		{ "POST", "application/json", "{}{}", 400, "PARSE_ERROR" },
		{ "POST", "application/json", "{\"region\":\"a\",\"region\":\"b\"}", 400,
		  "PARSE_ERROR" },
		{ "POST", "application/jsonx", "{\"region\":\"NY2\"}", 400, "BAD_REQUEST" },
		{ "POST", NULL, "{\"region\":\"NY2\"}", 400, "BAD_REQUEST" },
		{ "POST", "application/x-www-form-urlencoded", "region=NY2", 400, "BAD_REQUEST" },
		{ "POST", NULL, NULL, 400, "BAD_REQUEST" }, /* region is required */
		{ "GET", "application/json", NULL, 200, NULL },
		{ "GET", "application/json", "{}", 400, "BAD_REQUEST" },
	};
	struct rest_sim *rest = *state;
	char *large = xcalloc(1, CLOUD_BODY_MAX + 2);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_raw(rest, cases[i].status, cases[i].code,
			   &(struct rsim_request){ .method = cases[i].method,
						   .path = PREFIX "/public-ips",
						   .authorization = BEARER,
						   .content_type = cases[i].type,
						   .body = cases[i].body });
	/* both sides of the limit; inside it, the blanks alone are no JSON */
	memset(large, ' ', CLOUD_BODY_MAX + 1);
	for (size_t more = 0; more < 2; more++)
		expect_raw(rest, more ? 413 : 400, more ? "PAYLOAD_TOO_LARGE" : "PARSE_ERROR",
			   &(struct rsim_request){ .method = "POST",
						   .path = PREFIX "/public-ips",
						   .authorization = BEARER,
						   .content_type = "application/json",
						   .body = large,
						   .len = CLOUD_BODY_MAX + more });
	free(large);
}

static void test_faults(void **state)
{
	struct rest_sim *rest = *state;
	const struct fault error = { .kind = FAULT_ERROR,
				     .service = "paperspace",
				     .action = "List*",
				     .count = 2,
				     .status = 429,
				     .code = "TOO_MANY_REQUESTS",
				     .message = "slow down" };
	const struct fault polite = { .kind = FAULT_ERROR,
				      .service = "paperspace",
				      .action = "GetSession",
				      .count = 1,
				      .status = 200,
				      .code = "INTERNAL_SERVER_ERROR" };
	const struct fault lost = { .kind = FAULT_LOST, .action = "ClaimPublicIp", .count = 1 };
	const struct fault other = { .kind = FAULT_CUT, .service = "digitalocean" };

	cloud_fault_add(rest->sim.cloud, &error);
	cloud_fault_add(rest->sim.cloud, &polite);
	cloud_fault_add(rest->sim.cloud, &lost);
	cloud_fault_add(rest->sim.cloud, &other);
	for (int i = 0; i < 2; i++) {
		rsim_expect(rest, 429, "GET", "machines", NULL);
		assert_string_equal(rsim_text(rest, "message"), "slow down");
		assert_string_equal(rsim_text(rest, "code"), "TOO_MANY_REQUESTS");
	}
	rsim_expect(rest, 200, "GET", "machines", NULL);
	assert_false(rest->reply.cut);
	/* a success that holds an error, and nothing else */
	rsim_expect(rest, 200, "GET", "auth/session", NULL);
	assert_string_equal(rsim_text(rest, "code"), "INTERNAL_SERVER_ERROR");
	assert_true(*rsim_text(rest, "message"));
	rsim_expect(rest, 200, "GET", "auth/session", NULL);
	assert_true(*rsim_text(rest, "team.id"));
	/* carried out, and never heard of */
	rsim_expect(rest, 200, "POST", "public-ips", "{\"region\":\"NY2\"}");
	assert_true(rest->reply.cut);
	assert_int_equal(sim_living(&rest->sim, "elastic-ip"), 1);
	/* what one cloud has run out of, another has */
	for (int all = 0; all < 2; all++) {
		const struct fault dry = { .kind = FAULT_NO_CAPACITY,
					   .service = all ? NULL : "paperspace" };

		cloud_fault_add(rest->sim.cloud, &dry);
		assert_int_equal(fault_no_capacity(rest->sim.cloud, "t3.micro", "us-east-1a",
						   SIM_START * 1000),
				 all);
	}
}

/* Faults of the wire match by these names, before anybody looks at keys. */
static void test_names(void **state)
{
	static const struct {
		const char *method, *path, *service, *action;
	} cases[] = {
		{ "POST", PREFIX "/machines", "paperspace", "CreateMachine" },
		{ "PATCH", PREFIX "/machines/x/stop", "paperspace", "StopMachine" },
		{ "GET", PREFIX "/none", "paperspace", "" },
		{ "GET", PREFIX "/%zz", "paperspace", "" },
		{ "GET", "/digitalocean/v2/none", "digitalocean", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cloud_request request = { .method = cases[i].method,
						 .path = cases[i].path,
						 .query = "" };
		struct route route;

		cloud_route(&request, &route);
		assert_string_equal(route.service, cases[i].service);
		assert_string_equal(route.action, cases[i].action);
	}
}

/* One request changes nothing for another seed's cloud; the same ones give the same bytes. */
static void test_same_again(void **state)
{
	static const char *const targets[] = { "os-templates?limit=120", "auth/session",
					       "public-ips" };
	struct rest_sim first, second, other;
	const struct cloud_config config = { .seed = 7 }, elsewhere = { .seed = 8 };

	(void)state;
	rsim_start(&first, &config, PREFIX, CLOUD_PAPERSPACE_KEY);
	rsim_start(&second, &config, PREFIX, CLOUD_PAPERSPACE_KEY);
	rsim_start(&other, &elsewhere, PREFIX, CLOUD_PAPERSPACE_KEY);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		rsim_expect(&first, 200, "GET", targets[i], NULL);
		rsim_expect(&second, 200, "GET", targets[i], NULL);
		assert_string_equal(first.reply.body.data, second.reply.body.data);
	}
	/* ids that somebody learnt by heart are of no use elsewhere */
	rsim_expect(&first, 200, "GET", "os-templates?limit=120", NULL);
	rsim_expect(&other, 200, "GET", "os-templates?limit=120", NULL);
	assert_string_not_equal(rsim_text(&first, "items.0.id"), rsim_text(&other, "items.0.id"));
	rsim_stop(&first);
	rsim_stop(&second);
	rsim_stop(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_keys),   TEST(test_paths), TEST(test_queries),    TEST(test_bodies),
		TEST(test_faults), TEST(test_names), TEST(test_same_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
