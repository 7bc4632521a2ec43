/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/contract/wire.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/mem.h"
#include "tests/unit/sim_transport.h"

struct wire_held {
	struct arena arena;
	struct http_request request; /* copied */
	int64_t due_ms;
};

void wire_init(struct wire *wire, struct sim_transport *net, uint64_t seed)
{
	*wire = (struct wire){ .net = net };
	wire->rng = rng_seeded(&wire->seeded, seed);
}

void wire_release(struct wire *wire)
{
	for (size_t i = 0; i < wire->nr_held; i++)
		arena_release(&wire->held[i].arena);
	free(wire->held);
	wire->held = NULL;
	wire->nr_held = wire->cap_held = 0;
}

/* Carries it out; nobody hears of the answer. */
static void carry_out(struct wire *wire, const struct http_request *request)
{
	struct http_transport inner = sim_transport(wire->net);
	struct http_response response = { .body = BUF_INIT_MAX(HTTP_BODY_MAX) };
	struct error err = ERROR_INIT;
	struct http_attempt attempt = {
		.request = *request,
		.response = &response,
		.err = &err,
	};
	struct http_attempt *attempts[] = { &attempt };

	response.sent_ms = clock_now_ms(&wire->net->clock);
	inner.perform(inner.ctx, attempts, 1);
	http_response_release(&response);
}

static void hold(struct wire *wire, const struct http_request *request)
{
	struct wire_held *held;
	struct http_header *headers;

	wire->held = xgrow(wire->held, wire->nr_held, &wire->cap_held, sizeof(*held));
	held = &wire->held[wire->nr_held++];
	*held = (struct wire_held){ .request = *request };
	held->due_ms = clock_now_ms(&wire->net->clock) +
		       (int64_t)rng_below(&wire->rng, (uint64_t)wire->trouble.held_most_ms);
	held->request.method = arena_strdup(&held->arena, request->method);
	held->request.url = arena_strdup(&held->arena, request->url);
	if (request->body)
		held->request.body = arena_strndup(&held->arena, request->body, request->body_len);
	headers = arena_alloc(&held->arena, (request->nr_headers + 1) * sizeof(*headers));
	for (size_t i = 0; i < request->nr_headers; i++) {
		headers[i].name = arena_strdup(&held->arena, request->headers[i].name);
		headers[i].value = arena_strdup(&held->arena, request->headers[i].value);
	}
	held->request.headers = headers;
}

void wire_deliver(struct wire *wire)
{
	for (size_t i = 0; i < wire->nr_held;) {
		struct wire_held held = wire->held[i];

		if (held.due_ms > clock_now_ms(&wire->net->clock)) {
			i++;
			continue;
		}
		memmove(&wire->held[i], &wire->held[i + 1],
			(wire->nr_held - i - 1) * sizeof(*wire->held));
		wire->nr_held--;
		carry_out(wire, &held.request);
		arena_release(&held.arena);
	}
}

static bool strikes(struct wire *wire, double share)
{
	return share > 0 && rng_unit(&wire->rng) < share;
}

static void broke(struct http_attempt *attempt, enum error_kind kind, const char *what)
{
	attempt->rc = error_set(attempt->err, kind, "%s", what);
	attempt->err->unknown = true;
}

/* A body that a sink has taken already arrived whole. */
static void cut(struct wire *wire, struct http_attempt *attempt)
{
	struct buf *body = &attempt->response->body;

	if (attempt->rc || attempt->sink_fed || !body->len)
		return;
	body->len = (size_t)rng_below(&wire->rng, body->len);
	body->data[body->len] = '\0';
	broke(attempt, ERROR_NETWORK, "the reply broke off");
}

static void shuffle(struct wire *wire, struct http_attempt **attempts, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = (size_t)rng_below(&wire->rng, i);
		struct http_attempt *other = attempts[k];

		attempts[k] = attempts[i - 1];
		attempts[i - 1] = other;
	}
}

void wire_perform(struct wire *wire, struct http_attempt **attempts, size_t n)
{
	struct http_transport inner = sim_transport(wire->net);
	struct http_attempt **through = xcalloc(n, sizeof(struct http_attempt *));
	size_t nr = 0;

	wire_deliver(wire);
	for (size_t i = 0; i < n; i++) {
		if (strikes(wire, wire->trouble.held)) {
			hold(wire, &attempts[i]->request);
			broke(attempts[i], ERROR_TIMEOUT, "no answer in time");
			continue;
		}
		if (strikes(wire, wire->trouble.twice))
			carry_out(wire, &attempts[i]->request);
		through[nr++] = attempts[i];
	}
	if (wire->trouble.shuffled)
		shuffle(wire, through, nr);
	inner.perform(inner.ctx, through, nr);
	if (nr < n)
		clock_sleep_ms(&wire->net->clock, HTTP_TIMEOUT_MS);
	for (size_t i = 0; i < nr; i++)
		if (strikes(wire, wire->trouble.cut))
			cut(wire, through[i]);
	free(through);
}
