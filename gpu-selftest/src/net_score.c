/* SPDX-License-Identifier: Apache-2.0 */
/* How good a network is on samples that it was not trained on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gpu-selftest/src/net.h"

struct ranked {
	float logit;
	int label;
};

static int by_logit(const void *a, const void *b)
{
	float x = ((const struct ranked *)a)->logit, y = ((const struct ranked *)b)->logit;
	return (x > y) - (x < y);
}

/*
 * The chance that a yes is ranked above a no; a draw counts half. By ranks: rows of one logit share
 * the middle of their places.
 */
static double auc_of(struct ranked *rows, unsigned count)
{
	double ranks = 0, yes = 0;
	qsort(rows, count, sizeof(*rows), by_logit);
	for (unsigned from = 0, to; from < count; from = to) {
		for (to = from; to < count && rows[to].logit <= rows[from].logit; to++)
			if (rows[to].label != 0)
				yes++;
		/* what is no number is in no order */
		if (to == from)
			return NAN;
		for (unsigned i = from; i < to; i++)
			if (rows[i].label != 0)
				ranks += ((double)from + 1 + (double)to) / 2;
	}
	double no = (double)count - yes;
	return yes > 0 && no > 0 ? (ranks - yes * (yes + 1) / 2) / (yes * no) : NAN;
}

static int answer(const float *logits, unsigned outputs, unsigned sample)
{
	unsigned best = 0;
	if (outputs == 1)
		return logits[sample] > 0.0f;
	for (unsigned k = 1; k < outputs; k++)
		if (logits[k * LENET_BATCH + sample] > logits[best * LENET_BATCH + sample])
			best = k;
	return (int)best;
}

int net_score(struct net *n, unsigned rows, struct net_score *score)
{
	float logits[NET_OUTPUTS_MAX * LENET_BATCH];
	struct ranked *ranked = calloc(rows, sizeof(*ranked));
	int rc = ranked == NULL ? -1 : 0;
	*score = (struct net_score){ .rows = rows, .auc = NAN };
	if (rc != 0)
		snprintf(n->e->error, sizeof(n->e->error), "no memory for the scores");
	for (unsigned i = 0; rc == 0 && i < rows; i += LENET_BATCH) {
		unsigned batch = n->batches + i / LENET_BATCH;
		rc = net_logits(n, batch, logits);
		for (unsigned s = 0; rc == 0 && s < LENET_BATCH && i + s < rows; s++) {
			int label = n->known[batch * LENET_BATCH + s];
			score->correct += answer(logits, n->model->outputs, s) == label;
			ranked[i + s] = (struct ranked){ logits[s], label };
		}
	}
	if (rc == 0 && n->model->outputs == 1)
		score->auc = auc_of(ranked, rows);
	free(ranked);
	return rc;
}
