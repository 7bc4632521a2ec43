/* SPDX-License-Identifier: Apache-2.0 */
/* Calls behind a bearer token: what is sent, what may be repeated, what an error says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"
#include "providers/rest.h"
#include "tests/unit/aws_fake.h"

#define BASE  "https://api.example/v1"
#define TOKEN "very-secret-token"

struct world {
	struct aws_fake fake;
	struct rest rest;
	const char *token; /* what the cloud's chain finds; NULL: none */
	int asked;
};

static const char *text_of(const struct cJSON *root, const char *name)
{
	const struct cJSON *node = json_get(root, name);

	return node ? json_text(node) : NULL;
}

static void problem(const struct cJSON *root, struct rest_problem *ret)
{
	ret->code = text_of(root, "code");
	ret->message = text_of(root, "message");
	ret->field = text_of(root, "field");
	ret->detail = text_of(root, "detail");
	ret->request_id = text_of(root, "request");
}

static bool hidden(const struct cJSON *root, struct rest_problem *ret)
{
	if (!text_of(root, "code"))
		return false;
	problem(root, ret);
	ret->status = strcmp(ret->code, "LATER") == 0 ? 429 : strcmp(ret->code, "BAD") ? 0 : 400;
	return true;
}

static int find_token(void *ctx, struct rest *rest, struct error *err)
{
	struct world *world = ctx;

	world->asked++;
	if (!world->token)
		return error_set(err, ERROR_CONFIG, "no key was found");
	return rest_set_token(rest, world->token, strlen(world->token), "environment X", err);
}

static const struct rest_rule rules[] = {
	{ 0, NULL, "*sold out*", ERROR_CAPACITY, HTTP_FAIL, "try another" },
	{ 422, "limit_*", NULL, ERROR_QUOTA, HTTP_FAIL, NULL },
	{ 0, NULL, NULL, ERROR_NONE, HTTP_FAIL, NULL },
};
static const char *const masked[] = { "script", "keys", NULL };
static const struct rest_cloud cloud = {
	.topic = "test",
	.title = "Testcloud",
	.problem = problem,
	.hidden = hidden,
	.rules = rules,
	.request_id_header = "X-Request-Id",
	.masked = masked,
	.throttle_ms = 10000,
	.attempts = 6,
	.token = find_token,
};

