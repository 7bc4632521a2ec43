/* SPDX-License-Identifier: Apache-2.0 */
/* The curl transport's connections: kept, shared, refused, never silently used twice. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/http.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "tests/unit/loopback_server.h"

#define TOGETHER 20
#define IN_A_ROW 12
#define OK_REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct loopback_server *server;
static struct http *http;
static atomic_int creates;

static bool answer(void *ctx, struct loopback_request *request)
{
	const char *what = request->target;

	(void)ctx;
	if (!strcmp(what, "/keep"))
		return loopback_print(request, "%s", OK_REPLY);
	if (!strcmp(what, "/together")) {
		loopback_wait_active(request->server, TOGETHER);
		loopback_print(request, "%s", OK_REPLY);
	} else if (!strcmp(what, "/after-the-others")) {
		while (loopback_requests(request->server) <= IN_A_ROW &&
		       loopback_sleep(request->server, 5))
			;
		loopback_print(request, "%s", OK_REPLY);
	} else if (!strcmp(what, "/create-then-die")) {
		atomic_fetch_add(&creates, 1);
	} else if (!strcmp(what, "/interrupt")) {
		kill(getpid(), SIGINT);
		loopback_wait_closed(request);
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

static void test_connections_are_kept(void **state)
{
	struct http_call call;
	char *url = url_of("/keep");

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(get(&call, "/keep", 0), 0);
		http_call_release(&call);
	}
	assert_int_equal(loopback_requests(server), 10);
	assert_int_equal(loopback_connections(server), 1);
	/* What may create something does not go where curl might send it twice. */
	call = (struct http_call){ .request = { .method = "POST", .url = url } };
	call.request.uninterruptible = true;
	assert_int_equal(http_send(http, &call), 0);
	assert_int_equal(loopback_connections(server), 2);
	http_call_release(&call);
	free(url);
}

static void test_a_create_is_sent_once(void **state)
{
	struct http_call call;

	(void)state;
	assert_int_equal(get(&call, "/keep", 0), 0);
	http_call_release(&call);
	atomic_store(&creates, 0);
	char *url = url_of("/create-then-die");
	call = (struct http_call){ .request = { .method = "POST", .url = url }, .max_attempts = 1 };
	call.request.uninterruptible = true;
	assert_int_equal(http_send(http, &call), -1);
	assert_int_equal(call.err.kind, ERROR_NETWORK);
	assert_true(call.err.unknown);
	assert_int_equal(atomic_load(&creates), 1);
	call.max_attempts = 3;
	assert_int_equal(http_send(http, &call), -1);
	assert_int_equal(atomic_load(&creates), 1 + 3);
	assert_int_equal(call.response.attempts, 3);
	http_call_release(&call);
	free(url);
}

static void test_many_at_once(void **state)
{
	struct http_call calls[TOGETHER] = { { .rc = 0 } };
	struct http_call *list[TOGETHER];
	char *url = url_of("/together");

	(void)state;
	for (int i = 0; i < TOGETHER; i++) {
		calls[i].request = (struct http_request){ .method = "GET", .url = url };
		list[i] = &calls[i];
	}
	/* The server answers none before all are there. */
	assert_int_equal(http_send_all(http, list, TOGETHER), 0);
	assert_int_equal(loopback_max_active(server), TOGETHER);
	for (int i = 0; i < TOGETHER; i++) {
		assert_string_equal(calls[i].response.body.data, "ok");
		http_call_release(&calls[i]);
	}
	free(url);
}

/* More than are sent at once: the rest follow. */
static void test_more_than_fit_at_once(void **state)
{
	enum {
		N = 400
	};
	struct http_call *calls = xcalloc(N, sizeof(*calls)), *list[N];
	char *url = url_of("/keep");

	(void)state;
	for (int i = 0; i < N; i++) {
		calls[i].request = (struct http_request){ .method = "GET", .url = url };
		list[i] = &calls[i];
	}
	assert_int_equal(http_send_all(http, list, N), 0);
	assert_int_equal(loopback_requests(server), N);
	assert_true(loopback_connections(server) <= 160);
	for (int i = 0; i < N; i++)
		http_call_release(&calls[i]);
	free(calls);
	free(url);
}

