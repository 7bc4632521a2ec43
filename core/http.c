/* SPDX-License-Identifier: Apache-2.0 */
#include "core/http.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"
#include "core/http_internal.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/mem.h"

struct http *http_new(struct http_transport transport, const struct clock *clock,
		      const struct rng *rng)
{
	struct http *http = xcalloc(1, sizeof(*http));

	http->transport = transport;
	http->clock = clock;
	http->rng = rng;
	http->quota = HTTP_QUOTA_MAX;
	pthread_mutex_init(&http->lock, NULL);
	return http;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	if (http->transport.free)
		http->transport.free(http->transport.ctx);
	pthread_mutex_destroy(&http->lock);
	free(http);
}

uint64_t http_attempts(const struct http *http)
{
	return atomic_load(&http->attempts);
}

int64_t http_skew_ms(struct http *http, const char *url)
{
	struct http_url parsed;
	struct error err = ERROR_INIT;

	if (http_url_parse(url, &parsed, &err) < 0)
		return 0;
	return http_skew_get(http, parsed.origin);
}

const char *http_response_header(const struct http_response *response, const char *name)
{
	for (size_t i = 0; i < response->nr_headers; i++)
		if (!strcasecmp(response->headers[i].name, name))
			return response->headers[i].value;
	return NULL;
}

void http_response_release(struct http_response *response)
{
	arena_release(&response->arena);
	buf_wipe(&response->body); /* replies carry temporary credentials too */
	memset(response, 0, sizeof(*response));
	response->body.data = buf_empty;
}

void http_call_release(struct http_call *call)
{
	http_response_release(&call->response);
}

void http_exchange_finish(struct http_exchange *x, int rc)
{
	x->done = true;
	x->call->rc = rc;
	if (!rc)
		error_clear(&x->call->err);
	arena_release(&x->arena);
}

/* Ends without an answer that settles it: what an earlier attempt left open stays open. */
static void finish_open(struct http_exchange *x)
{
	x->call->err.unknown |= x->unknown;
	http_exchange_finish(x, -1);
}

void http_exchange_cancel(struct http_exchange *x)
{
	error_set(&x->call->err, ERROR_CANCELLED, "interrupted before '%s' was asked%s",
		  x->url.where, x->call->response.attempts ? " again" : "");
	finish_open(x);
}

/* A first Ctrl-C ends what can be left undone, a second one ends everything. */
static bool is_cancelled(const struct http_request *request)
{
	return interrupt_count() > (request->uninterruptible ? 1 : 0);
}

static int sign(struct http *http, struct http_exchange *x)
{
	struct http_call *call = x->call;
	struct http_request *request = &x->attempt.request;

	x->signed_skew_ms = http_skew_get(http, x->url.origin);
	if (!call->sign)
		return 0;
	struct http_header *headers = NULL;
	size_t nr = 0;
	int64_t now_s = (clock_now_ms(http->clock) + x->signed_skew_ms) / 1000;
	if (call->sign(call->ctx, &call->request, now_s, &x->arena, &headers, &nr, &call->err) < 0)
		return -1;
	request->headers = headers;
	request->nr_headers = nr;
	return 0;
}

int http_exchange_prepare(struct http *http, struct http_exchange *x)
{
	struct http_call *call = x->call;
	int attempts = call->response.attempts;

	if (is_cancelled(&call->request)) {
		http_exchange_cancel(x);
		return -1;
	}
	if (x->attempt.sink_fed && call->restart)
		call->restart(call->ctx);
	http_response_release(&call->response);
	call->response.body.max = call->request.max_body ? call->request.max_body : HTTP_BODY_MAX;
	call->response.attempts = attempts + 1;
	arena_release(&x->arena);
	error_clear(&call->err);
	x->attempt = (struct http_attempt){
		.request = call->request,
		.sink = call->sink,
		.sink_ctx = call->ctx,
		.response = &call->response,
		.err = &call->err,
	};
	if (sign(http, x) < 0 || http_check_request(&x->attempt.request, &call->err) < 0) {
		finish_open(x);
		return -1;
	}
	call->response.sent_ms = clock_now_ms(http->clock);
	atomic_fetch_add(&http->attempts, 1);
	return 0;
}

