/* SPDX-License-Identifier: Apache-2.0 */
/* `gpu-selftest predict`: how good are the weights of a file? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gpu-selftest/src/train_options.h"
#include "gpu-selftest/src/weights.h"

static void tell(const struct train_options *o, const struct device *d, const char *sha256,
		 const struct net_score *score)
{
	device_tell(d, o->model->name);
	printf("weights: %s, SHA-256 %s\n", o->weights, sha256);
	printf("accuracy %.4f: %u of %u %s it was not trained on\n",
	       (double)score->correct / score->rows, score->correct, score->rows,
	       o->model->samples_are);
	if (isfinite(score->auc))
		printf("AUC %.4f\n", score->auc);
}

static int predict(const struct train_options *o, struct device *d, const float *weights,
		   const char *sha256)
{
	struct net n;
	struct net_score score;
	unsigned batches = (o->rows + LENET_BATCH - 1) / LENET_BATCH;
	int rc = net_open(&n, d->engine, o->model, 0, batches, 1);
	if (rc == 0)
		rc = net_put_weights(&n, weights);
	if (rc == 0)
		rc = net_score(&n, o->rows, &score);
	net_close(&n);
	if (rc != 0) {
		fprintf(stderr, "gpu-selftest: %s failed: %s\n", d->name, d->engine->error);
		return EXIT_UNKNOWN;
	}
	tell(o, d, sha256, &score);
	return fflush(stdout) != 0 ? EXIT_BUG : EXIT_PASS;
}

int predict_main(int argc, char **argv)
{
	static struct device device;
	struct train_options o;
	char error[512], sha256[65];
	int code = train_options_parse(&o, argc, argv);
	if (code >= 0)
		return fflush(stdout) != 0 ? EXIT_BUG : code;
	float *weights = calloc(model_weights(o.model), sizeof(*weights));
	if (weights == NULL) {
		fputs("gpu-selftest: no memory\n", stderr);
		return EXIT_BUG;
	}
	if (weights_read(o.model, o.weights, weights, sha256, error, sizeof(error)) != 0) {
		fprintf(stderr, "gpu-selftest: %s\n", error);
		code = EXIT_USE;
	} else if (device_open(&device, o.device, error, sizeof(error)) != 0) {
		fprintf(stderr, "gpu-selftest: %s\n", error);
		code = EXIT_UNKNOWN;
	} else {
		code = predict(&o, &device, weights, sha256);
		device_close(&device);
	}
	free(weights);
	return code;
}
