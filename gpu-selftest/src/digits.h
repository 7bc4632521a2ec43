/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synthetic handwritten-like digits: glyphs moved, slanted, and covered with noise. Sample i is the
 * same everywhere and for ever, made by integer arithmetic only.
 */
#ifndef GPUCLOUD_SELFTEST_DIGITS_H
#define GPUCLOUD_SELFTEST_DIGITS_H

#include <stdint.h>

#define DIGITS_EDGE   28u
#define DIGITS_PIXELS (DIGITS_EDGE * DIGITS_EDGE)

/* Pixels about -0.5 to 1.5, and the digit that was drawn. */
int digits_make(uint64_t sample, float pixels[DIGITS_PIXELS]);

/* A sequence of 64-bit numbers for weights and samples (splitmix64). */
uint64_t digits_next(uint64_t *state);

#endif
