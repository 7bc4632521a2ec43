/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/src/digits.h"

#define THREADS_OF(items) (((items) + 255u) / 256u)

static unsigned edge(const struct layer_shape *s)
{
	return s->size - s->kernel + 1;
}

static unsigned weights_of(const struct layer_shape *s)
{
	return s->outputs * s->channels * s->kernel * s->kernel + s->outputs;
}

unsigned model_weights(const struct model *m)
{
	unsigned count = 0;
	for (unsigned i = 0; i < m->layers; i++)
		count += weights_of(&m->shapes[i]);
	return count;
}

static int no_memory(struct net *n)
{
	snprintf(n->e->error, sizeof(n->e->error), "no memory for the training data");
	return -1;
}

static int make(struct net *n, float **where, size_t count)
{
	void *memory;
	if (n->e->alloc(n->e, count * sizeof(float), &memory) != 0)
		return -1;
	*where = memory;
	return 0;
}

static int allocate(struct net *n, unsigned losses)
{
	unsigned partial = 0;
	for (unsigned i = 0; i < n->model->layers; i++) {
		const struct layer_shape *s = &n->model->shapes[i];
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
	size_t count = n->offset[n->model->layers];
	size_t samples = (size_t)(n->batches + n->held_out) * LENET_BATCH;
	void *labels;
	if (make(n, &n->weights, count) != 0 || make(n, &n->mean, count) != 0 ||
	    make(n, &n->square, count) != 0 || make(n, &n->partial, partial) != 0 ||
	    make(n, &n->loss, (size_t)losses * LENET_BATCH) != 0 ||
	    make(n, &n->samples, samples * n->model->inputs) != 0 ||
	    n->e->alloc(n->e, samples * sizeof(int), &labels) != 0)
		return -1;
	n->labels = labels;
	return 0;
}

/* Batch by batch: [input][sample]. */
static int put_samples(struct net *n)
{
	const unsigned inputs = n->model->inputs;
	size_t size = (size_t)LENET_BATCH * inputs;
	float *batch = malloc((size + inputs) * sizeof(*batch));
	if (batch == NULL)
		return no_memory(n);
	float *one = batch + size;
	int rc = 0;
	for (unsigned b = 0; rc == 0 && b < n->batches + n->held_out; b++) {
		for (unsigned s = 0; s < LENET_BATCH; s++) {
			uint64_t number = (uint64_t)b * LENET_BATCH + s;
			if (b >= n->batches)
				number += NET_HELD_OUT - (uint64_t)n->batches * LENET_BATCH;
			n->known[b * LENET_BATCH + s] = n->model->sample(number, one);
			for (unsigned p = 0; p < inputs; p++)
				batch[p * LENET_BATCH + s] = one[p];
		}
		rc = n->e->put(n->e, n->samples + b * size, batch, size * sizeof(*batch));
	}
	free(batch);
	if (rc != 0)
		return -1;
	return n->e->put(n->e, n->labels, n->known,
			 (size_t)(n->batches + n->held_out) * LENET_BATCH * sizeof(*n->known));
}

int net_open(struct net *n, struct engine *e, const struct model *model, unsigned batches,
	     unsigned held_out, unsigned losses)
{
	*n = (struct net){ .e = e, .model = model, .batches = batches, .held_out = held_out };
	n->known = calloc((size_t)(batches + held_out) * LENET_BATCH, sizeof(*n->known));
	if (n->known == NULL)
		return no_memory(n);
	return allocate(n, losses) != 0 || put_samples(n) != 0 ? -1 : n->e->finish(n->e);
}

void net_close(struct net *n)
{
	free(n->known);
	n->known = NULL;
}

int net_put_weights(struct net *n, const float *weights)
{
	size_t bytes = n->offset[n->model->layers] * sizeof(float);
	n->first = n->second = 1.0f;
	return n->e->put(n->e, n->weights, weights, bytes) != 0 ||
			       n->e->fill(n->e, n->mean, 0, bytes) != 0 ||
			       n->e->fill(n->e, n->square, 0, bytes) != 0
		       ? -1
		       : 0;
}

int net_get_weights(struct net *n, float *weights)
{
	return n->e->get(n->e, weights, n->weights, n->offset[n->model->layers] * sizeof(*weights));
}

/* Uniform within +-sqrt(3 / inputs); the product of an integer and a float is one rounding. */
int net_seed(struct net *n, uint64_t seed)
{
	float *weights = calloc(n->offset[n->model->layers], sizeof(*weights));
	uint64_t state = seed;
	if (weights == NULL)
		return no_memory(n);
	for (unsigned i = 0; i < n->model->layers; i++) {
		const struct layer_shape *s = &n->model->shapes[i];
		unsigned inputs = s->channels * s->kernel * s->kernel;
		float scale = sqrtf(3.0f / (float)inputs) / 8388608.0f;
		for (unsigned k = 0; k < s->outputs * inputs; k++)
			weights[n->offset[i] + k] =
				(float)((int)(digits_next(&state) >> 40) - 8388608) * scale;
	}
	int rc = net_put_weights(n, weights);
	free(weights);
	return rc;
}

static const float *batch_of(const struct net *n, unsigned batch)
{
	return n->samples + (size_t)batch * LENET_BATCH * n->model->inputs;
}

static int forward(struct net *n, const float *samples)
{
	for (unsigned i = 0; i < n->model->layers; i++) {
		const struct layer_shape *s = &n->model->shapes[i];
		unsigned m = edge(s);
		struct layer_args layer = { .in = i == 0 ? samples : n->post[i - 1],
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
static int backward_layer(struct net *n, unsigned i, const float *in, float rate)
{
	const struct layer_shape *s = &n->model->shapes[i];
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

static int backward(struct net *n, const float *samples, float rate)
{
	for (unsigned i = n->model->layers; i-- > 0;) {
		const struct layer_shape *s = &n->model->shapes[i];
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
		if (backward_layer(n, i, i == 0 ? samples : n->post[i - 1], rate) != 0)
			return -1;
	}
	return 0;
}

int net_step(struct net *n, unsigned batch, unsigned row, float rate)
{
	unsigned last = n->model->layers - 1;
	struct loss_args loss = { .logits = n->pre[last],
				  .labels = n->labels + (size_t)batch * LENET_BATCH,
				  .grad = n->grad_pre[last],
				  .loss = n->loss + (size_t)row * LENET_BATCH };
	/* Adam's means start at zero; this takes that out of the first steps */
	n->first *= 0.9f;
	n->second *= 0.99f;
	float corrected = rate * sqrtf(1.0f - n->second) / (1.0f - n->first);
	if (forward(n, batch_of(n, batch)) != 0 ||
	    n->e->launch(n->e, n->model->loss, 1, &loss) != 0)
		return -1;
	return backward(n, batch_of(n, batch), corrected);
}

int net_losses(struct net *n, unsigned rows, float *means)
{
	float loss[LENET_BATCH];
	if (n->e->finish(n->e) != 0)
		return -1;
	for (unsigned row = 0; row < rows; row++) {
		if (n->e->get(n->e, loss, n->loss + (size_t)row * LENET_BATCH, sizeof(loss)) != 0)
			return -1;
		float sum = 0.0f;
		for (unsigned s = 0; s < LENET_BATCH; s++)
			sum += loss[s];
		means[row] = sum / LENET_BATCH;
	}
	return 0;
}

int net_logits(struct net *n, unsigned batch, float *logits)
{
	size_t bytes = n->model->outputs * LENET_BATCH * sizeof(*logits);
	return forward(n, batch_of(n, batch)) != 0 ||
			       n->e->get(n->e, logits, n->pre[n->model->layers - 1], bytes) != 0
		       ? -1
		       : 0;
}
