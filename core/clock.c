/* SPDX-License-Identifier: Apache-2.0 */
#include "core/clock.h"

#include <time.h>

#include "core/interrupt.h"

/* A signal between the test and the sleep is noticed within one slice. */
#define SLICE_MS 100

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_now_ms(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono_ms(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_MONOTONIC);
}

static int system_sleep_ms(void *ctx, int64_t ms)
{
	int64_t end = system_mono_ms(ctx) + ms;

	for (;;) {
		if (interrupted())
			return -1;
		int64_t left = end - system_mono_ms(ctx);
		if (left <= 0)
			return 0;
		if (left > SLICE_MS)
			left = SLICE_MS;
		struct timespec ts = { .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
		nanosleep(&ts, NULL);
	}
}

const struct clock clock_system = {
	.now_ms = system_now_ms,
	.mono_ms = system_mono_ms,
	.sleep_ms = system_sleep_ms,
};
