/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/train_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu-selftest/src/lenet.h"

static const char help[] =
	"usage: gpu-selftest train lenet|predictor [OPTIONS]\n"
	"       gpu-selftest predict lenet|predictor --weights FILE [OPTIONS]\n"
	"\n"
	"Trains a small network on samples that it makes itself, and tests what was trained on\n"
	"samples that it was not trained on. lenet: ten digits, 44,426 weights; predictor: yes or no\n"
	"from 20 numbers, 3,457 weights. The same options end with the same bits on any GPU and CPU.\n"
	"\n"
	"  --device WHAT   auto (default: the first GPU, or the CPU where there is none), gpu, cpu\n"
	"  --epochs N      how often through the samples (lenet 3, predictor 20; at most 1000)\n"
	"  --samples N     to train on, a multiple of 64 (lenet 8192, predictor 16384; to 65536)\n"
	"  --rate R        of learning (0.003)\n"
	"  --seed N        of the weights it starts with (7)\n"
	"  --out DIR       writes loss.csv, weights.bin and summary.json there\n"
	"  --weights FILE  predict: the weights.bin of a training\n"
	"  --rows N        predict: how many samples to test (lenet 512, predictor 2048; to 65536)\n"
	"  --help\n"
	"\n"
	"exit: 0 done, 1 the loss is no number any more, 3 no GPU, or it failed, 64 usage,\n"
	"70 the result could not be written; SIGTERM and SIGINT end it with what it has so far\n";

enum {
	OPT_DEVICE = 256,
	OPT_EPOCHS,
	OPT_SAMPLES,
	OPT_RATE,
	OPT_SEED,
	OPT_OUT,
	OPT_WEIGHTS,
	OPT_ROWS,
	OPT_HELP
};

static const struct option train_table[] = {
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "epochs", required_argument, NULL, OPT_EPOCHS },
	{ "samples", required_argument, NULL, OPT_SAMPLES },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct option predict_table[] = {
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "weights", required_argument, NULL, OPT_WEIGHTS },
	{ "rows", required_argument, NULL, OPT_ROWS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "gpu-selftest: %s%s%s%s\ntry: gpu-selftest train --help\n", what,
		value != NULL ? " '" : "", value != NULL ? value : "", value != NULL ? "'" : "");
	return EXIT_USE;
}

static bool number(const char *text, uint64_t lowest, uint64_t highest, uint64_t *value)
{
	char *end;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *text >= '0' && *text <= '9' && *value >= lowest &&
	       *value <= highest;
}

/* Decimal only: strtof takes hexadecimal, words and blanks too. */
static bool read_rate(const char *text, float *rate)
{
	char *end;
	if (text[0] == '\0' || text[strspn(text, "0123456789.eE+-")] != '\0')
		return false;
	*rate = strtof(text, &end);
	return *end == '\0' && isfinite(*rate) && *rate > 0;
}

static int read_device(struct train_options *o, const char *value)
{
	static const char *const names[] = { "auto", "gpu", "cpu" };
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(value, names[i]) == 0) {
			o->device = (enum device_choice)i;
			return -1;
		}
	return usage("--device is auto, gpu or cpu, not", value);
}

static int one(struct train_options *o, int option, const char *value)
{
	uint64_t parsed;
	switch (option) {
	case OPT_DEVICE:
		return read_device(o, value);
	case OPT_EPOCHS:
		if (!number(value, 1, TRAIN_EPOCHS_MAX, &parsed))
			return usage("--epochs wants 1 to 1000, not", value);
		o->epochs = (unsigned)parsed;
		return -1;
	case OPT_SAMPLES:
		if (!number(value, LENET_BATCH, TRAIN_SAMPLES_MAX, &parsed) ||
		    parsed % LENET_BATCH != 0)
			return usage("--samples wants a multiple of 64 up to 65536, not", value);
		o->samples = (unsigned)parsed;
		return -1;
	case OPT_ROWS:
		if (!number(value, 1, TRAIN_SAMPLES_MAX, &parsed))
			return usage("--rows wants 1 to 65536, not", value);
		o->rows = (unsigned)parsed;
		return -1;
	case OPT_RATE:
		if (!read_rate(value, &o->rate))
			return usage("--rate wants a number above 0, not", value);
		return -1;
	case OPT_SEED:
		if (!number(value, 0, UINT64_MAX, &o->seed))
			return usage("--seed wants a whole number from 0 on, not", value);
		return -1;
	case OPT_OUT:
	case OPT_WEIGHTS:
		if (value[0] == '\0')
			return usage("a name is missing after --out or --weights", NULL);
		*(option == OPT_OUT ? &o->out : &o->weights) = value;
		return -1;
	case OPT_HELP:
		fputs(help, stdout);
		return EXIT_PASS;
	default:
		return EXIT_USE;
	}
}

static int read_model(struct train_options *o, int argc, char **argv)
{
	if (optind >= argc)
		return usage("which network? lenet or predictor", NULL);
	if (optind + 1 < argc)
		return usage("no more arguments are expected:", argv[optind + 1]);
	o->model = model_find(argv[optind]);
	if (o->model == NULL)
		return usage("the networks are lenet and predictor, not", argv[optind]);
	if (o->epochs == 0)
		o->epochs = o->model->epochs;
	if (o->samples == 0)
		o->samples = o->model->samples;
	if (o->rows == 0)
		o->rows = o->model->held_out;
	return -1;
}

int train_options_parse(struct train_options *o, int argc, char **argv)
{
	bool predicting = strcmp(argv[0], "predict") == 0;
	*o = (struct train_options){ .seed = LENET_SEED, .rate = LENET_RATE };
	opterr = 0;
	optind = 1;
	for (;;) {
		int option = getopt_long(argc, argv, ":", predicting ? predict_table : train_table,
					 NULL);
		if (option == -1)
			break;
		if (option == ':')
			return usage("a value is missing after", argv[optind - 1]);
		if (option == '?')
			return usage("no such option:", argv[optind - 1]);
		int code = one(o, option, optarg);
		if (code >= 0)
			return code;
	}
	int code = read_model(o, argc, argv);
	if (code < 0 && predicting && o->weights == NULL)
		return usage("predict needs --weights FILE", NULL);
	return code;
}
