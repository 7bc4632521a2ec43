/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The curl transport: the only file that includes curl.
 * https://curl.se/libcurl/c/libcurl-multi.html
 *
 * A fresh easy handle for every attempt (nothing of one request can leak into the next),
 * connections kept by the multi handle, and multi handles kept in a small free list, one per
 * stream() at a time.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/clock.h"
#include "core/http_internal.h"
#include "core/interrupt.h"
#include "core/mem.h"

#define MULTI_KEPT	 8   /* idle multi handles with their connections */
#define IN_FLIGHT_MAX	 160 /* transfers of one stream() at once; the others queue */
#define POLL_MS		 100 /* how late an interrupt of another thread may be noticed */
#define KEEPALIVE_IDLE_S 60

struct curl_transport {
	const struct clock *clock;
	char *ca_bundle;
	int folder; /* the system's certificates are a folder (core/http_internal.h); -1: not known yet */
	char *user_agent;
	pthread_mutex_t lock;
	CURLM *idle[MULTI_KEPT];
	size_t nr_idle;
};

/* One attempt in curl's hands. */
struct transfer {
	struct curl_transport *transport;
	struct http_attempt *attempt;
	struct http_url url;
	struct http_reply reply;
	CURL *easy;
	struct curl_slist *headers;
	char curl_says[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		out_of_memory();
}

static CURLM *take_multi(struct curl_transport *transport)
{
	CURLM *multi = NULL;

	pthread_mutex_lock(&transport->lock);
	if (transport->nr_idle)
		multi = transport->idle[--transport->nr_idle];
	pthread_mutex_unlock(&transport->lock);
	if (multi)
		return multi;
	multi = curl_multi_init();
	if (!multi)
		out_of_memory();
	/* Without a number curl keeps four per running transfer: none once the last is done. */
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)IN_FLIGHT_MAX);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	return multi;
}

static void keep_multi(struct curl_transport *transport, CURLM *multi)
{
	pthread_mutex_lock(&transport->lock);
	if (transport->nr_idle < MULTI_KEPT) {
		transport->idle[transport->nr_idle++] = multi;
		multi = NULL;
	}
	pthread_mutex_unlock(&transport->lock);
	if (multi)
		curl_multi_cleanup(multi);
}

static size_t on_header(char *data, size_t size, size_t n, void *userdata)
{
	struct transfer *transfer = userdata;
	struct http_response *response = transfer->attempt->response;

	if (http_reply_line(&transfer->reply, data, size * n) < 0)
		return 0;
	if (transfer->reply.state == HTTP_REPLY_BODY && !response->received_ms)
		response->received_ms = clock_now_ms(transfer->transport->clock);
	return size * n;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	struct transfer *transfer = userdata;

	return http_reply_body(&transfer->reply, data, size * n) < 0 ? 0 : size * n;
}

static void add_line(struct transfer *transfer, const char *line)
{
	struct curl_slist *list = curl_slist_append(transfer->headers, line);

	if (!list)
		out_of_memory();
	transfer->headers = list;
}

/* "Name;" is curl's way to send a header without a value, "Name:" to send none of that name. */
static void add_header(struct transfer *transfer, const char *name, const char *value)
{
	char *line = *value ? xasprintf("%s: %s", name, value) : xasprintf("%s;", name);

	add_line(transfer, line);
	free(line);
}

static bool has_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->nr_headers; i++)
		if (!strcasecmp(request->headers[i].name, name))
			return true;
	return false;
}

static void set_request(struct transfer *transfer)
{
	const struct http_request *request = &transfer->attempt->request;
	CURL *easy = transfer->easy;
	bool has_body = request->body_len || !strcmp(request->method, "POST") ||
			!strcmp(request->method, "PUT");

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	if (has_body) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
				 request->body_len ? (const char *)request->body : "");
	} else if (!strcmp(request->method, "HEAD")) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);

	for (size_t i = 0; i < request->nr_headers; i++)
		add_header(transfer, request->headers[i].name, request->headers[i].value);
	add_line(transfer, "Expect:");
	if (!has_header(request, "Content-Type"))
		add_line(transfer, "Content-Type:");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	if (!has_header(request, "User-Agent") && transfer->transport->user_agent)
		curl_easy_setopt(easy, CURLOPT_USERAGENT, transfer->transport->user_agent);
	/*
	 * curl sends a request a second time, unasked, where a kept connection dies under it. What
	 * may create something is ours to repeat: it gets a connection of its own.
	 */
	if (request->uninterruptible)
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_limits(struct transfer *transfer)
{
	const struct http_request *request = &transfer->attempt->request;
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)http_timeout_ms(request));
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http_connect_timeout_ms(request));
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)HTTP_LOW_SPEED_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	/* A length announced above the ceiling is refused before the first byte of it. */
	if (strcmp(request->method, "HEAD") != 0)
		curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
				 (curl_off_t)transfer->reply.max_body);
}

