/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/lenet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/src/digits.h"
#include "gpu-selftest/src/record.h"
#include "gpu-selftest/src/sha256.h"

#define LAYERS		  5u
#define BATCHES_MAX	  128u /* a full training goes three times through them */
#define TEST_BATCHES	  (LENET_TEST_SAMPLES / LENET_BATCH)
#define CLASSES		  10u
#define THREADS_OF(items) (((items) + 255u) / 256u)

/* pool: after ReLU, the mean over pool x pool; 0: the last layer has neither */
static const struct shape {
	unsigned channels, size, kernel, outputs, pool;
} shapes[LAYERS] = {
	{ 1, 28, 5, 6, 2 },   { 6, 12, 5, 16, 2 }, { 16, 4, 4, 120, 1 },
	{ 120, 1, 1, 84, 1 }, { 84, 1, 1, 10, 0 },
};

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

struct lenet {
	struct engine *e;
	unsigned offset[LAYERS + 1]; /* of a layer's weights; the last is their number */
	float *weights, *mean, *square, *partial;
	float *pre[LAYERS], *post[LAYERS]; /* before and after ReLU and pooling */
	float *grad_pre[LAYERS], *grad_post[LAYERS];
	float *images, *loss;
	int *labels;
};

static unsigned edge(const struct shape *s)
{
	return s->size - s->kernel + 1;
}

static unsigned weights_of(const struct shape *s)
{
	return s->outputs * s->channels * s->kernel * s->kernel + s->outputs;
}

static int make(struct lenet *n, float **where, size_t count)
{
	void *memory;
	if (n->e->alloc(n->e, count * sizeof(float), &memory) != 0)
		return -1;
	*where = memory;
	return 0;
}

static int allocate(struct lenet *n, unsigned batches, unsigned steps)
{
	unsigned partial = 0;
	for (unsigned i = 0; i < LAYERS; i++) {
		const struct shape *s = &shapes[i];
		unsigned m = edge(s), out = s->outputs * m * m * LENET_BATCH;
		unsigned pool = s->pool == 0 ? 1 : s->pool;
		if (make(n, &n->pre[i], out) != 0 || make(n, &n->grad_pre[i], out) != 0 ||
		    make(n, &n->post[i], out / pool / pool) != 0 ||
		    make(n, &n->grad_post[i], out / pool / pool) != 0)
			return -1;
		n->offset[i + 1] = n->offset[i] + weights_of(s);
		if (weights_of(s) * m > partial)
			partial = weights_of(s) * m;
	}
	unsigned count = n->offset[LAYERS];
	void *labels;
	if (make(n, &n->weights, count) != 0 || make(n, &n->mean, count) != 0 ||
	    make(n, &n->square, count) != 0 || make(n, &n->partial, partial) != 0 ||
	    make(n, &n->loss, (size_t)steps * LENET_BATCH) != 0 ||
	    make(n, &n->images, (size_t)(batches + TEST_BATCHES) * LENET_BATCH * DIGITS_PIXELS) !=
		    0 ||
	    n->e->alloc(n->e, (batches + TEST_BATCHES) * LENET_BATCH * sizeof(int), &labels) != 0)
		return -1;
	n->labels = labels;
	return n->e->fill(n->e, n->mean, 0, count * sizeof(float)) != 0 ||
			       n->e->fill(n->e, n->square, 0, count * sizeof(float)) != 0
		       ? -1
		       : 0;
}

/* Uniform within +-sqrt(3 / inputs); the product of an integer and a float is one rounding. */
static int put_weights(struct lenet *n)
{
	unsigned count = n->offset[LAYERS];
	float *weights = calloc(count, sizeof(*weights));
	uint64_t state = 7;
	if (weights == NULL)
		return -1;
	for (unsigned i = 0; i < LAYERS; i++) {
		unsigned inputs = shapes[i].channels * shapes[i].kernel * shapes[i].kernel;
		float scale = sqrtf(3.0f / (float)inputs) / 8388608.0f;
		for (unsigned k = 0; k < shapes[i].outputs * inputs; k++)
			weights[n->offset[i] + k] =
				(float)((int)(digits_next(&state) >> 40) - 8388608) * scale;
	}
	int rc = n->e->put(n->e, n->weights, weights, count * sizeof(*weights));
	free(weights);
	return rc;
}