/* Puts the call back in line, or ends it with the error it holds. least_ms: of its first pause. */
static void retry(struct http *http, struct http_exchange *x, int64_t least_ms, int64_t base_ms,
		  int cost)
{
	struct http_call *call = x->call;
	int max = call->max_attempts > 0 ? call->max_attempts : HTTP_ATTEMPTS_MAX;

	call->err.retryable = true;
	x->unknown |= call->err.unknown;
	if (call->response.attempts >= max) {
		finish_open(x);
		return;
	}
	if (!http_quota_take(http, cost)) {
		log_info("http", "%s: not tried again, too many requests failed lately",
			 x->url.where);
		finish_open(x);
		return;
	}
	x->cost = cost;
	int64_t wait = http_backoff_from_ms(http, least_ms, base_ms, ++x->retries);
	int64_t server_now = clock_now_ms(http->clock) + http_skew_get(http, x->url.origin);
	int64_t asked = x->attempt.rc < 0 ? -1 : http_retry_after_ms(&call->response, server_now);
	if (asked >= 0) /* the jitter on top: many were told the same */
		wait = asked + wait < HTTP_BACKOFF_MAX ? asked + wait : HTTP_BACKOFF_MAX;
	x->due_ms = clock_mono_ms(http->clock) + wait;
}

/*
 * Worth another signature only if the one refused was made with a time that the server's differs
 * from by more than its tolerance; a wrong key would be refused again.
 */
static void retry_skewed(struct http *http, struct http_exchange *x, bool has_skew, int64_t skew_ms)
{
	struct http_call *call = x->call;
	int max = call->max_attempts > 0 ? call->max_attempts : HTTP_ATTEMPTS_MAX;

	if (!has_skew || x->skew_retried || !call->sign || call->response.attempts >= max ||
	    llabs(skew_ms - x->signed_skew_ms) <= HTTP_SKEW_RETRY_MS) {
		finish_open(x);
		return;
	}
	log_info("http", "%s: its clock differs from ours by %lld s; signed again", x->url.where,
		 (long long)(skew_ms / 1000));
	x->skew_retried = true;
	x->due_ms = clock_mono_ms(http->clock);
}

/* For transports that know nothing of sinks. */
static int feed_sink(struct http_exchange *x)
{
	struct http_call *call = x->call;
	struct http_response *response = &call->response;

	if (!call->sink || x->attempt.sink_fed || !response->body.len || response->status < 200 ||
	    response->status >= 300)
		return 0;
	x->attempt.sink_fed = true;
	int rc = call->sink(call->ctx, response->body.data, response->body.len, &call->err);
	buf_clear(&response->body);
	return rc;
}

static enum http_verdict judge(struct http_exchange *x)
{
	struct http_call *call = x->call;
	enum http_verdict verdict;

	if (call->classify)
		verdict = call->classify(call->ctx, &call->response, &call->err);
	else
		verdict = http_classify_default(&call->response, x->url.where, &call->err);
	if (verdict == HTTP_OK)
		return verdict;
	if (!call->err.kind)
		error_set(&call->err, ERROR_REMOTE, "'%s' answered %d", x->url.where,
			  call->response.status);
	if (!call->err.http_status)
		call->err.http_status = call->response.status;
	return verdict;
}

static void settle_reply(struct http *http, struct http_exchange *x)
{
	int64_t skew_ms = 0;
	bool has_skew = http_response_skew(&x->call->response, &skew_ms);

	if (has_skew)
		http_skew_store(http, x->url.origin, skew_ms);
	if (feed_sink(x) < 0) {
		http_exchange_finish(x, -1);
		return;
	}
	switch (judge(x)) {
	case HTTP_OK:
		http_quota_give(http, x->cost ? x->cost : 1);
		http_exchange_finish(x, 0);
		break;
	case HTTP_FAIL:
		/* Who may not ask now is not told what became of what they asked before. */
		if (x->call->err.kind == ERROR_AUTH)
			finish_open(x);
		else
			http_exchange_finish(x, -1);
		break;
	case HTTP_RETRY:
		retry(http, x, 0, HTTP_BACKOFF_MS, HTTP_QUOTA_COST);
		break;
	case HTTP_THROTTLED:
		if (x->call->throttle_ms)
			retry(http, x, x->call->throttle_ms / 2, x->call->throttle_ms,
			      HTTP_QUOTA_COST);
		else
			retry(http, x, 0, HTTP_THROTTLE_MS, HTTP_QUOTA_COST);
		break;
	case HTTP_CLOCK_SKEW:
		retry_skewed(http, x, has_skew, skew_ms);
		break;
	}
}

void http_exchange_settle(struct http *http, struct http_exchange *x)
{
	struct http_response *response = &x->call->response;
	const struct error *err = &x->call->err;

	if (!response->received_ms)
		response->received_ms = clock_now_ms(http->clock);
	http_log_attempt(&x->attempt, &x->url, response->attempts);
	if (x->attempt.rc == 0)
		settle_reply(http, x);
	else if (x->attempt.final || (err->kind != ERROR_NETWORK && err->kind != ERROR_TIMEOUT))
		finish_open(x);
	else
		retry(http, x, 0, HTTP_BACKOFF_MS,
		      err->kind == ERROR_TIMEOUT ? HTTP_QUOTA_TIMEOUT : HTTP_QUOTA_COST);
}
