/* SPDX-License-Identifier: Apache-2.0 */
/* What is tried again, when, how often, and what is said where nothing helped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/http.h"
#include "core/mem.h"
#include "tests/unit/http_fake.h"

#define URL "https://test.example/0"
#define OK                                    \
	{                                     \
		.status = 200, .body = "fine" \
	}
#define S(code)                  \
	{                        \
		.status = (code) \
	}
#define AFTER(text)                                            \
	{                                                      \
		.status = 503, .headers = "Retry-After: " text \
	}
#define NET                           \
	{                             \
		.fail = ERROR_NETWORK \
	}
#define SLOW                          \
	{                             \
		.fail = ERROR_TIMEOUT \
	}
#define LOST                                           \
	{                                              \
		.fail = ERROR_TIMEOUT, .unknown = true \
	}
#define DATES                                                                          \
	{                                                                              \
		.status = 503, .headers = "Date: Thu, 01 Jan 2026 01:00:00 GMT\n"      \
					  "Retry-After: Thu, 01 Jan 2026 01:00:05 GMT" \
	}

/* What one call comes to, for a script: how many attempts, how long it waited, how it ended. */
static void test_retry_classes(void **state)
{
	static const struct {
		const char *name;
		struct fake_step steps[4];
		int max, attempts;
		int64_t slept_ms; /* with full jitter, cut to ms */
		enum error_kind kind;
		int status;
		const char *flags; /* r: retryable, u: unknown */
	} cases[] = {
		{ "500 then fine", { S(500), OK }, 0, 2, 49, 0, 0, "" },
		{ "502, 504 then fine", { S(502), S(504), OK }, 0, 3, 148, 0, 0, "" },
		{ "four times",
		  { S(500), S(500), S(500), S(500) },
		  0,
		  4,
		  347,
		  ERROR_REMOTE,
		  500,
		  "r" },
		{ "one attempt only", { S(500) }, 1, 1, 0, ERROR_REMOTE, 500, "r" },
		{ "throttles wait longer", { S(503), S(429), OK }, 0, 3, 2998, 0, 0, "" },
		{ "throttled for ever", { S(429), S(429) }, 2, 2, 999, ERROR_THROTTLED, 429, "r" },
		{ "Retry-After, jitter on top", { AFTER("7"), OK }, 0, 2, 7999, 0, 0, "" },
		{ "Retry-After is held to 20 s", { AFTER("86400"), OK }, 0, 2, 20000, 0, 0, "" },
		{ "as a date, by the server's clock", { DATES, OK }, 0, 2, 5999, 0, 0, "" },
		{ "Retry-After that is none", { AFTER("soon"), OK }, 0, 2, 999, 0, 0, "" },
		{ "400 is final", { S(400) }, 0, 1, 0, ERROR_REMOTE, 400, "" },
		{ "401 is final", { S(401) }, 0, 1, 0, ERROR_AUTH, 401, "" },
		{ "403 is final", { S(403) }, 0, 1, 0, ERROR_AUTH, 403, "" },
		{ "409 is final", { S(409) }, 0, 1, 0, ERROR_CONFLICT, 409, "" },
		{ "501 is final", { S(501) }, 0, 1, 0, ERROR_REMOTE, 501, "" },
		{ "a broken connection", { NET, OK }, 0, 2, 49, 0, 0, "" },
		{ "a timeout", { SLOW, OK }, 0, 2, 49, 0, 0, "" },
		{ "nothing helps", { NET, SLOW }, 2, 2, 49, ERROR_TIMEOUT, 0, "r" },
		{ "a certificate does not get better",
		  { { .fail = ERROR_NETWORK, .final = true } },
		  0,
		  1,
		  0,
		  ERROR_NETWORK,
		  0,
		  "" },
		{ "a reply refused is final",
		  { { .fail = ERROR_PROTOCOL, .unknown = true } },
		  0,
		  1,
		  0,
		  ERROR_PROTOCOL,
		  0,
		  "u" },
		{ "unknown stays so, refused", { LOST, NET }, 2, 2, 49, ERROR_NETWORK, 0, "ru" },
		{ "and throttled", { LOST, S(503) }, 2, 2, 49, ERROR_THROTTLED, 503, "ru" },
		{ "and not let in", { LOST, S(403) }, 0, 2, 49, ERROR_AUTH, 403, "u" },
		{ "a definite answer ends it",
		  { LOST, S(409) },
		  0,
		  2,
		  49,
		  ERROR_CONFLICT,
		  409,
		  "" },
		{ "so does success", { LOST, OK }, 0, 2, 49, 0, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_call call = { .request = { .method = "GET", .url = URL },
					  .max_attempts = cases[i].max };
		struct http_fake fake;

		print_message("  %s\n", cases[i].name);
		fake_start(&fake);
		fake_script(&fake, 0, cases[i].steps, (size_t)cases[i].attempts);
		assert_int_equal(http_send(fake.http, &call), cases[i].kind ? -1 : 0);
		assert_int_equal(fake.played[0], cases[i].attempts);
		assert_int_equal(call.response.attempts, cases[i].attempts);
		assert_int_equal(fake.slept_ms, cases[i].slept_ms);
		assert_int_equal(call.err.kind, cases[i].kind);
		assert_int_equal(call.err.http_status, cases[i].status);
		assert_int_equal(call.err.retryable, strchr(cases[i].flags, 'r') != NULL);
		assert_int_equal(call.err.unknown, strchr(cases[i].flags, 'u') != NULL);
		http_call_release(&call);
		fake_stop(&fake);
	}
}

static void test_redirect_names_its_host(void **state)
{
	static const struct {
		const char *location, *expect;
	} cases[] = {
		{ "Location: https://evil.example:8443/a?token=abc",
		  "'test.example' answered 301, a redirect to 'evil.example:8443'" },
		{ "Location: file:///etc/passwd", "'test.example' answered 301, a redirect" },
		{ "Location: /elsewhere", "'test.example' answered 301, a redirect" },
		{ NULL, "'test.example' answered 301, a redirect" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_call call = { .request = { .method = "GET", .url = URL } };
		const struct fake_step step = { .status = 301, .headers = cases[i].location };
		struct http_fake fake;

		fake_start(&fake);
		fake_script(&fake, 0, &step, 1);
		assert_int_equal(http_send(fake.http, &call), -1);
		assert_int_equal(call.err.kind, ERROR_REMOTE);
		assert_string_equal(call.err.message, cases[i].expect);
		http_call_release(&call);
		fake_stop(&fake);
	}
}

static void test_quota_runs_out(void **state)
{
	static const struct fake_step bad[] = {
		{ .status = 500 }, { .status = 500 }, { .status = 500 }, { .status = 500 }
	};
	static const struct fake_step slow[] = { { .fail = ERROR_TIMEOUT },
						 { .fail = ERROR_TIMEOUT } };
	struct http_call call = { .request = { .method = "GET", .url = URL } };
	struct http_fake fake;

	(void)state;
	fake_start(&fake);
	/* 33 calls take 3 * 5 each: 495 of 500. The next has one retry, the one after it none. */
	for (int i = 0; i < 35; i++) {
		fake_script(&fake, 0, bad, ARRAY_SIZE(bad));
		assert_int_equal(http_send(fake.http, &call), -1);
		assert_int_equal(call.response.attempts, i < 33 ? 4 : i == 33 ? 2 : 1);
		assert_true(call.err.retryable);
	}
	/* A success without a retry earns one: five of them pay for one retry, which pays itself. */
	for (int i = 0; i < 5; i++) {
		FAKE_SCRIPT(&fake, 0, OK);
		assert_int_equal(http_send(fake.http, &call), 0);
	}
	for (int i = 0; i < 3; i++) {
		FAKE_SCRIPT(&fake, 0, { .status = 500 }, OK);
		assert_int_equal(http_send(fake.http, &call), 0);
		assert_int_equal(call.response.attempts, 2);
	}
	/* A timeout costs twice that. */
	fake_script(&fake, 0, slow, ARRAY_SIZE(slow));
	assert_int_equal(http_send(fake.http, &call), -1);
	assert_int_equal(call.response.attempts, 1);
	assert_int_equal(call.err.kind, ERROR_TIMEOUT);
	http_call_release(&call);
	fake_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retry_classes),
		cmocka_unit_test(test_redirect_names_its_host),
		cmocka_unit_test(test_quota_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
