/* SPDX-License-Identifier: Apache-2.0 */
/* Sending, signing and giving up, over a scripted transport and a clock of the test's own. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/http.h"
#include "core/http_internal.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "tests/unit/http_fake.h"

#define OK_STEP                               \
	{                                     \
		.status = 200, .body = "fine" \
	}

static struct http_call call_of(const char *url)
{
	return (struct http_call){ .request = { .method = "GET", .url = url } };
}

static void test_one_request(void **state)
{
	struct http_call call = call_of("https://test.example/0");
	struct http_fake fake;

	(void)state;
	fake_start(&fake);
	FAKE_SCRIPT(&fake, 0, { .status = 200, .headers = "X-A: 1\nx-b: 2", .body = "body" });
	assert_int_equal(http_send(fake.http, &call), 0);
	assert_int_equal(call.rc, 0);
	assert_int_equal(call.response.status, 200);
	assert_int_equal(call.response.attempts, 1);
	assert_string_equal(call.response.body.data, "body");
	assert_string_equal(http_response_header(&call.response, "x-a"), "1");
	assert_string_equal(http_response_header(&call.response, "X-B"), "2");
	assert_null(http_response_header(&call.response, "X-C"));
	assert_int_equal(http_attempts(fake.http), 1);
	assert_int_equal(http_send_all(fake.http, NULL, 0), 0);

	/* The same call again, without a release in between: nothing of the first is left. */
	FAKE_SCRIPT(&fake, 0, { .status = 404 });
	assert_int_equal(http_send(fake.http, &call), -1);
	assert_int_equal(call.err.kind, ERROR_NOT_FOUND);
	assert_null(http_response_header(&call.response, "X-A"));
	FAKE_SCRIPT(&fake, 0, OK_STEP);
	assert_int_equal(http_send(fake.http, &call), 0);
	assert_int_equal(call.err.kind, ERROR_NONE);
	http_call_release(&call);
	http_call_release(&call);
	fake_stop(&fake);
}

static void test_many_at_once(void **state)
{
	enum {
		N = 40
	};
	static const struct fake_step fine[] = { OK_STEP },
				      twice[] = { { .status = 500 }, OK_STEP },
				      bad[] = { { .status = 400 } },
				      slow[] = { { .status = 503 }, OK_STEP };
	struct http_call calls[N];
	struct http_call *list[N];
	char urls[N][64];
	struct http_fake fake;

	(void)state;
	fake_start(&fake);
	for (int i = 0; i < N; i++) {
		snprintf(urls[i], sizeof(urls[i]), "https://test.example/%d", i);
		calls[i] = call_of(urls[i]);
		list[i] = &calls[i];
		fake_script(&fake, (size_t)i, fine, 1);
	}
	fake_script(&fake, 3, bad, 1);
	fake_script(&fake, 7, twice, 2);
	fake_script(&fake, 9, slow, 2);
	calls[11].request.url = "ftp://test.example/11";
	assert_int_equal(http_send_all(fake.http, list, N), -1);
	for (int i = 0; i < N; i++)
		assert_int_equal(calls[i].rc, i == 3 || i == 11 ? -1 : 0);
	assert_int_equal(calls[11].err.kind, ERROR_CONFIG);
	assert_int_equal(fake.largest_round, N - 1); /* all in one round, but for the bad URL */
	assert_int_equal(fake.rounds, 3);
	assert_int_equal(fake.sent_at_ms[7][1], 49); /* not held up by the one that waits longer */
	assert_int_equal(fake.sent_at_ms[9][1], 999);
	assert_int_equal(http_attempts(fake.http), N - 1 + 2);
	for (int i = 0; i < N; i++)
		http_call_release(&calls[i]);
	fake_stop(&fake);
}

/* Calls 0 and 1 are ready; each of the next waits for the end of the one before the last. */
struct chain {
	struct http_call calls[5];
	char urls[5][64];
	size_t next, ready;
};

static struct http_call *next_of_chain(void *ctx)
{
	struct chain *chain = ctx;

	return chain->next < chain->ready ? &chain->calls[chain->next++] : NULL;
}

static void done_of_chain(void *ctx, struct http_call *call)
{
	struct chain *chain = ctx;

	if (call != &chain->calls[0] && chain->ready < 5)
		chain->ready++;
}

