/* SPDX-License-Identifier: Apache-2.0 */
/* gpu-selftest: is this machine's GPU what was paid for, and does it compute right? */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gpu-selftest/src/gpu.h"
#include "gpu-selftest/src/job.h"
#include "gpu-selftest/src/lenet.h"
#include "gpu-selftest/src/probe.h"
#include "gpu-selftest/src/report.h"
#include "gpu-selftest/src/train_options.h"

#define GPUS_MAX 64

static void work_probe(struct record *record, const struct options *options, int who)
{
	(void)who;
	probe(record, options);
}

static void work_cpu(struct record *record, const struct options *options, int who)
{
	struct engine engine;
	struct lenet_result result;
	struct json j;
	unsigned threads;
	(void)options;
	(void)who;
	record_phase(record, "train", 60);
	unsigned steps = engine_cpu_is_fast() ? LENET_STEPS_QUICK : LENET_STEPS_SHORT;
	int rc = engine_cpu_open(&engine, &threads);
	if (rc == 0) {
		rc = lenet_train(&engine, steps, &result);
		engine_cpu_close(&engine);
	}
	if (rc != 0) {
		record_problem(record, SEVERITY_WARN, "train.cpu", NULL,
			       "the CPU could not train: %s", engine.error);
		return;
	}
	record_check_begin(&j, "train.cpu", result.match ? SEVERITY_PASS : SEVERITY_FAIL, NULL);
	json_int(&j, "threads", threads);
	record_check_end(record, &j);
	record_line(record, "train -1 %.6f %u %s %d %u %u %u", result.seconds, result.steps,
		    result.sha256, result.match, result.correct, LENET_TEST_SAMPLES, threads);
	if (!result.match)
		record_problem(record, SEVERITY_FAIL, "train.cpu",
			       "terminate this machine and launch another",
			       "the CPU computes a training whose outcome is known otherwise");
}

static int exit_code(const struct options *o, enum severity worst)
{
	switch (worst) {
	case SEVERITY_FAIL:
		return EXIT_FAIL;
	case SEVERITY_UNKNOWN:
		return EXIT_UNKNOWN;
	case SEVERITY_WARN:
		return o->warn_ok ? EXIT_PASS : EXIT_WARN;
	case SEVERITY_PASS:
	case SEVERITY_COUNT:
		break;
	}
	return EXIT_PASS;
}

/* All GPUs work at the same time: power and cooling show only then. */
static unsigned test_gpus(struct jobs *all, struct job *probed, struct job *gpus)
{
	unsigned count = 0;
	char text[96];
	int only = all->options->gpu;
	if (only >= probed->devices && probed->devices > 0) {
		snprintf(text, sizeof(text), "there is no GPU %d: CUDA shows %d", only,
			 probed->devices);
		jobs_problem(all, probed, SEVERITY_UNKNOWN, "gpu.index", "leave --gpu out", text);
	}
	for (int i = 0; i < probed->devices && i < GPUS_MAX; i++)
		if ((only < 0 || only == i) && job_start(all, &gpus[count], i, gpu_test) == 0)
			count++;
	jobs_wait(all, gpus, count);
	return count;
}

static int self_test(int argc, char **argv)
{
	static struct job gpus[GPUS_MAX], first[2];
	struct options options;
	int code = options_parse(&options, argc, argv);
	if (code >= 0)
		return fflush(stdout) != 0 ? EXIT_BUG : code;
	/* a reader that went away is seen when writing fails */
	signal(SIGPIPE, SIG_IGN);
	struct jobs all = { .options = &options, .started = record_clock() };
	struct report report = {
		.all = &all, .probe = &first[0], .cpu = &first[1], .gpus = gpus, .when = time(NULL)
	};
	/* starting the driver is waiting, mostly: the CPU trains meanwhile, and alone */
	(void)job_start(&all, &first[0], JOB_PROBE, work_probe);
	first[1].fd = -1;
	if (!options.no_cpu)
		(void)job_start(&all, &first[1], JOB_CPU, work_cpu);
	jobs_wait(&all, first, 2);
	report.gpu_count = test_gpus(&all, &first[0], gpus);
	report.exit_code = exit_code(&options, all.worst);
	int rc = options.text ? report_text(&report) : report_json(&report);
	for (unsigned i = 0; i < report.gpu_count; i++)
		job_release(&gpus[i]);
	job_release(&first[0]);
	job_release(&first[1]);
	json_release(&all.problems);
	if (rc != 0) {
		fputs("gpu-selftest: the result could not be written\n", stderr);
		return EXIT_BUG;
	}
	return report.exit_code;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "train") == 0)
		return train_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "predict") == 0)
		return predict_main(argc - 1, argv + 1);
	return self_test(argc, argv);
}