/* Batch by batch: [pixel][sample]. Test samples have numbers that training never reaches. */
static int put_images(struct lenet *n, unsigned batches, int *labels)
{
	float *batch = malloc((size_t)LENET_BATCH * DIGITS_PIXELS * sizeof(*batch));
	float one[DIGITS_PIXELS];
	int rc = batch == NULL ? -1 : 0;
	for (unsigned b = 0; rc == 0 && b < batches + TEST_BATCHES; b++) {
		for (unsigned s = 0; s < LENET_BATCH; s++) {
			uint64_t sample = (uint64_t)b * LENET_BATCH + s;
			if (b >= batches)
				sample = 1000000u + (uint64_t)(b - batches) * LENET_BATCH + s;
			labels[b * LENET_BATCH + s] = digits_make(sample, one);
			for (unsigned p = 0; p < DIGITS_PIXELS; p++)
				batch[p * LENET_BATCH + s] = one[p];
		}
		size_t size = (size_t)LENET_BATCH * DIGITS_PIXELS;
		rc = n->e->put(n->e, n->images + b * size, batch, size * sizeof(*batch));
	}
	free(batch);
	return rc != 0 ? -1
		       : n->e->put(n->e, n->labels, labels,
				   (batches + TEST_BATCHES) * LENET_BATCH * sizeof(*labels));
}

static int forward(struct lenet *n, const float *images)
{
	for (unsigned i = 0; i < LAYERS; i++) {
		const struct shape *s = &shapes[i];
		unsigned m = edge(s);
		struct layer_args layer = { .in = i == 0 ? images : n->post[i - 1],
					    .weights = n->weights + n->offset[i],
					    .out = n->pre[i],
					    .channels = s->channels,
					    .size = s->size,
					    .kernel = s->kernel,
					    .outputs = s->outputs,
					    .items = s->outputs * m * m * LENET_GROUPS };
		if (n->e->launch(n->e, K_layer_forward, THREADS_OF(layer.items), &layer) != 0)
			return -1;
		if (s->pool == 0)
			continue;
		struct activate_args act = { .in = n->pre[i],
					     .out = n->post[i],
					     .channels = s->outputs,
					     .size = m,
					     .pool = s->pool };
		act.items = s->outputs * (m / s->pool) * (m / s->pool) * LENET_BATCH;
		if (n->e->launch(n->e, K_activate_forward, THREADS_OF(act.items), &act) != 0)
			return -1;
	}
	return 0;
}

/* Layer i, given the gradient of what it put out before ReLU. */
static int backward_layer(struct lenet *n, unsigned i, const float *in, float rate)
{
	const struct shape *s = &shapes[i];
	unsigned m = edge(s), count = weights_of(s);
	struct layer_args layer = { .in = in,
				    .weights = n->weights + n->offset[i],
				    .grad = n->grad_pre[i],
				    .out = n->partial,
				    .channels = s->channels,
				    .size = s->size,
				    .kernel = s->kernel,
				    .outputs = s->outputs,
				    .items = count * m };
	if (n->e->launch(n->e, K_layer_grad_weights, THREADS_OF(layer.items), &layer) != 0)
		return -1;
	if (i > 0) {
		layer.out = n->grad_post[i - 1];
		layer.items = s->channels * s->size * s->size * LENET_GROUPS;
		if (n->e->launch(n->e, K_layer_grad_data, THREADS_OF(layer.items), &layer) != 0)
			return -1;
	}
	struct adam_args adam = { .partial = n->partial,
				  .weights = n->weights + n->offset[i],
				  .mean = n->mean + n->offset[i],
				  .square = n->square + n->offset[i],
				  .count = count,
				  .rows = m,
				  .rate = rate };
	return n->e->launch(n->e, K_adam_step, THREADS_OF(count), &adam);
}

static int backward(struct lenet *n, const float *images, float rate)
{
	for (unsigned i = LAYERS; i-- > 0;) {
		const struct shape *s = &shapes[i];
		if (s->pool != 0) {
			unsigned m = edge(s);
			struct activate_args act = { .in = n->pre[i],
						     .grad = n->grad_post[i],
						     .out = n->grad_pre[i],
						     .channels = s->outputs,
						     .size = m,
						     .pool = s->pool,
						     .items = s->outputs * m * m * LENET_BATCH };
			if (n->e->launch(n->e, K_activate_backward, THREADS_OF(act.items), &act) !=
			    0)
				return -1;
		}
		if (backward_layer(n, i, i == 0 ? images : n->post[i - 1], rate) != 0)
			return -1;
	}
	return 0;
}

