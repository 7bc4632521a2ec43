/* SPDX-License-Identifier: Apache-2.0 */
/* Training as a job: what it learns, and the file it leaves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gpu-selftest/src/net.h"
#include "gpu-selftest/src/sha256.h"
#include "gpu-selftest/src/weights.h"

#define STEPS_MAX 64u

struct trained {
	float loss[STEPS_MAX], *weights;
	struct net_score score;
};

static void train(const struct model *m, uint64_t seed, unsigned batches, unsigned steps,
		  struct trained *t)
{
	struct engine e;
	struct net n;
	unsigned threads;
	assert_int_equal(engine_cpu_open(&e, &threads), 0);
	assert_int_equal(net_open(&n, &e, m, batches, 4, steps), 0);
	assert_int_equal(net_seed(&n, seed), 0);
	for (unsigned i = 0; i < steps; i++)
		assert_int_equal(net_step(&n, i % batches, i, 0.003f), 0);
	assert_int_equal(net_losses(&n, steps, t->loss), 0);
	t->weights = calloc(model_weights(m), sizeof(*t->weights));
	assert_non_null(t->weights);
	assert_int_equal(net_get_weights(&n, t->weights), 0);
	assert_int_equal(net_score(&n, 4 * LENET_BATCH, &t->score), 0);
	net_close(&n);
	engine_cpu_close(&e);
}

/* Of weights alone, in a network that never trained. */
static struct net_score score_of(const struct model *m, const float *weights, unsigned rows)
{
	struct engine e;
	struct net n;
	struct net_score score;
	unsigned threads;
	assert_int_equal(engine_cpu_open(&e, &threads), 0);
	assert_int_equal(net_open(&n, &e, m, 0, (rows + LENET_BATCH - 1) / LENET_BATCH, 1), 0);
	assert_int_equal(net_put_weights(&n, weights), 0);
	assert_int_equal(net_score(&n, rows, &score), 0);
	net_close(&n);
	engine_cpu_close(&e);
	return score;
}

static void models_are_what_is_said_of_them(void **state)
{
	(void)state;
	assert_int_equal(model_weights(&model_lenet), 44426);
	assert_int_equal(model_weights(&model_predictor), 3457);
	assert_ptr_equal(model_find("lenet"), &model_lenet);
	assert_ptr_equal(model_find("predictor"), &model_predictor);
	assert_null(model_find(""));
	assert_null(model_find("lenet "));
}

static void losses_fall_and_a_seed_decides(void **state)
{
	const struct {
		const struct model *model;
		unsigned batches, steps;
		float below;
	} cases[] = { { &model_lenet, 8, 16, 0.6f }, { &model_predictor, 16, STEPS_MAX, 0.7f } };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct trained a, b, c;
		unsigned steps = cases[i].steps;
		size_t bytes = model_weights(cases[i].model) * sizeof(float);
		train(cases[i].model, 7, cases[i].batches, steps, &a);
		train(cases[i].model, 7, cases[i].batches, steps, &b);
		train(cases[i].model, 8, cases[i].batches, steps, &c);
		assert_true(a.loss[steps - 1] < cases[i].below * a.loss[0]);
		assert_memory_equal(a.weights, b.weights, bytes);
		assert_memory_equal(a.loss, b.loss, steps * sizeof(float));
		assert_memory_not_equal(a.weights, c.weights, bytes);
		/* the weights alone are as good as the network they were trained in */
		struct net_score again = score_of(cases[i].model, a.weights, 4 * LENET_BATCH);
		assert_int_equal(again.correct, a.score.correct);
		assert_true(again.correct > 4 * LENET_BATCH * 6 / 10);
		if (cases[i].model->outputs == 1)
			assert_true(again.auc >= a.score.auc && a.score.auc >= again.auc);
		else
			assert_true(isnan(again.auc));
		free(a.weights);
		free(b.weights);
		free(c.weights);
	}
}

static void rows_are_of_both_kinds_and_steady(void **state)
{
	float a[20], b[20];
	unsigned yes = 0;
	(void)state;
	for (uint64_t i = 0; i < 4000; i++) {
		int label = model_predictor.sample(i, a);
		assert_in_range(label, 0, 1);
		yes += (unsigned)label;
		assert_int_equal(model_predictor.sample(i, b), label);
		assert_memory_equal(a, b, sizeof(a));
		for (unsigned k = 0; k < 20; k++)
			assert_true(a[k] >= -1.0f && a[k] < 1.0f);
	}
	assert_in_range(yes, 1600, 2400);
}

/* A network that always says the same ranks nothing: draws all over. */
static void the_auc_of_knowing_nothing_is_a_half(void **state)
{
	float *weights = calloc(3457, sizeof(*weights));
	(void)state;
	assert_non_null(weights);
	struct net_score score = score_of(&model_predictor, weights, 1000);
	assert_true(fabs(score.auc - 0.5) < 1e-12);
	assert_in_range(score.correct, 400, 600);
	/* all of one kind: there is nothing to rank */
	score = score_of(&model_predictor, weights, 1);
	assert_true(isnan(score.auc));
	/* always yes */
	weights[3456] = 1.0f;
	struct net_score other = score_of(&model_predictor, weights, 1000);
	score = score_of(&model_predictor, weights, 1000);
	assert_int_equal(other.correct, score.correct);
	weights[3456] = -1.0f;
	other = score_of(&model_predictor, weights, 1000);
	assert_int_equal(other.correct + score.correct, 1000);
	free(weights);
}