/* A call that must be tried again later holds up none of those that become ready meanwhile. */
static void test_feed(void **state)
{
	static const struct fake_step fine[] = { OK_STEP }, slow[] = { { .status = 503 }, OK_STEP },
				      bad[] = { { .status = 400 } };
	struct chain chain = { .ready = 2 };
	const struct http_feed feed = { &chain, next_of_chain, done_of_chain };
	struct http_fake fake;

	(void)state;
	fake_start(&fake);
	for (int i = 0; i < 5; i++) {
		snprintf(chain.urls[i], sizeof(chain.urls[i]), "https://test.example/%d", i);
		chain.calls[i] = call_of(chain.urls[i]);
		fake_script(&fake, (size_t)i, fine, 1);
	}
	fake_script(&fake, 0, slow, 2);
	fake_script(&fake, 2, bad, 1);
	chain.calls[3].request.url = "ftp://test.example/3";
	http_send_feed(fake.http, &feed);
	for (int i = 0; i < 5; i++)
		assert_int_equal(chain.calls[i].rc, i == 2 || i == 3 ? -1 : 0);
	assert_int_equal(fake.sent_at_ms[0][1], 999);
	assert_int_equal(fake.sent_at_ms[4][0], 0);
	for (int i = 0; i < 5; i++)
		http_call_release(&chain.calls[i]);

	/* Nothing to send at all. */
	struct chain none = { .ready = 0 };
	const struct http_feed empty = { &none, next_of_chain, NULL };
	http_send_feed(fake.http, &empty);
	fake_stop(&fake);
}

struct collected {
	char text[64];
	int chunks, restarts, fail_at;
};

static int collect(void *ctx, const char *data, size_t len, struct error *err)
{
	struct collected *collected = ctx;
	size_t used = strlen(collected->text);

	if (++collected->chunks == collected->fail_at)
		return error_set(err, ERROR_IO, "the disk is full");
	snprintf(collected->text + used, sizeof(collected->text) - used, "%.*s", (int)len, data);
	return 0;
}

static void collect_restart(void *ctx)
{
	struct collected *collected = ctx;

	collected->restarts++;
	collected->text[0] = '\0';
}

/* Taken, and then judged as "try again": S3 answers 200 and puts an error into the body. */
static enum http_verdict retry_once(void *ctx, const struct http_response *response,
				    struct error *err)
{
	(void)ctx;
	error_set(err, ERROR_REMOTE, "half a reply");
	return response->attempts == 1 ? HTTP_RETRY : HTTP_OK;
}

static void test_sink(void **state)
{
	struct collected collected = { .fail_at = 0 };
	struct http_call call = call_of("https://test.example/0");
	struct http_fake fake;

	(void)state;
	fake_start(&fake);
	call.ctx = &collected;
	call.sink = collect;
	call.restart = collect_restart;
	call.classify = retry_once;
	FAKE_SCRIPT(&fake, 0, { .status = 200, .body = "ha" }, { .status = 200, .body = "whole" });
	assert_int_equal(http_send(fake.http, &call), 0);
	assert_string_equal(collected.text, "whole");
	assert_int_equal(collected.restarts, 1);
	assert_int_equal(call.response.body.len, 0);

	/* An error page goes into the body, and a sink that saw nothing is not restarted. */
	call.classify = NULL;
	collected = (struct collected){ .fail_at = 0 };
	FAKE_SCRIPT(&fake, 0, { .status = 500, .body = "oops" }, { .status = 404, .body = "none" });
	assert_int_equal(http_send(fake.http, &call), -1);
	assert_int_equal(collected.chunks, 0);
	assert_int_equal(collected.restarts, 0);
	assert_string_equal(call.response.body.data, "none");

	collected = (struct collected){ .fail_at = 1 };
	FAKE_SCRIPT(&fake, 0, OK_STEP);
	assert_int_equal(http_send(fake.http, &call), -1);
	assert_int_equal(call.err.kind, ERROR_IO);
	assert_string_equal(call.err.message, "the disk is full");
	http_call_release(&call);
	fake_stop(&fake);
}

struct signer {
	int64_t times[8];
	int n, fail_at;
	const char *value;
};

static int sign(void *ctx, const struct http_request *request, int64_t now_s, struct arena *arena,
		struct http_header **ret_headers, size_t *ret_nr, struct error *err)
{
	struct signer *signer = ctx;

	if (signer->n + 1 == signer->fail_at)
		return error_set(err, ERROR_AUTH, "no credentials");
	signer->times[signer->n++] = now_s;
	struct http_header *headers =
		arena_alloc(arena, (request->nr_headers + 1) * sizeof(*headers));
	for (size_t i = 0; i < request->nr_headers; i++)
		headers[i] = request->headers[i];
	headers[request->nr_headers].name = "Authorization";
	headers[request->nr_headers].value =
		signer->value ? signer->value : arena_printf(arena, "at %lld", (long long)now_s);
	*ret_headers = headers;
	*ret_nr = request->nr_headers + 1;
	return 0;
}

