/* SPDX-License-Identifier: Apache-2.0 */
/* Does learning work here, and does it end with the very bits it must? */
#include "gpu-selftest/src/gpu.h"
#include "gpu-selftest/src/lenet.h"

int phase_train(struct gpu *g)
{
	struct lenet_result result;
	struct json j;
	unsigned steps = g->options->full ? LENET_STEPS_FULL : LENET_STEPS_QUICK;
	if (g->facts.simulated) /* on the CPU, perhaps eight of them at once */
		steps = g->options->full ? LENET_STEPS_QUICK : LENET_STEPS_SHORT;
	record_phase(g->record, "train", 120);
	if (lenet_train(&g->engine, steps, &result) != 0)
		return gpu_stopped(g, "the training");
	record_check_begin(&j, "train.lenet", result.match ? SEVERITY_PASS : SEVERITY_FAIL, NULL);
	json_string(&j, "sha256", result.sha256);
	json_bool(&j, "match", result.match);
	json_int(&j, "steps", result.steps);
	json_real(&j, "first_loss", (double)result.first_loss, 4);
	json_real(&j, "last_loss", (double)result.last_loss, 4);
	json_real(&j, "accuracy", (double)result.correct / LENET_TEST_SAMPLES, 4);
	record_check_end(g->record, &j);
	record_line(g->record, "train %d %.6f %u %s %d %u %u 0", g->device, result.seconds,
		    result.steps, result.sha256, result.match, result.correct, LENET_TEST_SAMPLES);
	if (!result.match)
		record_problem(g->record, SEVERITY_FAIL, "train.lenet",
			       "terminate this machine and launch another",
			       "GPU %d: a training whose outcome is known ended otherwise "
			       "(accuracy %.3f)",
			       g->device, (double)result.correct / LENET_TEST_SAMPLES);
	return 0;
}
