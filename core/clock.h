/* SPDX-License-Identifier: Apache-2.0 */
/* The only source of time and of sleep: a seam, so that tests own both. */
#ifndef GPUCLOUD_CORE_CLOCK_H
#define GPUCLOUD_CORE_CLOCK_H

#include <stdint.h>

struct clock {
	void *ctx;
	int64_t (*now_ms)(void *ctx);		/* Unix time in milliseconds; may jump */
	int64_t (*mono_ms)(void *ctx);		/* never goes back; for deadlines */
	int (*sleep_ms)(void *ctx, int64_t ms); /* 0, or -1 when interrupted (core/interrupt.h) */
};

extern const struct clock clock_system;

static inline int64_t clock_now_ms(const struct clock *clock)
{
	return clock->now_ms(clock->ctx);
}

static inline int64_t clock_now(const struct clock *clock) /* Unix seconds */
{
	return clock->now_ms(clock->ctx) / 1000;
}

static inline int64_t clock_mono_ms(const struct clock *clock)
{
	return clock->mono_ms(clock->ctx);
}

static inline int clock_sleep_ms(const struct clock *clock, int64_t ms)
{
	return clock->sleep_ms(clock->ctx, ms);
}

#endif