/* Where trusted certificates are read from: one file or one folder, never both. */
static void set_trust(struct curl_transport *transport, CURL *easy)
{
	char *path = NULL;

	if (transport->ca_bundle) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, transport->ca_bundle);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		return;
	}
	pthread_mutex_lock(&transport->lock);
	if (transport->folder < 0)
		transport->folder = curl_easy_getinfo(easy, CURLINFO_CAPATH, &path) == CURLE_OK &&
				    path && http_trust_is_hashed(path);
	int folder = transport->folder;
	pthread_mutex_unlock(&transport->lock);
	if (folder)
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	else if (curl_easy_getinfo(easy, CURLINFO_CAINFO, &path) == CURLE_OK && path &&
		 access(path, R_OK) == 0)
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static void set_security(struct transfer *transfer)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, transfer->url.https ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	set_trust(transfer->transport, easy);
	if (transfer->url.loopback || transfer->url.link_local)
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

/* A first Ctrl-C ends what can be left undone, a second one ends everything. */
static bool is_cancelled(const struct http_attempt *attempt)
{
	return interrupt_count() > (attempt->request.uninterruptible ? 1 : 0);
}

static int begin(struct curl_transport *transport, struct transfer *transfer,
		 struct http_attempt *attempt)
{
	transfer->transport = transport;
	transfer->attempt = attempt;
	attempt->rc = -1;
	if (is_cancelled(attempt))
		return error_set(attempt->err, ERROR_CANCELLED, "interrupted");
	if (http_url_parse(attempt->request.url, &transfer->url, attempt->err) < 0 ||
	    http_url_check_plain(&transfer->url, attempt->err) < 0)
		return -1;
	if (transfer->url.https && transport->ca_bundle &&
	    http_check_ca_bundle(transport->ca_bundle, attempt->err) < 0)
		return -1;
	http_reply_init(&transfer->reply, attempt, transfer->url.where);
	CURL *easy = transfer->easy = curl_easy_init();
	if (!easy)
		out_of_memory();
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_says);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	set_request(transfer);
	set_limits(transfer);
	set_security(transfer);
	attempt->response->sent_ms = clock_now_ms(transport->clock);
	return 0;
}

/* True once bytes of the request may have left: from here on nobody knows what was done. */
static bool was_sent(const struct transfer *transfer)
{
	long bytes = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &bytes);
	return bytes > 0;
}

/* Connecting, stalled, or only slow: curl has one code for the three. */
static enum http_failure_kind kind_of_timeout(const struct transfer *transfer)
{
	curl_off_t connected_us = 0, total_us = 0;

	curl_easy_getinfo(transfer->easy,
			  transfer->url.https ? CURLINFO_APPCONNECT_TIME_T
					      : CURLINFO_CONNECT_TIME_T,
			  &connected_us);
	curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &total_us);
	if (!connected_us && !was_sent(transfer))
		return HTTP_FAILURE_CONNECT_TIMEOUT;
	/* curl's timers may fire a little early */
	if (total_us / 1000 + 1000 < http_timeout_ms(&transfer->attempt->request))
		return HTTP_FAILURE_STALLED;
	return HTTP_FAILURE_TIMEOUT;
}

static enum http_failure_kind kind_of_code(const struct transfer *transfer, CURLcode code)
{
	static const struct {
		CURLcode code;
		enum http_failure_kind kind;
	} table[] = {
		{ CURLE_COULDNT_RESOLVE_HOST, HTTP_FAILURE_RESOLVE },
		{ CURLE_COULDNT_RESOLVE_PROXY, HTTP_FAILURE_RESOLVE_PROXY },
		{ CURLE_COULDNT_CONNECT, HTTP_FAILURE_CONNECT },
		{ CURLE_SSL_CACERT_BADFILE, HTTP_FAILURE_CA_BUNDLE },
		{ CURLE_PEER_FAILED_VERIFICATION, HTTP_FAILURE_CERTIFICATE },
		{ CURLE_SSL_ISSUER_ERROR, HTTP_FAILURE_CERTIFICATE },
		{ CURLE_SSL_CONNECT_ERROR, HTTP_FAILURE_TLS },
		{ CURLE_FILESIZE_EXCEEDED, HTTP_FAILURE_TOO_LARGE },
		{ CURLE_WEIRD_SERVER_REPLY, HTTP_FAILURE_NOT_HTTP },
		{ CURLE_UNSUPPORTED_PROTOCOL, HTTP_FAILURE_NOT_HTTP }, /* HTTP/0.9 */
		{ CURLE_BAD_CONTENT_ENCODING, HTTP_FAILURE_NOT_HTTP },
	};

	if (code == CURLE_OPERATION_TIMEDOUT)
		return kind_of_timeout(transfer);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].code == code)
			return table[i].kind;
	return HTTP_FAILURE_CUT;
}

