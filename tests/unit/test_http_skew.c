/* SPDX-License-Identifier: Apache-2.0 */
/* Signing with the server's time: the AWS SDKs' shared vectors, and what they leave out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/http.h"
#include "core/http_internal.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "tests/unit/http_fake.h"

#define URL    "https://test.example/0"
#define ORIGIN "https://test.example:443"

struct signer {
	int64_t times[8];
	int n;
};

static int sign(void *ctx, const struct http_request *request, int64_t now_s, struct arena *arena,
		struct http_header **ret_headers, size_t *ret_nr, struct error *err)
{
	struct signer *signer = ctx;

	(void)request;
	(void)err;
	assert_true(signer->n < 8);
	signer->times[signer->n++] = now_s;
	*ret_headers = arena_alloc(arena, sizeof(**ret_headers));
	*ret_nr = 0;
	return 0;
}

/* Of the codes that may mean a wrong clock, those that the vectors use. */
static enum http_verdict classify(void *ctx, const struct http_response *response,
				  struct error *err)
{
	const char *code = http_response_header(response, "x-error");

	(void)ctx;
	if (response->status == 200)
		return HTTP_OK;
	error_set(err, ERROR_AUTH, "refused: %s", code ? code : "no code");
	if (code &&
	    (!strcmp(code, "RequestTimeTooSkewed") || !strcmp(code, "InvalidSignatureException")))
		return HTTP_CLOCK_SKEW;
	return HTTP_FAIL;
}

static char *read_vectors(size_t *ret_len)
{
	const char *path = GPUCLOUD_SHARED_DATA "/aws/sdk-go-v2/clock-skew-test-cases.json";
	FILE *file = fopen(path, "r");

	if (!file)
		return NULL;
	char *text = xmalloc(1 << 20);
	*ret_len = fread(text, 1, 1 << 20, file);
	fclose(file);
	return text;
}

static int64_t member_int(const struct cJSON *node, const char *name, int64_t fallback)
{
	struct error err = ERROR_INIT;
	int64_t value = fallback;

	if (json_get(node, name))
		assert_int_equal(json_int64(node, name, -1000000, 1000000, &value, &err), 0);
	return value;
}

static int64_t member_time_ms(const struct cJSON *node, const char *name)
{
	struct error err = ERROR_INIT;
	const char *text;
	int64_t ms;

	assert_int_equal(json_string(node, name, 64, &text, &err), 0);
	assert_int_equal(time_parse_ms(text, name, &ms, &err), 0);
	return ms;
}

static char *headers_of(const struct cJSON *response)
{
	const struct cJSON *code = json_get(response, "errorCode");
	char *text = xasprintf("x-error: %s", code ? json_text(code) : "none");

	for (const struct cJSON *h = json_first(json_get(response, "headers")); h;
	     h = json_next(h)) {
		char *more = xasprintf("%s\n%s: %s", text, json_name(h), json_text(h));

		free(text);
		text = more;
	}
	return text;
}

static void run_operation(struct http_fake *fake, const struct cJSON *operation)
{
	const struct cJSON *attempts = json_get(operation, "attempts");
	size_t n = json_len(attempts);
	struct fake_step steps[8] = { { .status = 0 } };
	struct signer signer = { .n = 0 };
	struct http_call call = { .request = { .method = "POST", .url = URL } };

	assert_true(n > 0 && n < 8);
	for (size_t i = 0; i < n; i++) {
		const struct cJSON *attempt = json_at(attempts, i);
		int64_t sent = member_time_ms(attempt, "clientTimeAtSend");

		if (i == 0)
			fake->now_ms = sent;
		steps[i].takes_ms = member_time_ms(attempt, "clientTimeAtReceive") - sent;
		steps[i].status = (int)member_int(attempt, "response.statusCode", 0);
		steps[i].headers = headers_of(json_get(attempt, "response"));
	}
	fake_script(fake, 0, steps, n);
	call.ctx = &signer;
	call.sign = sign;
	call.classify = classify;
	call.max_attempts = (int)member_int(operation, "maxAttempts", 3);
	bool success = !strcmp(json_text(json_get(operation, "expectedOutcome")), "success");
	assert_int_equal(http_send(fake->http, &call), success ? 0 : -1);
	assert_int_equal(signer.n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(signer.times[i] * 1000,
				 member_time_ms(json_at(attempts, i), "expectedSigningTime"));
	assert_int_equal(http_skew_ms(fake->http, URL),
			 member_int(operation, "expectedClientSkew", 0) * 1000);
	http_call_release(&call);
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)steps[i].headers);
}

