/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_transport.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/cloud/cloud.h"

static int64_t now_ms(void *ctx)
{
	const struct sim_transport *transport = ctx;

	return transport->now_ms + transport->skew_ms;
}

static int64_t mono_ms(void *ctx)
{
	return ((struct sim_transport *)ctx)->now_ms;
}

static int sleep_ms(void *ctx, int64_t ms)
{
	struct sim_transport *transport = ctx;

	transport->now_ms += ms;
	cloud_advance(transport->cloud, transport->now_ms);
	return 0;
}

static void add_header(struct http_response *response, const char *name, const char *value)
{
	response->headers[response->nr_headers++] =
		(struct http_header){ name, arena_strdup(&response->arena, value) };
}

static void add_headers(const struct sim_transport *transport, const struct cloud_reply *reply,
			struct http_response *response)
{
	time_t now_s = (time_t)(transport->now_ms / 1000);
	struct tm tm;
	char date[64];

	gmtime_r(&now_s, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	response->headers = arena_alloc(&response->arena, 3 * sizeof(*response->headers));
	add_header(response, "Date", date);
	add_header(response, "Content-Type", reply->content_type ? reply->content_type : "");
	add_header(response, "x-amzn-requestid", reply->request_id);
}

/* "https://host:port/path?query" in its parts, in the response's arena. */
static void split_url(struct arena *arena, const char *url, struct cloud_request *request)
{
	const char *host = strstr(url, "://") + 3;
	const char *path = host + strcspn(host, "/?");
	const char *query = path + strcspn(path, "?");

	request->tls = text_starts_with(url, "https:");
	request->host = arena_strndup(arena, host, (size_t)(path - host));
	request->path = query == path ? "/" : arena_strndup(arena, path, (size_t)(query - path));
	request->query = *query ? query + 1 : "";
}

static void deliver(struct sim_transport *transport, struct http_attempt *attempt,
		    const struct cloud_reply *reply, size_t len)
{
	const char *data = reply->body.data;

	if (!attempt->sink || reply->status / 100 != 2) {
		if (buf_add(&attempt->response->body, data, len) != 0)
			attempt->rc = error_set(attempt->err, ERROR_PROTOCOL, "reply too large");
		return;
	}
	for (size_t at = 0; at < len && attempt->rc == 0;) {
		size_t n = len - at < transport->chunk ? len - at : transport->chunk;

		attempt->sink_fed = true;
		attempt->rc = attempt->sink(attempt->sink_ctx, data + at, n, attempt->err);
		at += n;
	}
}

static int64_t answer(struct sim_transport *transport, struct http_attempt *attempt)
{
	struct cloud_reply reply = CLOUD_REPLY_INIT;
	struct cloud_request request = {
		.method = attempt->request.method,
		.headers = attempt->request.headers,
		.nr_headers = attempt->request.nr_headers,
		.body = attempt->request.body,
		.len = attempt->request.body_len,
		.peer_ip = "127.0.0.1",
	};
	int64_t took = transport->round_ms;

	split_url(&attempt->response->arena, attempt->request.url, &request);
	cloud_handle(transport->cloud, &request, &reply);
	took += reply.delay_ms;
	attempt->response->received_ms = attempt->response->sent_ms + took;
	if (reply.cut && reply.cut_after == 0) {
		attempt->rc = error_set(attempt->err, ERROR_NETWORK, "the connection broke");
		attempt->err->unknown = true;
	} else {
		attempt->response->status = reply.status;
		add_headers(transport, &reply, attempt->response);
		deliver(transport, attempt, &reply, reply.cut ? reply.cut_after : reply.body.len);
		if (reply.cut && attempt->rc == 0) {
			attempt->rc = error_set(attempt->err, ERROR_NETWORK, "the reply broke off");
			attempt->err->unknown = true;
		}
	}
	cloud_reply_release(&reply);
	return took;
}

static void perform(void *ctx, struct http_attempt **attempts, size_t n)
{
	struct sim_transport *transport = ctx;
	int64_t longest = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t took = answer(transport, attempts[i]);

		longest = took > longest ? took : longest;
	}
	sleep_ms(transport, longest);
}

void sim_transport_init(struct sim_transport *transport, struct cloud *cloud)
{
	memset(transport, 0, sizeof(*transport));
	transport->cloud = cloud;
	transport->now_ms = cloud_now_ms(cloud);
	transport->round_ms = 20;
	transport->chunk = 1000;
	transport->clock = (struct clock){ transport, now_ms, mono_ms, sleep_ms };
}

struct http_transport sim_transport(struct sim_transport *transport)
{
	return (struct http_transport){ .ctx = transport, .perform = perform };
}
