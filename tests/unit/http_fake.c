/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/http_fake.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"

static int64_t fake_now(void *ctx)
{
	return ((struct http_fake *)ctx)->now_ms;
}

static int fake_sleep(void *ctx, int64_t ms)
{
	struct http_fake *fake = ctx;

	if (fake->interrupt_in_sleep) {
		raise(SIGINT);
		return -1;
	}
	fake->now_ms += ms;
	fake->slept_ms += ms;
	return 0;
}

static void fake_fill(void *ctx, void *buf, size_t n)
{
	memset(buf, ((struct http_fake *)ctx)->jitter, n);
}

static void add_headers(struct http_response *response, const char *text)
{
	size_t cap = 0;

	while (text && *text) {
		size_t len = strcspn(text, "\n");
		const char *colon = memchr(text, ':', len);

		assert_non_null(colon);
		response->headers =
			arena_grow(&response->arena, response->headers, response->nr_headers, &cap,
				   sizeof(*response->headers));
		response->headers[response->nr_headers++] = (struct http_header){
			arena_strndup(&response->arena, text, (size_t)(colon - text)),
			arena_strndup(&response->arena, colon + 2,
				      (size_t)(text + len - colon - 2)),
		};
		text += len + (text[len] == '\n');
	}
}

static void play(struct http_fake *fake, struct http_attempt *attempt)
{
	const char *number = strrchr(attempt->request.url, '/') + 1;
	size_t n = strtoul(number, NULL, 10);

	assert_true(n < FAKE_SCRIPTS);
	size_t at = fake->played[n]++;
	assert_true(at < fake->steps[n]); /* nothing is sent that no script expects */
	const struct fake_step *step = &fake->script[n][at];
	if (at < 8)
		fake->sent_at_ms[n][at] = fake->now_ms - FAKE_START;
	fake->last_headers[0] = '\0';
	for (size_t i = 0; i < attempt->request.nr_headers; i++) {
		size_t used = strlen(fake->last_headers);

		snprintf(fake->last_headers + used, sizeof(fake->last_headers) - used, "%s: %s\n",
			 attempt->request.headers[i].name, attempt->request.headers[i].value);
	}
	if (step->fail) {
		attempt->rc = error_set(attempt->err, step->fail, "scripted failure");
		attempt->err->unknown = step->unknown;
		attempt->final = step->final;
		return;
	}
	attempt->response->status = step->status;
	attempt->response->received_ms = attempt->response->sent_ms + step->takes_ms;
	add_headers(attempt->response, step->headers);
	if (step->body)
		assert_int_equal(buf_addstr(&attempt->response->body, step->body), 0);
}

static void fake_perform(void *ctx, struct http_attempt **attempts, size_t n)
{
	struct http_fake *fake = ctx;
	int64_t longest = 0;

	fake->rounds++;
	if (n > fake->largest_round)
		fake->largest_round = n;
	for (size_t i = 0; i < n; i++) {
		play(fake, attempts[i]);
		int64_t took = attempts[i]->response->received_ms - attempts[i]->response->sent_ms;
		if (took > longest)
			longest = took;
	}
	fake->now_ms += longest;
}

void fake_start(struct http_fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->now_ms = FAKE_START;
	fake->jitter = 0xff;
	fake->clock = (struct clock){ fake, fake_now, fake_now, fake_sleep };
	fake->rng = (struct rng){ fake, fake_fill };
	fake->http = http_new((struct http_transport){ .ctx = fake, .perform = fake_perform },
			      &fake->clock, &fake->rng);
}

void fake_stop(struct http_fake *fake)
{
	http_free(fake->http);
}

void fake_script(struct http_fake *fake, size_t n, const struct fake_step *steps, size_t nr)
{
	fake->script[n] = steps;
	fake->steps[n] = nr;
	fake->played[n] = 0;
}
