/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a training leaves in its folder: loss.csv (epoch,step,loss,accuracy: a line for each step,
 * the accuracy where an epoch ends), weights.bin (weights.h) and summary.json, which names the
 * SHA-256 of the weights. Each is replaced as a whole, the summary last.
 */
#ifndef GPUCLOUD_SELFTEST_TRAIN_FILES_H
#define GPUCLOUD_SELFTEST_TRAIN_FILES_H

#include "gpu-selftest/src/train_options.h"

/* What is known of a training so far. */
struct progress {
	const struct train_options *options;
	const struct device *device;
	const char *state;	/* "running", "done", "interrupted", "diverged" */
	unsigned per_epoch;	/* steps */
	unsigned steps, epochs; /* done; the last epoch may be a part of one */
	float *loss;		/* of each step: the mean of its batch */
	float *accuracy;	/* after each epoch, on samples held out */
	float *weights;
	double auc, seconds;
};

/* Makes the folder where it is not there. -1 with a sentence. */
int train_folder(const char *folder, char *error, size_t size);
/* All three files. sha256, of weights.bin, is set. */
int train_save(const struct progress *p, char sha256[65], char *error, size_t size);

/* The mean of the losses of an epoch, of those steps that were done. */
double train_epoch_loss(const struct progress *p, unsigned epoch);

#endif