/* One call that the server answers last, and a row of others, each asked for after the one before. */
struct row {
	struct http_call slow, quick;
	bool slow_sent, quick_busy;
	int quick_done, slow_done_after;
	char *slow_url, *quick_url;
};

static struct http_call *next_of_row(void *ctx)
{
	struct row *row = ctx;

	if (!row->slow_sent) {
		row->slow_sent = true;
		row->slow.request = (struct http_request){ .method = "GET", .url = row->slow_url };
		return &row->slow;
	}
	if (row->quick_busy || row->quick_done == IN_A_ROW)
		return NULL;
	row->quick_busy = true;
	row->quick.request = (struct http_request){ .method = "GET", .url = row->quick_url };
	return &row->quick;
}

static void done_of_row(void *ctx, struct http_call *call)
{
	struct row *row = ctx;

	assert_int_equal(call->rc, 0);
	if (call == &row->slow) {
		row->slow_done_after = row->quick_done;
		return;
	}
	row->quick_busy = false;
	row->quick_done++;
}

/* A reply that is late holds up nobody: the others go on meanwhile. */
static void test_feed_does_not_wait(void **state)
{
	struct row row = { .slow_url = url_of("/after-the-others"), .quick_url = url_of("/keep") };
	const struct http_feed feed = { &row, next_of_row, done_of_row };

	(void)state;
	http_send_feed(http, &feed);
	assert_int_equal(row.quick_done, IN_A_ROW);
	/* The server lets the slow one go once it has served the last: their replies may cross. */
	assert_true(row.slow_done_after >= IN_A_ROW - 1);
	assert_int_equal(loopback_connections(server), 2);
	http_call_release(&row.slow);
	http_call_release(&row.quick);
	free(row.slow_url);
	free(row.quick_url);
}

static void send_from_thread(void *ctx, void *item)
{
	struct http_call call;

	(void)ctx;
	*(int *)item = get(&call, "/keep", 0);
	http_call_release(&call);
}

static void test_one_http_for_many_threads(void **state)
{
	int rc[100];

	(void)state;
	memset(rc, 0xff, sizeof(rc));
	parallel_for(rc, ARRAY_SIZE(rc), sizeof(rc[0]), 4, send_from_thread, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rc); i++)
		assert_int_equal(rc[i], 0);
	assert_true(loopback_connections(server) <= 4);
	assert_int_equal(http_attempts(http), ARRAY_SIZE(rc));
}

/* A port that is ours and that nobody listens on. */
static int open_port(int *ret_port, bool full)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	if (full)
		assert_int_equal(listen(fd, 0), 0);
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

static void expect_failure(const char *url, enum error_kind kind, const char *says)
{
	struct http_call call = { .request = { .method = "GET", .url = url }, .max_attempts = 1 };

	/* Only what is meant to time out is given little time: a slow machine is no failure. */
	if (kind == ERROR_TIMEOUT)
		call.request.connect_timeout_ms = 300;
	assert_int_equal(http_send(http, &call), -1);
	print_message("  %s\n", call.err.message);
	assert_int_equal(call.err.kind, kind);
	assert_non_null(strstr(call.err.message, says));
	assert_null(strstr(call.err.message, "SECRET"));
	assert_false(call.err.unknown); /* nothing was sent */
	http_call_release(&call);
}

static void test_nothing_was_sent(void **state)
{
	char url[256], name[65];
	int port;

	(void)state;
	int fd = open_port(&port, false);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/?t=SECRET", port);
	expect_failure(url, ERROR_NETWORK, "refused");
	snprintf(url, sizeof(url), "https://localhost:%d/?t=SECRET", port);
	expect_failure(url, ERROR_NETWORK, "connection to 'localhost:");
	close(fd);

	/* A queue of length 0 that is full: the kernel drops every further SYN. */
	fd = open_port(&port, true);
	int fill[4];
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fill[i], (const struct sockaddr *)&addr, sizeof(addr));
	}
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	expect_failure(url, ERROR_TIMEOUT, "timed out after 0.3 s");
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++)
		close(fill[i]);
	close(fd);

	/* No label may be longer than 63 bytes: refused by the resolver, without asking anybody. */
	memset(name, 'a', 64);
	name[64] = '\0';
	snprintf(url, sizeof(url), "https://%s.invalid/?t=SECRET", name);
	expect_failure(url, ERROR_NETWORK, "could not resolve host 'aaaa");

	expect_failure("http://example.com/?t=SECRET", ERROR_CONFIG,
		       "refusing plain http to 'example.com'");
	expect_failure("http://127.1/", ERROR_CONFIG, "refusing plain http to '127.1'");
	expect_failure("ftp://127.0.0.1/", ERROR_CONFIG, "malformed URL");
	expect_failure("https://u:SECRET@127.0.0.1/", ERROR_CONFIG, "malformed URL");

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", loopback_port(server));
	expect_failure(url, ERROR_TIMEOUT, "timed out after 0.3 s"); /* waits for a GET */
}

