/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport that plays scripts, with a clock that only sleep and its own replies move, and jitter
 * at its upper end (or at 0). The URL https://test.example/N plays script N.
 */
#ifndef GPUCLOUD_TESTS_HTTP_FAKE_H
#define GPUCLOUD_TESTS_HTTP_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/http.h"
#include "core/rng.h"

#define FAKE_SCRIPTS 64
#define FAKE_START   INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

struct fake_step {
	int status;
	const char *headers; /* "Name: value\nName: value", or NULL */
	const char *body;
	int64_t takes_ms;
	enum error_kind fail; /* instead of a reply */
	bool unknown, final;
};

struct http_fake {
	struct http *http;
	struct clock clock;
	struct rng rng;
	int64_t now_ms;
	unsigned char jitter; /* 0xff: nearly all of it, 0: none */

	const struct fake_step *script[FAKE_SCRIPTS];
	size_t steps[FAKE_SCRIPTS];
	size_t played[FAKE_SCRIPTS];
	int64_t sent_at_ms[FAKE_SCRIPTS][8]; /* since FAKE_START */

	int rounds;
	size_t largest_round;
	int64_t slept_ms;
	bool interrupt_in_sleep; /* a SIGINT arrives while it waits */
	char last_headers[1024]; /* of the last attempt, "Name: value\n" each */
};

void fake_start(struct http_fake *fake);
void fake_stop(struct http_fake *fake);
void fake_script(struct http_fake *fake, size_t n, const struct fake_step *steps, size_t nr);

#define FAKE_SCRIPT(fake, n, ...)                                           \
	fake_script((fake), (n), (const struct fake_step[]){ __VA_ARGS__ }, \
		    sizeof((const struct fake_step[]){ __VA_ARGS__ }) / sizeof(struct fake_step))

#endif
