/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small network on any engine: forward, and training with Adam. Each operation is IEEE 754's and
 * every sum has one order, so that the same seed and samples end with the same bits everywhere.
 *
 * Functions return 0, or -1 with a sentence in the engine's error.
 */
#ifndef GPUCLOUD_SELFTEST_NET_H
#define GPUCLOUD_SELFTEST_NET_H

#include "gpu-selftest/src/engine.h"

#define NET_LAYERS_MAX	5u
#define NET_OUTPUTS_MAX 10u
/* Samples of these numbers and up are never trained on. */
#define NET_HELD_OUT 1000000u

/*
 * A square convolution; kernel as large as size: a fully connected layer. pool: after ReLU, the
 * mean over pool x pool; 0: the last layer has neither.
 */
struct layer_shape {
	unsigned channels, size, kernel, outputs, pool;
};

struct model {
	const char *name;
	unsigned number;		  /* in files of weights; 1 and up */
	const char *samples_are;	  /* "digits" */
	unsigned layers, inputs, outputs; /* of a sample; 1 output: a yes or no */
	enum kernel loss;
	unsigned samples, epochs, held_out; /* of a training that is not told otherwise */
	/* Writes the inputs of that sample, the same everywhere and for ever; its label. */
	int (*sample)(uint64_t number, float *inputs);
	struct layer_shape shapes[NET_LAYERS_MAX];
};

/* lenet: 44,426 weights, ten digits of 28 x 28. predictor: 20-64-32-1, a binary outcome. */
extern const struct model model_lenet, model_predictor;

/* By name; NULL where there is none. */
const struct model *model_find(const char *name);
/* How many numbers the weights are, biases with them. */
unsigned model_weights(const struct model *m);

struct net {
	struct engine *e;
	const struct model *model;
	unsigned offset[NET_LAYERS_MAX + 1]; /* of a layer's weights; the last is their number */
	float *weights, *mean, *square, *partial;
	float *pre[NET_LAYERS_MAX], *post[NET_LAYERS_MAX]; /* before and after ReLU and pooling */
	float *grad_pre[NET_LAYERS_MAX], *grad_post[NET_LAYERS_MAX];
	float *samples, *loss;
	int *labels, *known;	    /* the labels there, and here */
	unsigned batches, held_out; /* in batches: to train on, and those behind them */
	float first, second;	    /* what is left of Adam's zeros */
};

/*
 * Memory of the engine, and the samples in it: so many batches to train on and to be held out, and
 * room for the losses of so many steps, one at least. The engine's memory goes with the engine;
 * net_close releases the rest, also after a failure.
 */
int net_open(struct net *n, struct engine *e, const struct model *model, unsigned batches,
	     unsigned held_out, unsigned losses);
void net_close(struct net *n);

/* Random weights; Adam starts anew. */
int net_seed(struct net *n, uint64_t seed);
/* model_weights() numbers. */
int net_put_weights(struct net *n, const float *weights);
int net_get_weights(struct net *n, float *weights);

/* One batch forward and backward; its losses become row of those that net_losses reads. */
int net_step(struct net *n, unsigned batch, unsigned row, float rate);
/* Means over the batch, of the first rows. Waits for the steps. */
int net_losses(struct net *n, unsigned rows, float *means);

/* What the network says of a batch: [output][sample]. */
int net_logits(struct net *n, unsigned batch, float *logits);

struct net_score {
	unsigned rows, correct;
	double auc; /* of a yes or no; else, and where all rows are of one kind, NaN */
};

/* On the first rows that were held out. */
int net_score(struct net *n, unsigned rows, struct net_score *score);

#endif
