/* SPDX-License-Identifier: Apache-2.0 */
/* The two networks, and the samples of the second. */
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/src/digits.h"
#include "gpu-selftest/src/net.h"

#define FEATURES 20u

const struct model model_lenet = {
	.name = "lenet",
	.number = 1,
	.samples_are = "digits",
	.layers = 5,
	.inputs = DIGITS_PIXELS,
	.outputs = 10,
	.loss = K_softmax_loss,
	.samples = 8192,
	.epochs = 3,
	.held_out = 512,
	.sample = digits_make,
	.shapes = { { 1, 28, 5, 6, 2 },
		    { 6, 12, 5, 16, 2 },
		    { 16, 4, 4, 120, 1 },
		    { 120, 1, 1, 84, 1 },
		    { 84, 1, 1, 10, 0 } },
};

/*
 * Twenty features, evenly within -1..1. The outcome hangs on some of them alone, on two only
 * together, on one by its distance from zero, on six not at all, and on chance.
 */
static int make_row(uint64_t number, float *inputs)
{
	static const signed char plain[FEATURES] = { 3, -2, 2, -3, 1, 2, -1, 1, -2, 3, -1, 2 };
	uint64_t state = number * 0xd1342543de82ef95u + 19991231;
	int64_t x[FEATURES], score = 0;
	for (unsigned i = 0; i < FEATURES; i++) {
		x[i] = (int64_t)(digits_next(&state) >> 48) - 32768;
		score += plain[i] * x[i];
		inputs[i] = (float)x[i] / 32768.0f; /* exact */
	}
	score += x[0] * x[1] / 4096 + (16384 - llabs(x[13])) * 4;
	/* three draws make a chance that is rarely large */
	for (unsigned i = 0; i < 3; i++)
		score += (int64_t)(digits_next(&state) >> 48) - 32768;
	return score > 0;
}

const struct model model_predictor = {
	.name = "predictor",
	.number = 2,
	.samples_are = "rows",
	.layers = 3,
	.inputs = FEATURES,
	.outputs = 1,
	.loss = K_sigmoid_loss,
	.samples = 16384,
	.epochs = 20,
	.held_out = 2048,
	.sample = make_row,
	.shapes = { { FEATURES, 1, 1, 64, 1 }, { 64, 1, 1, 32, 1 }, { 32, 1, 1, 1, 0 } },
};

const struct model *model_find(const char *name)
{
	static const struct model *const all[] = { &model_lenet, &model_predictor };
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