static void test_vectors(void **state)
{
	struct error err = ERROR_INIT;
	struct json json;
	size_t len = 0;
	char *text = read_vectors(&len);

	(void)state;
	if (!text) {
		print_message("skipped: no recorded clock skew vectors\n");
		skip();
	}
	assert_int_equal(json_parse(text, len, "the vectors", &json, &err), 0);
	const struct cJSON *tests = json_get(json.root, "tests");
	assert_true(json_len(tests) >= 10);
	for (const struct cJSON *test = json_first(tests); test; test = json_next(test)) {
		const struct cJSON *operations = json_get(test, "operations");
		struct http_fake fake;

		print_message("  %s\n", json_text(json_get(test, "description")));
		fake_start(&fake);
		http_skew_store(fake.http, ORIGIN,
				member_int(json_first(operations), "initialClientSkew", 0) * 1000);
		for (const struct cJSON *op = json_first(operations); op; op = json_next(op))
			run_operation(&fake, op);
		fake_stop(&fake);
	}
	json_release(&json);
	free(text);
}

#define REFUSED(date)                                                                  \
	{                                                                              \
		.status = 403, .headers = "x-error: RequestTimeTooSkewed\nDate: " date \
	}

static void test_skew_is_retried_once_and_only_where_it_helps(void **state)
{
	static const struct {
		const char *name;
		int64_t stored_s;
		struct fake_step steps[2];
		int attempts;
		bool ok;
	} cases[] = {
		{ "exactly four minutes is tolerated",
		  0,
		  { REFUSED("Thu, 01 Jan 2026 00:04:00 GMT") },
		  1,
		  false },
		{ "a second more is not",
		  0,
		  { REFUSED("Thu, 01 Jan 2026 00:04:01 GMT"), { .status = 200 } },
		  2,
		  true },
		{ "a server that is behind",
		  0,
		  { REFUSED("Wed, 31 Dec 2025 20:00:00 GMT"), { .status = 200 } },
		  2,
		  true },
		{ "once only",
		  0,
		  { REFUSED("Thu, 01 Jan 2026 00:10:00 GMT"),
		    REFUSED("Thu, 01 Jan 2026 00:30:00 GMT") },
		  2,
		  false },
		{ "signed with the right time already: the key is wrong",
		  600,
		  { REFUSED("Thu, 01 Jan 2026 00:10:00 GMT") },
		  1,
		  false },
		{ "our clock was set right meanwhile",
		  600,
		  { REFUSED("Thu, 01 Jan 2026 00:00:00 GMT"), { .status = 200 } },
		  2,
		  true },
		{ "a date that is none", 0, { REFUSED("yesterday") }, 1, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_call call = { .request = { .method = "POST", .url = URL } };
		struct signer signer = { .n = 0 };
		struct http_fake fake;

		print_message("  %s\n", cases[i].name);
		fake_start(&fake);
		http_skew_store(fake.http, ORIGIN, cases[i].stored_s * 1000);
		fake_script(&fake, 0, cases[i].steps, (size_t)cases[i].attempts);
		call.ctx = &signer;
		call.sign = sign;
		call.classify = classify;
		assert_int_equal(http_send(fake.http, &call), cases[i].ok ? 0 : -1);
		assert_int_equal(signer.n, cases[i].attempts);
		assert_int_equal(fake.slept_ms, 0);
		assert_int_equal(call.err.kind, cases[i].ok ? ERROR_NONE : ERROR_AUTH);
		http_call_release(&call);
		fake_stop(&fake);
	}
}

static void test_skew_is_kept_per_host(void **state)
{
	struct http_fake fake;
	char url[64], origin[64];

	(void)state;
	fake_start(&fake);
	assert_int_equal(http_skew_ms(fake.http, "https://a.example/"), 0);
	http_skew_store(fake.http, "https://a.example:443", 5000);
	http_skew_store(fake.http, "https://a.example:8443", -7000);
	assert_int_equal(http_skew_ms(fake.http, "https://A.example/x?y=1"), 5000);
	assert_int_equal(http_skew_ms(fake.http, "https://a.example:443"), 5000);
	assert_int_equal(http_skew_ms(fake.http, "https://a.example:8443/"), -7000);
	assert_int_equal(http_skew_ms(fake.http, "http://a.example/"), 0);
	assert_int_equal(http_skew_ms(fake.http, "https://b.example/"), 0);
	assert_int_equal(http_skew_ms(fake.http, "no url"), 0);
	/* However many hosts: bounded, and the latest is always known. */
	for (int i = 0; i < 3 * HTTP_SKEW_HOSTS; i++) {
		snprintf(origin, sizeof(origin), "https://h%d.example:443", i);
		snprintf(url, sizeof(url), "https://h%d.example/", i);
		http_skew_store(fake.http, origin, i + 1);
		assert_int_equal(http_skew_ms(fake.http, url), i + 1);
	}
	assert_int_equal(http_skew_ms(fake.http, "https://a.example/"), 0);
	fake_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_skew_is_retried_once_and_only_where_it_helps),
		cmocka_unit_test(test_skew_is_kept_per_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