static int train(struct lenet *n, unsigned batches, unsigned steps)
{
	float first = 1.0f, second = 1.0f;
	for (unsigned step = 0; step < steps; step++) {
		unsigned batch = step % batches;
		const float *images = n->images + (size_t)batch * LENET_BATCH * DIGITS_PIXELS;
		struct loss_args loss = { .logits = n->pre[LAYERS - 1],
					  .labels = n->labels + (size_t)batch * LENET_BATCH,
					  .grad = n->grad_pre[LAYERS - 1],
					  .loss = n->loss + (size_t)step * LENET_BATCH };
		/* Adam's means start at zero; this takes that out of the first steps */
		first *= 0.9f;
		second *= 0.99f;
		float rate = 0.003f * sqrtf(1.0f - second) / (1.0f - first);
		if (forward(n, images) != 0 || n->e->launch(n->e, K_softmax_loss, 1, &loss) != 0 ||
		    backward(n, images, rate) != 0)
			return -1;
	}
	return n->e->finish(n->e);
}

static int count_correct(struct lenet *n, unsigned batches, const int *labels, unsigned *correct)
{
	float logits[CLASSES * LENET_BATCH];
	*correct = 0;
	for (unsigned b = batches; b < batches + TEST_BATCHES; b++) {
		if (forward(n, n->images + (size_t)b * LENET_BATCH * DIGITS_PIXELS) != 0 ||
		    n->e->get(n->e, logits, n->pre[LAYERS - 1], sizeof(logits)) != 0)
			return -1;
		for (unsigned s = 0; s < LENET_BATCH; s++) {
			unsigned best = 0;
			for (unsigned k = 1; k < CLASSES; k++)
				if (logits[k * LENET_BATCH + s] > logits[best * LENET_BATCH + s])
					best = k;
			*correct += (int)best == labels[b * LENET_BATCH + s];
		}
	}
	return 0;
}

static float mean_loss(const float *loss)
{
	float sum = 0.0f;
	for (unsigned s = 0; s < LENET_BATCH; s++)
		sum += loss[s];
	return sum / LENET_BATCH;
}

static int read_result(struct lenet *n, struct lenet_result *result)
{
	size_t bytes = n->offset[LAYERS] * sizeof(float);
	float *weights = malloc(bytes), loss[LENET_BATCH];
	int rc = -1;
	if (weights == NULL || n->e->get(n->e, weights, n->weights, bytes) != 0)
		goto out;
	sha256_hex(weights, bytes, result->sha256);
	if (n->e->get(n->e, loss, n->loss, sizeof(loss)) != 0)
		goto out;
	result->first_loss = mean_loss(loss);
	if (n->e->get(n->e, loss, n->loss + (size_t)(result->steps - 1) * LENET_BATCH,
		      sizeof(loss)) != 0)
		goto out;
	result->last_loss = mean_loss(loss);
	for (unsigned i = 0; i < sizeof(knowns) / sizeof(*knowns); i++)
		if (knowns[i].steps == result->steps)
			result->match = knowns[i].correct == result->correct &&
					strcmp(knowns[i].sha256, result->sha256) == 0;
	rc = 0;
out:
	free(weights);
	return rc;
}

int lenet_train(struct engine *e, unsigned steps, struct lenet_result *result)
{
	struct lenet n = { .e = e };
	unsigned batches = steps < BATCHES_MAX ? steps : BATCHES_MAX;
	int rc = -1;
	memset(result, 0, sizeof(*result));
	result->steps = steps;
	int *labels = calloc((batches + TEST_BATCHES) * LENET_BATCH, sizeof(*labels));
	if (labels == NULL || allocate(&n, batches, steps) != 0 || put_weights(&n) != 0 ||
	    put_images(&n, batches, labels) != 0 || e->finish(e) != 0)
		goto out;
	double started = record_clock();
	if (train(&n, batches, steps) != 0)
		goto out;
	result->seconds = record_clock() - started;
	if (count_correct(&n, batches, labels, &result->correct) == 0)
		rc = read_result(&n, result);
out:
	if (rc != 0 && e->error[0] == '\0')
		snprintf(e->error, sizeof(e->error), "no memory for the training data");
	free(labels);
	return rc;
}
