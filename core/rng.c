/* SPDX-License-Identifier: Apache-2.0 */
#include "core/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void system_fill(void *ctx, void *buf, size_t n)
{
	unsigned char *p = buf;

	(void)ctx;
	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			abort(); /* a token that is not random could launch somebody else's machine */
		}
		p += got;
		n -= (size_t)got;
	}
}

const struct rng rng_system = { .fill = system_fill };

/* splitmix64, as published by Steele, Lea and Flood (2014). */
static uint64_t seeded_next(struct rng_seeded *seeded)
{
	uint64_t z = seeded->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void seeded_fill(void *ctx, void *buf, size_t n)
{
	unsigned char *p = buf;

	while (n) {
		uint64_t word = seeded_next(ctx);
		size_t take = n < sizeof(word) ? n : sizeof(word);

		memcpy(p, &word, take);
		p += take;
		n -= take;
	}
}

struct rng rng_seeded(struct rng_seeded *state, uint64_t seed)
{
	state->state = seed;
	return (struct rng){ .ctx = state, .fill = seeded_fill };
}

static uint64_t word(const struct rng *rng)
{
	uint64_t value;

	rng->fill(rng->ctx, &value, sizeof(value));
	return value;
}

double rng_unit(const struct rng *rng)
{
	return (double)(word(rng) >> 11) * 0x1.0p-53;
}

uint64_t rng_below(const struct rng *rng, uint64_t bound)
{
	/* Values under `skip` would make small results likelier: draw again. */
	uint64_t skip = (UINT64_MAX - bound + 1) % bound;
	uint64_t value;

	do {
		value = word(rng);
	} while (value < skip);
	return value % bound;
}

void rng_token(const struct rng *rng, char *out, size_t n)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

	for (size_t i = 0; i < n; i++) {
		unsigned char byte;

		rng->fill(rng->ctx, &byte, 1);
		out[i] = alphabet[byte % 32];
	}
	out[n] = '\0';
}