/* What the predictor learned of its rows, and the sign turned: the AUC is mirrored. */
static void the_auc_is_mirrored(void **state)
{
	struct trained t;
	(void)state;
	train(&model_predictor, 7, 16, STEPS_MAX, &t);
	double auc = score_of(&model_predictor, t.weights, 500).auc;
	assert_true(auc > 0.75 && auc < 1);
	for (unsigned i = 3424; i < 3457; i++) /* the last layer */
		t.weights[i] = -t.weights[i];
	assert_true(fabs(score_of(&model_predictor, t.weights, 500).auc - (1 - auc)) < 1e-12);
	free(t.weights);
}

#define BYTES (16 + 3 * 16 + 8 + 3457 * 4)

static void some_weights(float *weights)
{
	for (unsigned i = 0; i < 3457; i++)
		weights[i] = (float)((int)i - 1700) / 128.0f;
	weights[0] = -0.0f;
	weights[1] = 1e-45f; /* the smallest there is */
}

static void weights_round_trip(void **state)
{
	static unsigned char bytes[BYTES];
	static float weights[3457], again[3457];
	char error[200] = "";
	(void)state;
	some_weights(weights);
	assert_int_equal(weights_bytes(&model_predictor), BYTES);
	weights_encode(&model_predictor, weights, bytes);
	/* the format is a promise */
	assert_memory_equal(bytes, "GPUCWTS1\2\0\0\0\3\0\0\0\24\0\0\0\1\0\0\0\1\0\0\0\100\0\0\0",
			    32);
	assert_memory_equal(bytes + 64, "\201\15\0\0\0\0\0\0\0\0\0\200\1\0\0\0", 16);
	assert_int_equal(
		weights_decode(&model_predictor, bytes, BYTES, again, error, sizeof(error)), 0);
	assert_memory_equal(weights, again, sizeof(weights));
}

static void bad_weights_are_refused(void **state)
{
	static const struct {
		size_t length, at;
		unsigned char value;
		const char *says;
	} cases[] = {
		{ 0, 0, 'G', "no file of weights" },
		{ 7, 0, 'G', "no file of weights" },
		{ 8, 0, 'G', "ends too early" },
		{ BYTES, 7, '2', "no file of weights" },
		{ BYTES, 8, 1, "another network" },
		{ BYTES, 12, 4, "other layers" },
		{ BYTES, 15, 0xff, "other layers" },
		{ BYTES, 31, 0x7f, "other layers" }, /* two thousand million outputs */
		{ BYTES, 64, 0x80, "other layers" },
		{ BYTES, 71, 0xff, "other layers" }, /* so many numbers as there are not */
		{ BYTES - 1, 0, 'G', "ends too early" },
		{ BYTES + 1, 0, 'G', "longer" },
		{ BYTES, BYTES - 1, 0x7f, "no number: number 3456" }, /* makes an infinity */
	};
	static unsigned char bytes[BYTES + 1];
	static float weights[3457], out[3457];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char error[200] = "";
		some_weights(weights);
		weights[3456] = 0.0f;
		weights_encode(&model_predictor, weights, bytes);
		bytes[BYTES - 2] = 0x80;
		bytes[cases[i].at] = cases[i].value;
		assert_int_equal(weights_decode(&model_predictor, bytes, cases[i].length, out,
						error, sizeof(error)),
				 -1);
		assert_non_null(strstr(error, cases[i].says));
	}
}

static void files_are_read_with_care(void **state)
{
	char path[] = "/tmp/gpucloud-weights-XXXXXX", error[300], sha256[65], wanted[65];
	static unsigned char bytes[BYTES + 1];
	static float weights[3457], again[3457];
	(void)state;
	some_weights(weights);
	weights_encode(&model_predictor, weights, bytes);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, BYTES), BYTES);
	sha256_hex(bytes, BYTES, wanted);
	assert_int_equal(weights_read(&model_predictor, path, again, sha256, error, sizeof(error)),
			 0);
	assert_string_equal(sha256, wanted);
	assert_memory_equal(weights, again, sizeof(weights));
	/* a file that goes on for ever is not read for ever */
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	assert_int_equal(weights_read(&model_predictor, path, again, sha256, error, sizeof(error)),
			 -1);
	assert_non_null(strstr(error, "is longer than the weights of predictor"));
	assert_non_null(strstr(error, path));
	close(fd);
	unlink(path);
	assert_int_equal(weights_read(&model_predictor, path, again, sha256, error, sizeof(error)),
			 -1);
	assert_non_null(strstr(error, "No such file"));
	/* nobody writes into that pipe */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(weights_read(&model_predictor, path, again, sha256, error, sizeof(error)),
			 -1);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(models_are_what_is_said_of_them),
		cmocka_unit_test(losses_fall_and_a_seed_decides),
		cmocka_unit_test(rows_are_of_both_kinds_and_steady),
		cmocka_unit_test(the_auc_of_knowing_nothing_is_a_half),
		cmocka_unit_test(the_auc_is_mirrored),
		cmocka_unit_test(weights_round_trip),
		cmocka_unit_test(bad_weights_are_refused),
		cmocka_unit_test(files_are_read_with_care),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
