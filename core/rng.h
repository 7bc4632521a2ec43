/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, behind a seam: tests give a seeded one, the program uses getrandom(2). */
#ifndef GPUCLOUD_CORE_RNG_H
#define GPUCLOUD_CORE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	void *ctx;
	void (*fill)(void *ctx, void *buf, size_t n);
};

extern const struct rng rng_system; /* getrandom; ends the program if the kernel has none */

/* A small deterministic generator (splitmix64) for tests and simulated markets. */
struct rng_seeded {
	uint64_t state;
};
struct rng rng_seeded(struct rng_seeded *state, uint64_t seed); /* borrows state */

double rng_unit(const struct rng *rng);			   /* [0, 1) */
uint64_t rng_below(const struct rng *rng, uint64_t bound); /* [0, bound), bound > 0 */

/* n random lower-case base-32 characters (a-z, 2-7) and a NUL: out has n + 1 bytes. */
void rng_token(const struct rng *rng, char *out, size_t n);

#endif