static void explain(const struct transfer *transfer, CURLcode code)
{
	long os_errno = 0, proxy_status = 0;

	if (transfer->reply.refused)
		return; /* said already, where it was seen */
	curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_errno);
	curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
	struct http_failure failure = {
		.kind = kind_of_code(transfer, code),
		.os_errno = (int)os_errno,
		.proxy_status = (int)proxy_status,
		.sent = was_sent(transfer),
		.details = transfer->curl_says[0] ? transfer->curl_says : curl_easy_strerror(code),
		.ca_bundle = transfer->transport->ca_bundle,
	};
	if (proxy_status >= 300) { /* CONNECT was all that was sent */
		failure.kind = HTTP_FAILURE_PROXY;
		failure.sent = false;
	}
	http_explain(&failure, &transfer->url, &transfer->reply);
}

/* What one stream() has under way. */
struct in_flight {
	struct curl_transport *transport;
	const struct http_work *work;
	CURLM *multi;
	struct transfer *v[IN_FLIGHT_MAX];
	size_t nr;
};

static void end(struct in_flight *flight, size_t i)
{
	struct transfer *transfer = flight->v[i];
	struct http_attempt *attempt = transfer->attempt;

	curl_multi_remove_handle(flight->multi, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	free(transfer);
	flight->v[i] = flight->v[--flight->nr];
	flight->work->give(flight->work->ctx, attempt);
}

static size_t place_of(const struct in_flight *flight, const struct transfer *transfer)
{
	size_t i = 0;

	while (flight->v[i] != transfer)
		i++;
	return i;
}

/* Takes what curl has finished; returns how many. */
static size_t collect(struct in_flight *flight)
{
	CURLMsg *message;
	size_t done = 0;
	int left;

	while ((message = curl_multi_info_read(flight->multi, &left))) {
		struct transfer *transfer = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		if (code == CURLE_OK && transfer->reply.state == HTTP_REPLY_BODY &&
		    !transfer->reply.refused)
			transfer->attempt->rc = 0;
		else
			explain(transfer, code);
		end(flight, place_of(flight, transfer));
		done++;
	}
	return done;
}

/* Ends what an interrupt ends; returns how many. */
static size_t cancel(struct in_flight *flight)
{
	size_t done = 0;

	for (size_t i = flight->nr; i-- > 0;) {
		struct transfer *transfer = flight->v[i];

		if (!is_cancelled(transfer->attempt))
			continue;
		error_set(transfer->attempt->err, ERROR_CANCELLED,
			  "interrupted while waiting for '%s'", transfer->url.where);
		transfer->attempt->err->unknown =
			was_sent(transfer) || transfer->attempt->request.uninterruptible;
		end(flight, i);
		done++;
	}
	return done;
}

/* Begins what is ready as long as there is room. */
static void fill(struct in_flight *flight)
{
	const struct http_work *work = flight->work;

	while (flight->nr < IN_FLIGHT_MAX) {
		struct http_attempt *attempt = work->take(work->ctx);

		if (!attempt)
			return;
		struct transfer *transfer = xcalloc(1, sizeof(*transfer));
		if (begin(flight->transport, transfer, attempt) < 0) {
			free(transfer);
			work->give(work->ctx, attempt);
			continue;
		}
		if (curl_multi_add_handle(flight->multi, transfer->easy) != CURLM_OK)
			out_of_memory();
		flight->v[flight->nr++] = transfer;
	}
}

/* Waits for something to happen, or for the next that is ready by itself. */
static void wait_for_any(struct in_flight *flight)
{
	int64_t ms = flight->work->wait_ms(flight->work->ctx);

	if (ms < 0 || ms > POLL_MS || flight->nr == IN_FLIGHT_MAX)
		ms = POLL_MS;
	curl_multi_poll(flight->multi, NULL, 0, (int)ms, NULL);
}

static void stream(void *ctx, const struct http_work *work)
{
	struct curl_transport *transport = ctx;
	struct in_flight flight = { .transport = transport, .work = work };
	int running;

	pthread_once(&curl_once, init_curl);
	flight.multi = take_multi(transport);
	for (;;) {
		fill(&flight);
		if (!flight.nr)
			break;
		if (curl_multi_perform(flight.multi, &running) != CURLM_OK)
			out_of_memory();
		size_t ended = collect(&flight);
		if (interrupted())
			ended += cancel(&flight);
		if (!ended)
			wait_for_any(&flight);
	}
	keep_multi(transport, flight.multi);
}

static void transport_free(void *ctx)
{
	struct curl_transport *transport = ctx;

	for (size_t i = 0; i < transport->nr_idle; i++)
		curl_multi_cleanup(transport->idle[i]);
	pthread_mutex_destroy(&transport->lock);
	free(transport->ca_bundle);
	free(transport->user_agent);
	free(transport);
}

struct http_transport http_transport_curl(const struct clock *clock, const char *ca_bundle,
					  const char *user_agent)
{
	struct curl_transport *transport = xcalloc(1, sizeof(*transport));

	transport->clock = clock;
	transport->ca_bundle = ca_bundle ? xstrdup(ca_bundle) : NULL;
	transport->folder = -1;
	transport->user_agent = user_agent ? xstrdup(user_agent) : NULL;
	pthread_mutex_init(&transport->lock, NULL);
	return (struct http_transport){
		.ctx = transport,
		.stream = stream,
		.free = transport_free,
	};
}
