/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/lenet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/src/net.h"
#include "gpu-selftest/src/record.h"
#include "gpu-selftest/src/sha256.h"

#define BATCHES_MAX  128u /* a full training goes three times through them */
#define TEST_BATCHES (LENET_TEST_SAMPLES / LENET_BATCH)

/* From the CPU; any machine that keeps IEEE 754 agrees. */
static const struct known {
	unsigned steps, correct;
	const char *sha256;
} knowns[] = {
	{ LENET_STEPS_SHORT, 115,
	  "7cae72003cd6af9384ede3273b2de831404e288ce9e4e93ebf0a7d81da7acf45" },
	{ LENET_STEPS_QUICK, 429,
	  "03b9bea45c45ea5f8e2f9da84aadb73edd0fb1ed5c98a2ae4a03b78407b67668" },
	{ LENET_STEPS_FULL, 512,
	  "27a6132992e36b26e0de1867ab121869d6c1fde507f6e5bab94661cea396ae0c" },
};

static int read_result(struct net *n, struct lenet_result *result)
{
	size_t count = model_weights(&model_lenet);
	float *weights = malloc(count * sizeof(*weights));
	float *loss = malloc(result->steps * sizeof(*loss));
	struct net_score score;
	int rc = -1;
	if (weights == NULL || loss == NULL || net_losses(n, result->steps, loss) != 0 ||
	    net_score(n, LENET_TEST_SAMPLES, &score) != 0 || net_get_weights(n, weights) != 0)
		goto out;
	sha256_hex(weights, count * sizeof(*weights), result->sha256);
	result->first_loss = loss[0];
	result->last_loss = loss[result->steps - 1];
	result->correct = score.correct;
	for (unsigned i = 0; i < sizeof(knowns) / sizeof(*knowns); i++)
		if (knowns[i].steps == result->steps)
			result->match = knowns[i].correct == result->correct &&
					strcmp(knowns[i].sha256, result->sha256) == 0;
	rc = 0;
out:
	free(loss);
	free(weights);
	return rc;
}

static int train(struct net *n, unsigned steps)
{
	for (unsigned step = 0; step < steps; step++)
		if (net_step(n, step % n->batches, step, LENET_RATE) != 0)
			return -1;
	return n->e->finish(n->e);
}

int lenet_train(struct engine *e, unsigned steps, struct lenet_result *result)
{
	struct net n;
	unsigned batches = steps < BATCHES_MAX ? steps : BATCHES_MAX;
	int rc = net_open(&n, e, &model_lenet, batches, TEST_BATCHES, steps);
	memset(result, 0, sizeof(*result));
	result->steps = steps;
	if (rc == 0)
		rc = net_seed(&n, LENET_SEED);
	double started = record_clock();
	if (rc == 0)
		rc = train(&n, steps);
	result->seconds = record_clock() - started;
	if (rc == 0)
		rc = read_result(&n, result);
	if (rc != 0 && e->error[0] == '\0')
		snprintf(e->error, sizeof(e->error), "no memory for the training data");
	net_close(&n);
	return rc;
}