static void test_ca_bundle_is_checked(void **state)
{
	static const struct {
		const char *path, *says;
	} cases[] = {
		{ "/nonexistent/ca.pem", "cannot read the CA bundle '/nonexistent/ca.pem'" },
		{ "/", "the CA bundle '/' is not a file" },
		{ GPUCLOUD_SOURCE_DIR "/CMakeLists.txt", "no certificate could be read from" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http *other =
			http_new(http_transport_curl(&clock_system, cases[i].path, NULL),
				 &clock_system, &rng_system);
		char *url = xasprintf("https://127.0.0.1:%d/", loopback_port(server));
		struct http_call call = { .request = { .method = "GET", .url = url } };

		assert_int_equal(http_send(other, &call), -1);
		assert_int_equal(call.err.kind, ERROR_CONFIG);
		assert_non_null(strstr(call.err.message, cases[i].says));
		assert_string_equal(call.err.hint, "check ca_bundle and AWS_CA_BUNDLE");
		assert_int_equal(call.response.attempts, 1);
		http_call_release(&call);
		free(url);
		http_free(other);
	}
}

static bool refuse_connect(void *ctx, struct loopback_request *request)
{
	snprintf(ctx, 64, "%s %.40s", request->method, request->target);
	loopback_print(request, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
	return false;
}

static void test_proxy_from_environment(void **state)
{
	char seen[64] = "";
	struct loopback_server *proxy = loopback_start(refuse_connect, seen);
	char *address = xasprintf("http://127.0.0.1:%d", loopback_port(proxy));
	struct http_call call;

	(void)state;
	setenv("http_proxy", address, 1);
	setenv("https_proxy", address, 1);
	/* Not for loopback ... */
	assert_int_equal(get(&call, "/keep", 0), 0);
	http_call_release(&call);
	assert_int_equal(loopback_requests(proxy), 0);
	/* ... but for everything else; and what it says is not taken for the server's reply. */
	expect_failure("https://gpucloud.invalid/?t=SECRET", ERROR_NETWORK,
		       "the proxy answered 403 when asked for 'gpucloud.invalid'");
	loopback_stop(proxy);
	assert_string_equal(seen, "CONNECT gpucloud.invalid:443");
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	free(address);
}

/* Last of all: there is no way back from a signal. */
static void test_interrupts(void **state)
{
	struct http_call call;

	(void)state;
	interrupt_install();
	assert_int_equal(get(&call, "/interrupt", 0), -1);
	assert_int_equal(call.err.kind, ERROR_CANCELLED);
	assert_true(call.err.unknown);
	http_call_release(&call);

	char *keep = url_of("/keep"), *again = url_of("/interrupt");
	call = (struct http_call){ .request = { .method = "POST", .url = keep } };
	call.request.uninterruptible = true;
	assert_int_equal(http_send(http, &call), 0);
	call.request.url = again;
	assert_int_equal(http_send(http, &call), -1);
	assert_int_equal(call.err.kind, ERROR_CANCELLED);
	assert_true(call.err.unknown);
	http_call_release(&call);
	free(keep);
	free(again);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connections_are_kept),
		TEST(test_a_create_is_sent_once),
		TEST(test_many_at_once),
		TEST(test_more_than_fit_at_once),
		TEST(test_feed_does_not_wait),
		TEST(test_one_http_for_many_threads),
		TEST(test_nothing_was_sent),
		TEST(test_ca_bundle_is_checked),
		TEST(test_proxy_from_environment),
		TEST(test_interrupts),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
