/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of core/http: the reader of replies, backoff, what is masked in the log. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/http_internal.h"
#include "core/log.h"
#include "core/mem.h"
#include "tests/unit/http_fake.h"

struct reading {
	struct http_response response;
	struct http_attempt attempt;
	struct http_reply reply;
	struct error err;
};

static void reading_start(struct reading *r, size_t max_body)
{
	memset(r, 0, sizeof(*r));
	r->response.body.data = buf_empty;
	r->attempt.request.max_body = max_body;
	r->attempt.response = &r->response;
	r->attempt.err = &r->err;
	http_reply_init(&r->reply, &r->attempt, "h");
}

/* Lines separated by '|'; -1 at the first refusal. */
static int read_lines(struct reading *r, const char *lines)
{
	for (;;) {
		size_t len = strcspn(lines, "|");
		char line[512];

		assert_true(len < sizeof(line) - 2);
		snprintf(line, sizeof(line), "%.*s\r\n", (int)len, lines);
		if (http_reply_line(&r->reply, line, len + 2) < 0)
			return -1;
		if (!lines[len])
			return 0;
		lines += len + 1;
	}
}

static void test_reply_heads(void **state)
{
	static const struct {
		const char *lines, *refused; /* NULL: fine */
		int status;
		size_t nr_headers;
	} cases[] = {
		{ "HTTP/1.1 200 OK|A: 1|B:2|C:  \t3 \t|D:|", NULL, 200, 4 },
		{ "HTTP/2 204 |", NULL, 204, 0 },
		{ "HTTP/2 204|", NULL, 204, 0 },
		{ "HTTP/1.1 100 Continue|X: 1||HTTP/1.1 201 Created|Y: 1|", NULL, 201, 1 },
		{ "HTTP/1.1 103 Early|A: 1||HTTP/1.1 100 x||HTTP/1.1 200 OK|", NULL, 200, 0 },
		{ "HTTP/1.1 200 OK||HTTP/1.1 500 trailer|X: 1|", NULL, 200, 0 },
		{ "HTTP/1.1 200 OK|Content-Length: 5|content-length: 5|", NULL, 200, 2 },
		{ "HTTP/1.1 200 OK|Content-Length: 5|content-length: 6|", "two different lengths",
		  0, 0 },
		{ "HELLO", "HTTP status", 0, 0 },
		{ "", "HTTP status", 0, 0 },
		{ "HTTP/1.1", "HTTP status", 0, 0 },
		{ "HTTP/1.1 20", "HTTP status", 0, 0 },
		{ "HTTP/1.1 2x0 OK", "not a number", 0, 0 },
		{ "HTTP/1.1 099 OK", "three digits", 0, 0 },
		{ "HTTP/1.1 2000 OK", "three digits", 0, 0 },
		{ "HTTP/1.1 200 OK|no colon", "malformed", 0, 0 },
		{ "HTTP/1.1 200 OK|: empty", "malformed", 0, 0 },
		{ "HTTP/1.1 200 OK|A: 1| folded", "malformed", 0, 0 },
		{ "HTTP/1.1 200 OK|A : 1", "malformed", 0, 0 },
		{ "HTTP/1.1 200 OK|A: \x1b[2J", "control byte", 0, 0 },
		{ "HTTP/1.1 200 OK|A: x\ry", "control byte", 0, 0 },
		{ "HTTP/1.1 200 OK|A\x7f: 1", "control byte", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reading r;

		print_message("  %zu\n", i);
		reading_start(&r, 0);
		assert_int_equal(read_lines(&r, cases[i].lines), cases[i].refused ? -1 : 0);
		if (cases[i].refused) {
			assert_int_equal(r.err.kind, ERROR_PROTOCOL);
			assert_non_null(strstr(r.err.message, cases[i].refused));
			assert_true(r.err.unknown);
			assert_true(r.attempt.final);
			assert_int_equal(http_reply_line(&r.reply, "A: 1", 4), -1);
			assert_int_equal(http_reply_body(&r.reply, "x", 1), -1);
		} else {
			assert_int_equal(r.reply.state, HTTP_REPLY_BODY);
			assert_int_equal(r.response.status, cases[i].status);
			assert_int_equal(r.response.nr_headers, cases[i].nr_headers);
		}
		http_response_release(&r.response);
	}
	struct reading r;
	reading_start(&r, 0);
	assert_int_equal(read_lines(&r, "HTTP/1.1 200 OK"), 0);
	assert_int_equal(http_reply_line(&r.reply, "A: \0b\r\n", 7), -1);
	http_response_release(&r.response);
	reading_start(&r, 0);
	assert_int_equal(read_lines(&r, "HTTP/1.1 200 OK|A:  \t1 2\t |"), 0);
	assert_string_equal(http_response_header(&r.response, "a"), "1 2");
	http_response_release(&r.response);
}

static void test_reply_head_ceilings(void **state)
{
	static char line[HTTP_HEADER_LINE_MAX + 2];
	struct reading r;

	(void)state;
	reading_start(&r, 0);
	assert_int_equal(read_lines(&r, "HTTP/1.1 200 OK"), 0);
	for (int i = 0; i < HTTP_HEADERS_MAX; i++)
		assert_int_equal(read_lines(&r, "A: 1"), 0);
	assert_int_equal(read_lines(&r, "A: 1"), -1);
	http_response_release(&r.response);

	memset(line, 'x', sizeof(line));
	memcpy(line, "A: ", 3);
	reading_start(&r, 0);
	assert_int_equal(read_lines(&r, "HTTP/1.1 200 OK"), 0);
	for (size_t i = 0; i < HTTP_HEAD_MAX / HTTP_HEADER_LINE_MAX - 1; i++)
		assert_int_equal(http_reply_line(&r.reply, line, HTTP_HEADER_LINE_MAX), 0);
	assert_int_equal(http_reply_line(&r.reply, line, HTTP_HEADER_LINE_MAX), -1);
	http_response_release(&r.response);

	reading_start(&r, 0);
	assert_int_equal(read_lines(&r, "HTTP/1.1 200 OK"), 0);
	assert_int_equal(http_reply_line(&r.reply, line, HTTP_HEADER_LINE_MAX + 1), -1);
	http_response_release(&r.response);

	/* Interim replies for ever */
	reading_start(&r, 0);
	int n = 0;
	while (n < 100000 && read_lines(&r, "HTTP/1.1 100 Continue|") == 0)
		n++;
	assert_true(n > 1000 && n < 100000);
	http_response_release(&r.response);
}

static int count_bytes(void *ctx, const char *data, size_t len, struct error *err)
{
	(void)data;
	(void)err;
	*(size_t *)ctx += len;
	return 0;
}

static void test_reply_body_ceilings(void **state)
{
	static const char block[50000] = { 'x' };
	struct reading r;
	size_t sunk = 0;

	(void)state;
	reading_start(&r, 10);
	assert_int_equal(read_lines(&r, "HTTP/1.1 200 OK|"), 0);
	assert_int_equal(http_reply_body(&r.reply, "1234567", 7), 0);
	assert_int_equal(http_reply_body(&r.reply, "890", 3), 0);
	assert_int_equal(r.response.body.len, 10);
	assert_int_equal(http_reply_body(&r.reply, "1", 1), -1);
	assert_string_equal(r.err.message, "reply of 'h' larger than 10 bytes refused");
	assert_int_equal(r.err.kind, ERROR_PROTOCOL);
	assert_int_equal(r.err.http_status, 200);
	assert_true(r.err.unknown);
	http_response_release(&r.response);

	/* A sink takes what is fine, and the ceiling still holds. */
	reading_start(&r, 60000);
	r.attempt.sink = count_bytes;
	r.attempt.sink_ctx = &sunk;
	assert_int_equal(read_lines(&r, "HTTP/1.1 206 Partial|"), 0);
	assert_int_equal(http_reply_body(&r.reply, block, sizeof(block)), 0);
	assert_true(r.attempt.sink_fed);
	assert_int_equal(http_reply_body(&r.reply, block, sizeof(block)), -1);
	assert_int_equal(sunk, sizeof(block));
	assert_int_equal(r.response.body.len, 0);
	http_response_release(&r.response);

	/* Of an error page the first 64 KiB are kept; that is no failure. */
	reading_start(&r, 1000000);
	r.attempt.sink = count_bytes;
	r.attempt.sink_ctx = &sunk;
	assert_int_equal(read_lines(&r, "HTTP/1.1 500 Oops|"), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(http_reply_body(&r.reply, block, sizeof(block)), 0);
	assert_int_equal(r.response.body.len, HTTP_ERROR_BODY_MAX);
	assert_false(r.attempt.sink_fed);
	assert_int_equal(sunk, sizeof(block));
	http_response_release(&r.response);
}

static void test_backoff(void **state)
{
	static const struct {
		int64_t base;
		int retry;
		int64_t ceiling;
	} cases[] = {
		{ 50, 1, 50 },	    { 50, 2, 100 },
		{ 50, 3, 200 },	    { 50, 9, 12800 },
		{ 50, 10, 20000 },  { 50, 1000, 20000 },
		{ 1000, 1, 1000 },  { 1000, 5, 16000 },
		{ 1000, 6, 20000 }, { 1000, INT32_MAX, 20000 },
	};
	struct http_fake fake;

	(void)state;
	fake_start(&fake);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake.jitter = 0xff;
		int64_t most = http_backoff_ms(fake.http, cases[i].base, cases[i].retry);
		assert_int_equal(most, cases[i].ceiling - 1); /* [0, ceiling), whole ms */
		fake.jitter = 0;
		assert_int_equal(http_backoff_ms(fake.http, cases[i].base, cases[i].retry), 0);
	}
	fake_stop(&fake);
}

static void test_retry_after(void **state)
{
	static const struct {
		const char *value;
		int64_t ms;
	} cases[] = {
		{ "0", 0 },
		{ "1", 1000 },
		{ "20", 20000 },
		{ "21", 20000 },
		{ "99999999999999999999999999", 20000 },
		{ "-1", -1 },
		{ "1.5", -1 },
		{ "", -1 },
		{ "1 ", -1 },
		{ "Thu, 01 Jan 1970 00:00:13 GMT", 3000 },
		{ "Thu, 01 Jan 1970 00:00:10 GMT", 0 },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", 20000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_header header = { "retry-after", cases[i].value };
		struct http_response response = { .headers = &header, .nr_headers = 1 };

		assert_int_equal(http_retry_after_ms(&response, 10000), cases[i].ms);
	}
	struct http_response none = { .status = 503 };
	assert_int_equal(http_retry_after_ms(&none, 10000), -1);
}

static void test_masked_headers(void **state)
{
	static const char *const secret[] = {
		"Authorization",
		"authorization",
		"X-Amz-Security-Token",
		"Cookie",
		"Set-Cookie",
		"Proxy-Authorization",
		"X-aws-ec2-metadata-token",
		"WWW-Authenticate",
		"X-Api-Key",
	};
	static const char *const open[] = { "Date", "Content-Type", "X-Amz-Date", "Host",
					    "x-amzn-RequestId" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(secret); i++)
		assert_true(http_header_is_secret(secret[i]));
	for (size_t i = 0; i < ARRAY_SIZE(open); i++)
		assert_false(http_header_is_secret(open[i]));
}

static void keep_line(void *ctx, const char *line)
{
	char *log = ctx;
	size_t used = strlen(log);

	snprintf(log + used, 2048 - used, "%s\n", line);
}

static void test_log_lines(void **state)
{
	static const struct http_header headers[] = { { "Authorization", "AWS4 Signature=abcdef" },
						      { "X-Plain", "seen" } };
	struct http_call call = { .request = { .method = "POST",
					       .url = "https://test.example/0?sig=QUERYSECRET/0",
					       .headers = headers,
					       .nr_headers = 2 } };
	struct http_fake fake;
	char log[2048] = "";

	(void)state;
	fake_start(&fake);
	log_setup(1, keep_line, log);
	FAKE_SCRIPT(&fake, 0, { .status = 500, .takes_ms = 3 },
		    { .status = 200, .takes_ms = 12, .headers = "Set-Cookie: a=b\nX-Id: 7" });
	assert_int_equal(http_send(fake.http, &call), 0);
	assert_non_null(strstr(log, "POST test.example/0 500 3 ms attempt 1\n"));
	assert_non_null(strstr(log, "POST test.example/0 200 12 ms attempt 2\n"));
	assert_null(strstr(log, "X-Plain"));

	/* What is asked for, instead of the URL, where the caller names it. */
	log[0] = '\0';
	call.request.log_topic = "aws";
	call.request.log_title = "us-east-1 RunInstances";
	FAKE_SCRIPT(&fake, 0, { .fail = ERROR_NETWORK },
		    { .status = 200, .takes_ms = 123, .headers = "X-Id: 7" });
	assert_int_equal(http_send(fake.http, &call), 0);
	assert_non_null(strstr(log, "aws: us-east-1 RunInstances failed: "));
	assert_non_null(strstr(log, "aws: us-east-1 RunInstances 200 0.123 s (attempt 2)\n"));
	assert_null(strstr(log, "test.example"));
	call.request.log_topic = call.request.log_title = NULL;

	log[0] = '\0';
	log_setup(2, keep_line, log);
	FAKE_SCRIPT(&fake, 0, { .status = 200, .headers = "Set-Cookie: a=b\nX-Id: 7" });
	assert_int_equal(http_send(fake.http, &call), 0);
	log_setup(0, NULL, NULL);
	assert_non_null(strstr(log, "> Authorization: ***"));
	assert_non_null(strstr(log, "> X-Plain: seen"));
	assert_non_null(strstr(log, "< Set-Cookie: ***"));
	assert_non_null(strstr(log, "< X-Id: 7"));
	assert_null(strstr(log, "abcdef"));
	assert_null(strstr(log, "a=b"));
	assert_null(strstr(log, "QUERYSECRET"));
	http_call_release(&call);
	fake_stop(&fake);
}

static void test_failures_in_words(void **state)
{
	static const struct {
		struct http_failure failure;
		enum error_kind kind;
		const char *message;
		bool final;
	} cases[] = {
		{ { .kind = HTTP_FAILURE_RESOLVE_PROXY },
		  ERROR_NETWORK,
		  "could not resolve the proxy towards 'h:8443'",
		  false },
		{ { .kind = HTTP_FAILURE_PROXY, .proxy_status = 407 },
		  ERROR_NETWORK,
		  "the proxy answered 407 when asked for 'h:8443'",
		  true },
		{ { .kind = HTTP_FAILURE_CONNECT, .os_errno = ENETUNREACH },
		  ERROR_NETWORK,
		  "no route to 'h:8443'",
		  false },
		{ { .kind = HTTP_FAILURE_CONNECT },
		  ERROR_NETWORK,
		  "could not connect to 'h:8443'",
		  false },
		{ { .kind = HTTP_FAILURE_STALLED, .sent = true },
		  ERROR_TIMEOUT,
		  "'h:8443' sent nothing for 60 s",
		  false },
		{ { .kind = HTTP_FAILURE_CONNECT_TIMEOUT },
		  ERROR_TIMEOUT,
		  "connection to 'h:8443' timed out after 2.5 s",
		  false },
		{ { .kind = HTTP_FAILURE_CA_BUNDLE },
		  ERROR_CONFIG,
		  "no certificate could be read from the CA bundle 'of the system'",
		  true },
		{ { .kind = HTTP_FAILURE_CUT, .details = "out of luck" },
		  ERROR_NETWORK,
		  "request to 'h:8443' failed: out of luck",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = ERROR_INIT;
		struct http_url url;
		struct reading r;

		assert_int_equal(http_url_parse("https://h:8443/x?SECRET", &url, &err), 0);
		reading_start(&r, 0);
		r.reply.where = url.where;
		r.attempt.request.connect_timeout_ms = 9000;
		r.attempt.request.timeout_ms = 2500; /* the whole's limit is the connection's too */
		http_explain(&cases[i].failure, &url, &r.reply);
		assert_int_equal(r.err.kind, cases[i].kind);
		assert_string_equal(r.err.message, cases[i].message);
		assert_int_equal(r.err.unknown, cases[i].failure.sent);
		assert_int_equal(r.attempt.final, cases[i].final);
		http_response_release(&r.response);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply_heads),
		cmocka_unit_test(test_reply_head_ceilings),
		cmocka_unit_test(test_reply_body_ceilings),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_masked_headers),
		cmocka_unit_test(test_log_lines),
		cmocka_unit_test(test_failures_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