static void test_every_attempt_is_signed_anew(void **state)
{
	static const struct http_header extra[] = { { "X-Own", "1" } };
	struct signer signer = { .n = 0 };
	struct http_call call = call_of("https://test.example/0");
	struct http_fake fake;

	(void)state;
	fake_start(&fake);
	call.ctx = &signer;
	call.sign = sign;
	call.request.headers = extra;
	call.request.nr_headers = 1;
	FAKE_SCRIPT(&fake, 0, { .status = 503, .headers = "Retry-After: 10" },
		    { .status = 503, .headers = "Retry-After: 20" }, OK_STEP);
	assert_int_equal(http_send(fake.http, &call), 0);
	assert_int_equal(signer.n, 3);
	assert_int_equal(signer.times[0], FAKE_START / 1000);
	assert_int_equal(signer.times[1], FAKE_START / 1000 + 10);
	assert_int_equal(signer.times[2], FAKE_START / 1000 + 30);
	assert_string_equal(fake.last_headers, "X-Own: 1\nAuthorization: at 1767225630\n");

	/* No signature, no request; what was open stays open. */
	signer = (struct signer){ .fail_at = 2 };
	FAKE_SCRIPT(&fake, 0, { .fail = ERROR_NETWORK, .unknown = true });
	assert_int_equal(http_send(fake.http, &call), -1);
	assert_int_equal(call.err.kind, ERROR_AUTH);
	assert_true(call.err.unknown);
	http_call_release(&call);
	fake_stop(&fake);
}

static void test_hostile_request_is_not_sent(void **state)
{
	static const struct http_header bad[] = {
		{ "X-A", "1\r\nX-B: 2" },
		{ "X-A", "\n" },
		{ "X-A", "\x01" },
		{ "X-A", "\x7f" },
		{ "X A", "1" },
		{ "X-A\r\nX-B", "1" },
		{ "", "1" },
		{ "X-A:", "1" },
		{ NULL, "1" },
		{ "X-A", NULL },
	};
	struct signer signer = { .value = "AWS4\r\nX-Injected: 1" };
	struct http_call call = call_of("https://test.example/0");
	struct http_fake fake;

	(void)state;
	fake_start(&fake);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		call.request.headers = &bad[i];
		call.request.nr_headers = 1;
		assert_int_equal(http_send(fake.http, &call), -1);
		assert_int_equal(call.err.kind, ERROR_USAGE);
	}
	call.request.nr_headers = 0;
	call.ctx = &signer;
	call.sign = sign;
	assert_int_equal(http_send(fake.http, &call),
			 -1); /* the signer's headers are checked too */
	assert_string_equal(call.err.message,
			    "request header 'Authorization' holds a control byte");
	call.sign = NULL;
	call.request.method = "GET / HTTP/1.1\r\n";
	assert_int_equal(http_send(fake.http, &call), -1);
	assert_int_equal(http_attempts(fake.http), 0);
	http_call_release(&call);
	fake_stop(&fake);
}

/* Last of all: there is no way back from a signal. */
static void test_interrupts(void **state)
{
	struct http_call plain = call_of("https://test.example/0");
	struct http_call create = call_of("https://test.example/1");
	struct http_call *both[] = { &plain, &create };
	struct http_fake fake;

	(void)state;
	fake_start(&fake);
	create.request.uninterruptible = true;
	interrupt_install();

	fake.interrupt_in_sleep = true;
	FAKE_SCRIPT(&fake, 0, { .status = 503 });
	FAKE_SCRIPT(&fake, 1, { .fail = ERROR_NETWORK, .unknown = true });
	assert_int_equal(http_send_all(fake.http, both, 2), -1);
	assert_int_equal(plain.err.kind, ERROR_CANCELLED);
	assert_false(plain.err.unknown);
	assert_int_equal(create.err.kind, ERROR_CANCELLED);
	assert_true(create.err.unknown);

	/* After one signal: only what must not be left half done. */
	FAKE_SCRIPT(&fake, 0, OK_STEP);
	FAKE_SCRIPT(&fake, 1, OK_STEP);
	assert_int_equal(http_send_all(fake.http, both, 2), -1);
	assert_int_equal(plain.err.kind, ERROR_CANCELLED);
	assert_int_equal(plain.response.attempts, 0);
	assert_int_equal(create.rc, 0);

	raise(SIGINT);
	FAKE_SCRIPT(&fake, 1, OK_STEP);
	assert_int_equal(http_send(fake.http, &create), -1);
	assert_int_equal(create.err.kind, ERROR_CANCELLED);
	assert_int_equal(fake.played[1], 0);
	http_call_release(&plain);
	http_call_release(&create);
	fake_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_request),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_feed),
		cmocka_unit_test(test_sink),
		cmocka_unit_test(test_every_attempt_is_signed_anew),
		cmocka_unit_test(test_hostile_request_is_not_sent),
		cmocka_unit_test(test_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
