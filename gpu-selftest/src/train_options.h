/* SPDX-License-Identifier: Apache-2.0 */
/* What `gpu-selftest train` and `gpu-selftest predict` are told. */
#ifndef GPUCLOUD_SELFTEST_TRAIN_OPTIONS_H
#define GPUCLOUD_SELFTEST_TRAIN_OPTIONS_H

#include "gpu-selftest/src/device.h"
#include "gpu-selftest/src/net.h"

#define TRAIN_EPOCHS_MAX	1000u
#define TRAIN_SAMPLES_MAX	65536u
#define TRAIN_SECONDS_OF_A_SAVE 5.0

/* Exit codes beside those of options.h. */
#define TRAIN_DIVERGED 1

struct train_options {
	const struct model *model;
	enum device_choice device;
	unsigned epochs, samples, rows;
	uint64_t seed;
	float rate;
	const char *out, *weights; /* NULL: none */
};

/* argv[0] is "train" or "predict". -1 to go on, else the exit code. */
int train_options_parse(struct train_options *o, int argc, char **argv);

/* The whole commands; their exit codes. */
int train_main(int argc, char **argv);
int predict_main(int argc, char **argv);

#endif
