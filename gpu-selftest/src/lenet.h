/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training a network of LeNet's shape (two convolutions, three full layers, 44,426 weights) with
 * Adam on synthetic digits, on any engine. Each operation is IEEE 754's and every sum has one
 * order, so the trained weights are the same bits everywhere: their SHA-256 is known beforehand.
 */
#ifndef GPUCLOUD_SELFTEST_LENET_H
#define GPUCLOUD_SELFTEST_LENET_H

#include <stdbool.h>

#include "gpu-selftest/src/engine.h"

/* The lengths of training whose outcome is known. */
#define LENET_STEPS_SHORT 4u /* for CPUs that are slow at it, and for simulated GPUs */
#define LENET_STEPS_QUICK 24u
#define LENET_STEPS_FULL  384u

#define LENET_TEST_SAMPLES 512u

/* `gpu-selftest train` starts with these too: its defaults end as the full training does. */
#define LENET_SEED 7u
#define LENET_RATE 0.003f

struct lenet_result {
	unsigned steps;
	double seconds; /* of the training alone */
	char sha256[65];
	float first_loss, last_loss; /* means of the first and the last batch */
	unsigned correct;	     /* of LENET_TEST_SAMPLES it was not trained on */
	bool match;		     /* weights and count are those that are known */
};

/* -1 where the engine failed; the sentence is in e->error. */
int lenet_train(struct engine *e, unsigned steps, struct lenet_result *result);

#endif
