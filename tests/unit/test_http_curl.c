/* SPDX-License-Identifier: Apache-2.0 */
/* The curl transport against a server of ours on loopback that misbehaves in every way we know. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/http.h"
#include "core/mem.h"
#include "core/rng.h"
#include "tests/unit/loopback_server.h"

static struct loopback_server *server;
static struct http *http;
static atomic_size_t flood_bytes; /* what the server could write before the client hung up */
static char last_head[16384];	  /* of the last request, as it arrived */

#define REPLY(body) "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body

/* Writes a gigabyte, or as much of it as is taken. */
static void flood(struct loopback_request *request, bool chunked)
{
	static const char zeros[65536];

	atomic_store(&flood_bytes, 0);
	for (int i = 0; i < 16384; i++) {
		if (chunked && !loopback_print(request, "10000\r\n"))
			return;
		if (!loopback_write(request, zeros, sizeof(zeros)))
			return;
		if (chunked && !loopback_print(request, "\r\n"))
			return;
		atomic_fetch_add(&flood_bytes, sizeof(zeros));
	}
}

static bool answer_plain(struct loopback_request *request, const char *what)
{
	static const struct {
		const char *target, *reply;
	} table[] = {
		{ "/short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345" },
		{ "/cut-head", "HTTP/1.1 200 OK\r\nContent-Le" },
		{ "/cut-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc" },
		{ "/silent", "" },
		{ "/only-100", "HTTP/1.1 100 Continue\r\n\r\n" },
		{ "/garbage", "\x16\x03\x01 hello\r\n\r\n" },
		{ "/bad-length", "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nx" },
		{ "/two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
				  "Content-Length: 2\r\n\r\nab" },
		{ "/long", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef" },
		{ "/control", "HTTP/1.1 200 OK\r\nX-A: \x1b[2J\r\nContent-Length: 0\r\n\r\n" },
		{ "/folded", "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n" },
		{ "/redirect", "HTTP/1.1 301 Moved\r\nLocation: http://169.254.169.254/latest\r\n"
			       "Content-Length: 0\r\n\r\n" },
		{ "/interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
			      "Content-Length: 2\r\n\r\nok" },
		{ "/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n" },
		{ "/until-close", "HTTP/1.0 200 OK\r\n\r\nok" },
		{ "/error", "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(table[i].target, what)) {
			loopback_print(request, "%s", table[i].reply);
			return true;
		}
	return false;
}

static bool answer(void *ctx, struct loopback_request *request)
{
	const char *what = request->target;

	(void)ctx;
	if (!strncmp(what, "/keep", 5)) {
		snprintf(last_head, sizeof(last_head), "%s", request->head);
		return loopback_print(request, REPLY("ok"));
	}
	if (!strcmp(what, "/flood-length")) {
		loopback_print(request, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
		flood(request, false);
	} else if (!strcmp(what, "/flood-chunked")) {
		loopback_print(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
		flood(request, true);
	} else if (!strcmp(what, "/flood-close")) {
		loopback_print(request, "HTTP/1.0 200 OK\r\n\r\n");
		flood(request, false);
	} else if (!strcmp(what, "/headers")) {
		loopback_print(request, "HTTP/1.1 200 OK\r\n");
		for (int i = 0; i < 1000; i++)
			loopback_print(request, "X-%d: 1\r\n", i);
		loopback_print(request, "Content-Length: 0\r\n\r\n");
	} else if (!strcmp(what, "/nul")) {
		loopback_write(request, "HTTP/1.1 200 OK\r\nX-A: 1\0b\r\n\r\n", 28);
	} else if (!strcmp(what, "/drip")) {
		loopback_print(request, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1");
		loopback_wait_closed(request);
	} else if (!strcmp(what, "/stuck")) {
		loopback_wait_closed(request);
	} else if (!answer_plain(request, what)) {
		loopback_print(request, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	}
	return false;
}

static int setup(void **state)
{
	(void)state;
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
	server = loopback_start(answer, NULL);
	http = http_new(http_transport_curl(&clock_system, NULL, "gpucloud/test"), &clock_system,
			&rng_system);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http_free(http);
	loopback_stop(server);
	return 0;
}

static char *url_of(const char *target)
{
	return xasprintf("http://127.0.0.1:%d%s", loopback_port(server), target);
}

/* One attempt of GET target; the caller releases the call. */
static int get(struct http_call *call, const char *target, int64_t timeout_ms)
{
	char *url = url_of(target);

	*call = (struct http_call){ .request = { .method = "GET", .url = url }, .max_attempts = 1 };
	call->request.timeout_ms = timeout_ms;
	int rc = http_send(http, call);
	call->request.url = NULL;
	free(url);
	return rc;
}

static void test_replies(void **state)
{
	static const struct {
		const char *target;
		int64_t timeout_ms;
		enum error_kind kind;
		const char *says; /* in the message, or the body where it is fine */
		bool unknown;
	} cases[] = {
		{ "/keep", 0, ERROR_NONE, "ok", false },
		{ "/interim", 0, ERROR_NONE, "ok", false },
		{ "/chunked", 0, ERROR_NONE, "ok", false },
		{ "/until-close", 0, ERROR_NONE, "ok", false },
		{ "/long", 0, ERROR_NONE, "abc", false },
		{ "/short", 0, ERROR_NETWORK, "was cut off after 5 bytes", true },
		{ "/cut-head", 0, ERROR_NETWORK, "broke before it answered", true },
		{ "/cut-chunk", 0, ERROR_NETWORK, "was cut off after 3 bytes", true },
		{ "/silent", 0, ERROR_NETWORK, "broke before it answered", true },
		{ "/only-100", 0, ERROR_NETWORK, "broke before it answered", true },
		{ "/garbage", 0, ERROR_PROTOCOL, "not valid HTTP", true },
		{ "/bad-length", 0, ERROR_PROTOCOL, "not valid HTTP", true },
		{ "/two-lengths", 0, ERROR_PROTOCOL, "two different lengths", true },
		{ "/control", 0, ERROR_PROTOCOL, "a header holds a control byte", true },
		{ "/nul", 0, ERROR_PROTOCOL, "", true },
		{ "/folded", 0, ERROR_PROTOCOL, "a header is malformed", true },
		{ "/headers", 0, ERROR_PROTOCOL, "more than 128 headers", true },
		{ "/drip", 2500, ERROR_TIMEOUT, "timed out after 2.5 s", true },
		{ "/stuck", 2500, ERROR_TIMEOUT, "timed out after 2.5 s", true },
		{ "/redirect", 0, ERROR_REMOTE, "answered 301, a redirect to '169.254.169.254'",
		  false },
		{ "/error", 0, ERROR_REMOTE, "answered 500", false },
		{ "/missing", 0, ERROR_NOT_FOUND, "answered 404", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_call call;

		int rc = get(&call, cases[i].target, cases[i].timeout_ms);
		print_message("  %-14s %s\n", cases[i].target, call.err.message);
		assert_int_equal(rc, cases[i].kind ? -1 : 0);
		assert_int_equal(call.err.kind, cases[i].kind);
		assert_int_equal(call.err.unknown, cases[i].unknown);
		assert_non_null(strstr(cases[i].kind ? call.err.message : call.response.body.data,
				       cases[i].says));
		if (!cases[i].kind)
			assert_int_equal(call.response.body.len, strlen(cases[i].says));
		http_call_release(&call);
	}
}

static void test_floods_are_refused_early(void **state)
{
	static const char *const targets[] = { "/flood-length", "/flood-chunked", "/flood-close" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct http_call call;

		assert_int_equal(get(&call, targets[i], 0), -1);
		assert_int_equal(call.err.kind, ERROR_PROTOCOL);
		assert_non_null(strstr(call.err.message, "larger than 8 MiB refused"));
		assert_true(call.err.unknown);
		assert_true(call.response.body.cap <= 2 * HTTP_BODY_MAX);
		http_call_release(&call);
		/* Nothing like the gigabyte has left the server: the rest sat in socket buffers. */
		assert_true(atomic_load(&flood_bytes) < (size_t)64 << 20);
	}
}

static void test_request_as_it_arrives(void **state)
{
	static const struct http_header headers[] = { { "X-Empty", "" }, { "X-A", "b; c" } };
	static char body[1500000]; /* from a megabyte on curl would ask first: Expect */
	char *url = url_of("/keep/a/../b//c?x=%2F&y");
	struct http_call call = { .request = { .method = "POST", .url = url } };

	(void)state;
	call.request.headers = headers;
	call.request.nr_headers = 2;
	call.request.body = body;
	call.request.body_len = sizeof(body);
	assert_int_equal(http_send(http, &call), 0);
	assert_non_null(strstr(last_head, "POST /keep/a/../b//c?x=%2F&y HTTP/1.1\r\n"));
	assert_non_null(strstr(last_head, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(last_head, "\r\nX-A: b; c\r\n"));
	assert_non_null(strstr(last_head, "\r\nUser-Agent: gpucloud/test\r\n"));
	assert_non_null(strstr(last_head, "\r\nContent-Length: 1500000\r\n"));
	assert_null(strcasestr(last_head, "\r\nExpect"));
	assert_null(strcasestr(last_head, "\r\nContent-Type"));
	assert_null(strcasestr(last_head, "\r\nAccept-Encoding"));

	call.request = (struct http_request){ .method = "PUT", .url = url };
	assert_int_equal(http_send(http, &call), 0);
	assert_non_null(strstr(last_head, "PUT /keep"));
	assert_non_null(strstr(last_head, "\r\nContent-Length: 0\r\n"));
	call.request.method = "DELETE";
	assert_int_equal(http_send(http, &call), 0);
	assert_non_null(strstr(last_head, "DELETE /keep"));
	call.request.method = "HEAD";
	call.max_attempts = 1;
	call.request.timeout_ms = 300; /* the server sends a body to HEAD: nobody reads it */
	http_send(http, &call);
	assert_non_null(strstr(last_head, "HEAD /keep"));
	assert_int_equal(call.response.body.len, 0);
	http_call_release(&call);
	free(url);
}

struct tally {
	size_t bytes;
	int chunks, fail_at;
};

static int tally(void *ctx, const char *data, size_t len, struct error *err)
{
	struct tally *t = ctx;

	(void)data;
	t->bytes += len;
	return ++t->chunks == t->fail_at ? error_set(err, ERROR_IO, "the disk is full") : 0;
}

static void test_sink_streams(void **state)
{
	struct tally t = { .fail_at = 0 };
	char *url = url_of("/flood-chunked");
	struct http_call call = { .request = { .method = "GET", .url = url },
				  .ctx = &t,
				  .sink = tally };

	(void)state;
	call.request.max_body = (size_t)20 << 20;
	assert_int_equal(http_send(http, &call), -1);
	assert_int_equal(call.err.kind, ERROR_PROTOCOL);
	assert_non_null(strstr(call.err.message, "larger than 20 MiB refused"));
	assert_true(t.bytes > (size_t)19 << 20 && t.bytes <= (size_t)20 << 20);
	assert_int_equal(call.response.body.cap, 0);

	t = (struct tally){ .fail_at = 3 };
	assert_int_equal(http_send(http, &call), -1);
	assert_int_equal(call.err.kind, ERROR_IO);
	assert_string_equal(call.err.message, "the disk is full");
	assert_int_equal(t.chunks, 3);
	assert_int_equal(call.response.attempts, 1);
	http_call_release(&call);
	free(url);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replies),
		TEST(test_floods_are_refused_early),
		TEST(test_request_as_it_arrives),
		TEST(test_sink_streams),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