static int setup(void **state)
{
	struct world *world = xcalloc(1, sizeof(*world));
	struct error err = ERROR_INIT;

	aws_fake_start(&world->fake, NULL);
	world->token = TOKEN;
	assert_int_equal(
		rest_open(&world->rest, &cloud, &world->fake.env, world, BASE, "default", &err), 0);
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

static int call(struct world *world, enum rest_nature nature, const char *method, struct error *err)
{
	struct rest_call one;

	rest_begin(&one, &world->rest, nature, method, REST_PATH("things", "a/b c"),
		   "cannot use '%s'", "a thing");
	int rc = rest_send(&one, err);
	rest_release(&one);
	return rc;
}

/* --- where ----------------------------------------------------------------------------------- */

static void test_base(void **state)
{
	struct world *world = *state;
	static const char *const good[] = { "https://api.example", "https://api.example:8443/v1/",
					    "http://127.0.0.1:99/x", "http://[::1]:99",
					    "http://localhost/v1" };
	static const char *const bad[] = { "",
					   "api.example/v1",
					   "ftp://api.example",
					   "http://api.example/v1",
					   "https://",
					   "https://:1/",
					   "https://a@b/",
					   "https://api.example/v1?x=1",
					   "https://api.example/#f",
					   "https://api.example/a b",
					   "http://127.0.0.1.evil.example/" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct error err = ERROR_INIT;
		struct rest rest;

		assert_int_equal(
			rest_open(&rest, &cloud, &world->fake.env, world, good[i], "THE_URL", &err),
			0);
		assert_int_not_equal(rest.base[strlen(rest.base) - 1], '/');
		rest_close(&rest);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_INIT;
		struct rest rest;

		assert_int_equal(
			rest_open(&rest, &cloud, &world->fake.env, world, bad[i], "THE_URL", &err),
			-1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_non_null(strstr(err.message, "THE_URL"));
	}
}

static void test_token(void **state)
{
	struct world *world = *state;
	static const char *const bad[] = { "",		" \n",	   "two words",
					   "tab\there", "nul\x01", "caf\xc3\xa9" };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		error_clear(&err);
		assert_int_equal(
			rest_set_token(&world->rest, bad[i], strlen(bad[i]), "environment X", &err),
			-1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_non_null(strstr(err.message, "environment X"));
		assert_null(strstr(err.message, "words"));
	}
	assert_int_equal(rest_set_token(&world->rest, " key\r\n", 6, "a file", &err), 0);
	assert_string_equal(world->rest.token.data, "key");

	/* There is none: said of every call, looked for once, and nothing is sent. */
	world->rest.asked = false;
	world->token = NULL;
	for (int i = 0; i < 2; i++) {
		error_clear(&err);
		assert_int_equal(call(world, REST_READ, "GET", &err), -1);
		assert_int_equal(err.kind, ERROR_CONFIG);
		assert_string_equal(err.message, "no key was found");
	}
	assert_int_equal(world->asked, 1);
	assert_int_equal(world->fake.nr_requests, 0);
}

/* --- what is sent ---------------------------------------------------------------------------- */

static void test_request(void **state)
{
	struct world *world = *state;
	struct error err = ERROR_INIT;
	struct rest_call one;
	cJSON *body = cJSON_CreateObject();

	aws_fake_reply(&world->fake, NULL, 200, "{\"ok\":true}");
	rest_begin(&one, &world->rest, REST_READ, "GET", REST_PATH("things", "../x", "a b"),
		   "cannot look");
	rest_query(&one, "name", "a&b=c d");
	rest_query(&one, "none", NULL);
	rest_queryf(&one, "limit", "%d", 120);
	assert_int_equal(rest_send(&one, &err), 0);
	assert_non_null(json_get(one.json.root, "ok"));
	rest_release(&one);
	assert_non_null(strstr(world->fake.requests[0],
			       "GET " BASE "/things/..%2Fx/a%20b?name=a%26b%3Dc%20d"
			       "&limit=120\n"));
	assert_non_null(strstr(world->fake.requests[0], "Authorization: Bearer " TOKEN "\n"));
	assert_null(strstr(world->fake.requests[0], "Content-Type"));

	aws_fake_reply(&world->fake, NULL, 204, "");
	rest_begin(&one, &world->rest, REST_CHANGE, "PATCH", REST_PATH("things", "x"), "cannot");
	rest_body(&one, body);
	assert_int_equal(rest_send(&one, &err), 0);
	assert_null(one.json.root);
	assert_int_equal(one.status, 204);
	rest_release(&one);
	assert_non_null(strstr(world->fake.requests[1], "Content-Type: application/json\n\n{}"));
}

/* What cannot be a place below the base goes nowhere. */
static void test_bad_segments(void **state)
{
	struct world *world = *state;
	static const char *const bad[] = { "", ".", ".." };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = ERROR_INIT;
		struct rest_call one;

		rest_begin(&one, &world->rest, REST_READ, "GET", REST_PATH("things", bad[i]),
			   "cannot look");
		assert_int_equal(rest_send(&one, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		rest_release(&one);
	}
	assert_int_equal(world->fake.nr_requests, 0);
}

static void on_show(void *ctx, const char *title, const char *request)
{
	buf_addf(ctx, "[%s]\n%s", title, request);
}

static void test_show_and_hash(void **state)
{
	struct world *world = *state;
	struct buf shown = BUF_INIT;
	const struct launch_steps steps = { .ctx = &shown, .show = on_show };
	char first[SHA256_HEX_MAX], again[SHA256_HEX_MAX];
	struct rest_call one;

	for (int i = 0; i < 2; i++) {
		cJSON *body = cJSON_Parse("{\"name\":\"x\\u001b[1m\",\"script\":\"KEY\",\"n\":3,"
					  "\"keys\":[\"KEY\",{\"deep\":\"KEY\"}],"
					  "\"list\":[true,{\"a\":null}]}");

		rest_begin(&one, &world->rest, REST_CREATE, "POST", REST_PATH("things"), "cannot");
		rest_body(&one, body);
		rest_sha256(&one, i ? again : first);
		if (i)
			rest_show(&one, &steps);
		rest_release(&one);
	}
	assert_string_equal(first, again);
	assert_string_equal(shown.data, "[POST /things]\nname=x^[[1m\nscript=*** (3 characters)\n"
					"n=3\nkeys[0]=*** (3 characters)\n"
					"keys[1].deep=*** (3 characters)\nlist[0]=true\n"
					"list[1].a=null\n");
	rest_begin(&one, &world->rest, REST_CREATE, "POST", REST_PATH("things"), "cannot");
	rest_body(&one, cJSON_Parse("{\"name\":\"y\"}"));
	rest_sha256(&one, again);
	rest_show(&one, NULL);
	rest_release(&one);
	assert_string_not_equal(first, again);
	buf_release(&shown);
}

/* --- what comes back ------------------------------------------------------------------------- */

static void test_errors(void **state)
{
	struct world *world = *state;
	static const struct {
		int status;
		const char *body;
		enum error_kind kind;
		const char *says, *code;
	} cases[] = {
		{ 400, "{\"code\":\"BAD\",\"message\":\"no such size.\"}", ERROR_USAGE,
		  "cannot use 'a thing': no such size (BAD)", "BAD" },
		{ 400,
		  "{\"code\":\"BAD\",\"message\":\"wrong\",\"field\":\"size\",\"detail\":\"Required\"}",
		  ERROR_USAGE, "cannot use 'a thing': wrong (BAD), field 'size': Required", "BAD" },
		{ 401, "{}", ERROR_AUTH, "Testcloud answered HTTP 401", "" },
		{ 403, "{\"code\":\"NO\"}", ERROR_AUTH,
		  "cannot use 'a thing': Testcloud answered NO", "NO" },
		{ 404, "", ERROR_NOT_FOUND, "with nothing", "" },
		{ 409, "<html>", ERROR_CONFLICT, "with a page, not an API reply", "" },
		{ 422, "{\"code\":\"LIMIT_x\",\"message\":\"m\"}", ERROR_QUOTA, "m (LIMIT_x)",
		  "LIMIT_x" },
		{ 500, "{\"code\":\"X\",\"message\":\"All Sold Out now\"}", ERROR_CAPACITY,
		  "All Sold Out", "X" },
		{ 302, "", ERROR_REMOTE, "a redirect, which is never followed", "" },
		{ 200, "{\"code\":\"BAD\",\"message\":\"hidden\"}", ERROR_USAGE, "hidden (BAD)",
		  "BAD" },
		{ 200, "{\"ok\":", ERROR_PROTOCOL, "cannot use 'a thing'", "" },
		{ 200, "{\"a\":1,\"a\":2}", ERROR_PROTOCOL, "cannot use 'a thing'", "" },
		{ 400, "[1,2]", ERROR_USAGE, "not an API reply", "" },
		{ 400, "{\"code\":7,\"message\":{}}", ERROR_USAGE, "not an API reply", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;

		aws_fake_reply_headers(&world->fake, NULL, cases[i].status, "X-Request-Id: abc-1",
				       cases[i].body);
		assert_int_equal(call(world, REST_READ, "GET", &err), -1);
		if (err.kind != cases[i].kind || !strstr(err.message, cases[i].says))
			fail_msg("%zu: %s: %s", i, error_kind_name(err.kind), err.message);
		assert_string_equal(err.code, cases[i].code);
		assert_int_equal(err.http_status, cases[i].status);
		assert_false(err.unknown);
		if (err.kind != ERROR_PROTOCOL)
			assert_string_equal(err.request_id, "abc-1");
	}
	assert_true(aws_fake_all_used(&world->fake));
}

/* A reply that quotes the request must not bring the key to the screen, nor move its cursor. */
static void test_errors_are_harmless(void **state)
{
	struct world *world = *state;
	struct error err = ERROR_INIT;
	struct buf body = BUF_INIT;

	buf_addstr(&body, "{\"message\":\"Bearer " TOKEN " \\tis wrong ");
	for (int i = 0; i < 400; i++)
		buf_addstr(&body, "long ");
	buf_addstr(&body, "\",\"code\":\"a\\nb\"}");
	aws_fake_reply(&world->fake, NULL, 400, body.data);
	assert_int_equal(call(world, REST_READ, "GET", &err), -1);
	assert_null(strstr(err.message, TOKEN));
	assert_null(strchr(err.message, '\n'));
	assert_null(strchr(err.message, '\t'));
	assert_true(strlen(err.message) < 400);
	assert_string_equal(err.code, "");
	buf_release(&body);
}

/* --- what is repeated ------------------------------------------------------------------------ */

static void test_natures(void **state)
{
	struct world *world = *state;
	static const struct {
		enum rest_nature nature;
		int status;
		size_t sent;
		bool unknown;
	} cases[] = {
		{ REST_READ, 500, 6, false },	{ REST_CHANGE, 500, 6, true },
		{ REST_CREATE, 500, 1, true },	{ REST_CREATE, 408, 1, true },
		{ REST_CREATE, 503, 1, true },	{ REST_CREATE, 429, 6, false },
		{ REST_READ, 429, 6, false },	{ REST_CHANGE, 429, 6, false },
		{ REST_CREATE, 400, 1, false }, { REST_CHANGE, 409, 1, false },
		{ REST_CREATE, 0, 1, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		size_t before = world->fake.nr_requests;

		world->fake.nr_replies = 0;
		for (size_t k = 0; k < cases[i].sent; k++) {
			if (cases[i].status)
				aws_fake_reply(&world->fake, NULL, cases[i].status, "{}");
			else
				aws_fake_fail(&world->fake, NULL, ERROR_NETWORK);
		}
		assert_int_equal(call(world, cases[i].nature, "POST", &err), -1);
		assert_int_equal(world->fake.nr_requests - before, cases[i].sent);
		if (err.unknown != cases[i].unknown)
			fail_msg("%zu: unknown is %d", i, err.unknown);
		assert_non_null(strstr(err.message, "cannot use 'a thing'"));
		world->fake.nr_requests = 0;
	}
}

/* An answer that nobody can read, or that hides an error without a name, tells nothing for sure. */
static void test_unknown_answers(void **state)
{
	struct world *world = *state;
	static const char *const bodies[] = { "{\"half\":",
					      "{\"code\":\"ODD\",\"message\":\"m\"}" };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		struct error err = ERROR_INIT;

		aws_fake_reply(&world->fake, NULL, 200, bodies[i]);
		assert_int_equal(call(world, REST_CREATE, "POST", &err), -1);
		assert_true(err.unknown);
	}
}

/* From 10 s: neither at once nor for ever. */
static void test_throttling_waits(void **state)
{
	struct world *world = *state;
	struct error err = ERROR_INIT;
	int64_t began = world->fake.now_ms;

	aws_fake_reply(&world->fake, NULL, 429, "{}");
	aws_fake_reply(&world->fake, NULL, 200, "{\"code\":\"LATER\",\"message\":\"m\"}");
	aws_fake_reply(&world->fake, NULL, 200, "{}");
	assert_int_equal(call(world, REST_READ, "GET", &err), 0);
	assert_in_range(world->fake.now_ms - began, 5000 + 10000, 10000 + 20000);

	for (int i = 0; i < 6; i++)
		aws_fake_reply(&world->fake, NULL, 429, "{}");
	began = world->fake.now_ms;
	assert_int_equal(call(world, REST_READ, "GET", &err), -1);
	assert_int_equal(err.kind, ERROR_THROTTLED);
	assert_in_range(world->fake.now_ms - began, 45000, 100000);
	assert_true(aws_fake_all_used(&world->fake));
}

/* Refused with 429 it made nothing, and may be sent again; cut off after that, it may have. */
static void test_throttled_create(void **state)
{
	struct world *world = *state;
	struct error err = ERROR_INIT;
	int64_t began = world->fake.now_ms;

	aws_fake_reply(&world->fake, NULL, 429, "{}");
	aws_fake_reply(&world->fake, NULL, 429, "{}");
	aws_fake_reply(&world->fake, NULL, 200, "{}");
	assert_int_equal(call(world, REST_CREATE, "POST", &err), 0);
	assert_in_range(world->fake.now_ms - began, 5000 + 10000, 10000 + 20000);
	aws_fake_reply(&world->fake, NULL, 200, "{\"code\":\"LATER\"}"); /* it says so as well */
	aws_fake_reply(&world->fake, NULL, 200, "{}");
	assert_int_equal(call(world, REST_CREATE, "POST", &err), 0);
	aws_fake_reply(&world->fake, NULL, 429, "{}");
	aws_fake_fail(&world->fake, NULL, ERROR_NETWORK);
	assert_int_equal(call(world, REST_CREATE, "POST", &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	aws_fake_reply(&world->fake, NULL, 429, "{}");
	aws_fake_reply(&world->fake, NULL, 500, "{}");
	assert_int_equal(call(world, REST_CREATE, "POST", &err), -1);
	assert_true(err.unknown);
	assert_true(aws_fake_all_used(&world->fake));
}

static void test_many_at_once(void **state)
{
	struct world *world = *state;
	struct rest_call calls[3];
	struct rest_call *all[] = { &calls[0], &calls[1], &calls[2] };
	static const char *const names[] = { "one", "..", "three" };

	for (size_t i = 0; i < 3; i++)
		rest_begin(&calls[i], &world->rest, REST_READ, "GET", REST_PATH(names[i]),
			   "cannot ask %s", names[i]);
	aws_fake_reply(&world->fake, "/three", 404, "{}");
	aws_fake_reply(&world->fake, "/one", 200, "{\"n\":1}");
	assert_int_equal(rest_send_all(all, 3), -1);
	assert_int_equal(calls[0].rc, 0);
	assert_int_equal(calls[1].err.kind, ERROR_USAGE);
	assert_int_equal(calls[2].err.kind, ERROR_NOT_FOUND);
	assert_int_equal(world->fake.largest_round, 2);
	for (size_t i = 0; i < 3; i++)
		rest_release(&calls[i]);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_base),
		TEST(test_token),
		TEST(test_request),
		TEST(test_bad_segments),
		TEST(test_show_and_hash),
		TEST(test_errors),
		TEST(test_errors_are_harmless),
		TEST(test_natures),
		TEST(test_unknown_answers),
		TEST(test_throttling_waits),
		TEST(test_throttled_create),
		TEST(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
