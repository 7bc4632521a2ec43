/* SPDX-License-Identifier: Apache-2.0 */
/* Many calls at once: which goes when, and what becomes of those that must be tried again. */
#include <stddef.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/http_internal.h"
#include "core/mem.h"

/* The calls of one feed that have begun and not ended; those in the transport's hands are in no
 * list. */
struct sending {
	struct http *http;
	const struct http_feed *feed;
	struct http_exchange *waiting; /* for their next attempt, in the order they came */
	struct http_exchange **waiting_end;
	int64_t now_ms; /* not before what was slept for, whatever the clock says */
};

static void wait_in_line(struct sending *sending, struct http_exchange *x)
{
	x->next = NULL;
	*sending->waiting_end = x;
	sending->waiting_end = &x->next;
}

static void retire(struct sending *sending, struct http_exchange *x)
{
	struct http_call *call = x->call;

	free(x);
	if (sending->feed->done)
		sending->feed->done(sending->feed->ctx, call);
}

/* A call that waits and is due; NULL: none. */
static struct http_exchange *take_due(struct sending *sending)
{
	int64_t now = clock_mono_ms(sending->http->clock);
	struct http_exchange **at = &sending->waiting;

	if (sending->now_ms > now)
		now = sending->now_ms;
	while (*at && (*at)->due_ms > now)
		at = &(*at)->next;
	struct http_exchange *x = *at;
	if (!x)
		return NULL;
	*at = x->next;
	if (!*at)
		sending->waiting_end = at;
	return x;
}

static struct http_exchange *begin(struct sending *sending)
{
	struct http_call *call = sending->feed->next(sending->feed->ctx);

	if (!call)
		return NULL;
	struct http_exchange *x = xcalloc(1, sizeof(*x));
	x->call = call;
	call->rc = -1;
	error_clear(&call->err);
	http_response_release(&call->response);
	if (http_url_parse(call->request.url, &x->url, &call->err) < 0)
		http_exchange_finish(x, -1);
	return x;
}

static struct http_attempt *take(void *ctx)
{
	struct sending *sending = ctx;
	struct http_exchange *x;

	while ((x = take_due(sending)) || (x = begin(sending))) {
		if (!x->done && http_exchange_prepare(sending->http, x) == 0)
			return &x->attempt;
		retire(sending, x);
	}
	return NULL;
}

static void give(void *ctx, struct http_attempt *attempt)
{
	struct sending *sending = ctx;
	struct http_exchange *x =
		(void *)((char *)attempt - offsetof(struct http_exchange, attempt));

	http_exchange_settle(sending->http, x);
	if (x->done)
		retire(sending, x);
	else
		wait_in_line(sending, x);
}

/* When the first of those waiting is due; -1: none waits. */
static int64_t earliest(const struct sending *sending)
{
	int64_t due = -1;

	for (const struct http_exchange *x = sending->waiting; x; x = x->next)
		if (due < 0 || x->due_ms < due)
			due = x->due_ms;
	return due;
}

static int64_t wait_ms(void *ctx)
{
	const struct sending *sending = ctx;
	int64_t due = earliest(sending);

	if (due < 0)
		return -1;
	due -= clock_mono_ms(sending->http->clock);
	return due > 0 ? due : 0;
}

/*
 * For a transport without stream(): all that is ready goes together, and is waited for. Returns how
 * many went.
 */
static size_t send_round(struct sending *sending)
{
	const struct http_transport *transport = &sending->http->transport;
	struct http_attempt **attempts = NULL, *attempt;
	size_t nr = 0, cap = 0;

	while ((attempt = take(sending))) {
		attempts = xgrow(attempts, nr, &cap, sizeof(*attempts));
		attempts[nr++] = attempt;
	}
	if (nr)
		transport->perform(transport->ctx, attempts, nr);
	for (size_t i = 0; i < nr; i++)
		give(sending, attempts[i]);
	free(attempts);
	return nr;
}

static void cancel_waiting(struct sending *sending)
{
	struct http_exchange *x = sending->waiting;

	sending->waiting = NULL;
	sending->waiting_end = &sending->waiting;
	while (x) {
		struct http_exchange *next = x->next;

		http_exchange_cancel(x);
		retire(sending, x);
		x = next;
	}
}

void http_send_feed(struct http *http, const struct http_feed *feed)
{
	struct sending sending = { .http = http, .feed = feed, .now_ms = INT64_MIN };
	const struct http_work work = { &sending, take, give, wait_ms };

	sending.waiting_end = &sending.waiting;
	for (;;) {
		if (http->transport.stream)
			http->transport.stream(http->transport.ctx, &work);
		else if (send_round(&sending))
			continue; /* what ended may have made others ready */
		int64_t due = earliest(&sending), now = clock_mono_ms(http->clock);
		if (due < 0)
			break;
		sending.now_ms = due;
		if (due > now && clock_sleep_ms(http->clock, due - now) < 0)
			cancel_waiting(&sending);
	}
}

/* A fixed number of calls as a feed. */
struct batch {
	struct http_call **calls;
	size_t n;
};

static struct http_call *next_of_batch(void *ctx)
{
	struct batch *batch = ctx;

	if (!batch->n)
		return NULL;
	batch->n--;
	return *batch->calls++;
}

int http_send_all(struct http *http, struct http_call **calls, size_t n)
{
	struct batch batch = { calls, n };
	const struct http_feed feed = { .ctx = &batch, .next = next_of_batch };
	int rc = 0;

	http_send_feed(http, &feed);
	for (size_t i = 0; i < n; i++)
		if (calls[i]->rc < 0)
			rc = -1;
	return rc;
}

int http_send(struct http *http, struct http_call *call)
{
	return http_send_all(http, &call, 1);
}
