/* SPDX-License-Identifier: Apache-2.0 */
/* What `top` reads and concludes; everything a machine prints is hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/mem.h"
#include "fleet/top.h"

#define HEAD "frame 1\nup 100.50\nload 0.10\ncpus 8\nmemory 65536000\navailable 60000000\n"
#define GPU0 "gpu 0, GPU-aa, NVIDIA A100, or so, 97, 30000, 40960, 250.12, 400.00, 61\n"
#define GPU1 "gpu 1, GPU-bb, NVIDIA A100, or so, 0, 3, 40960, 50.00, 400.00, 30\n"

static struct top_frame frame, before;
static struct error err;

static int setup(void **state)
{
	(void)state;
	error_clear(&err);
	return 0;
}

static int read_text(const char *text, const struct top_frame *previous)
{
	error_clear(&err);
	return top_read(text, strlen(text), previous, &frame, &err);
}

static enum top_verdict judged(const char *said)
{
	char text[300];
	enum top_verdict verdict = top_judge(&frame, text, sizeof(text));

	print_message("%s\n", text);
	assert_non_null(strstr(text, said));
	return verdict;
}

static void test_whole(void **state)
{
	(void)state;
	assert_int_equal(read_text(HEAD GPU0 GPU1
				   "gpus 2\nprocess 4711, GPU-aa, 29000\n"
				   "command 4711 5000 ubuntu python3 train.py\nend\n",
				   NULL),
			 0);
	assert_int_equal(frame.nr_gpus, 2);
	assert_string_equal(frame.gpus[0].name, "NVIDIA A100, or so");
	assert_int_equal(frame.gpus[0].busy_percent, 97);
	assert_int_equal(frame.gpus[0].power_mw, 250120);
	assert_int_equal(frame.gpus[1].celsius, 30);
	assert_int_equal(frame.processes[0].gpu, 0);
	assert_int_equal(frame.processes[0].cpu_percent, TOP_UNKNOWN);
	assert_string_equal(frame.processes[0].command, "python3 train.py");
	assert_int_equal(frame.up_ms, 100500);
	assert_int_equal(judged("python3 train.py (process 4711) on the GPU: 1 of 2 at work"),
			 TOP_ON_GPU);
	/* 250 ticks of 10 ms in 2.5 s: one CPU */
	before = frame;
	assert_int_equal(read_text("frame 1\nup 103.00\n" GPU0 "gpus 1\nprocess 4711, GPU-aa, 1\n"
				   "command 4711 5250 ubuntu python3 train.py\nend\n",
				   &before),
			 0);
	assert_int_equal(frame.processes[0].cpu_percent, 100);
}

static void test_verdicts(void **state)
{
	(void)state;
	assert_int_equal(read_text(HEAD GPU1 "end\n", NULL), -1); /* index 1 comes first */
	assert_int_equal(
		read_text(HEAD "gpu 0, GPU-aa, T4, 0, 0, 16384, 9, 70, 30\ngpus 1\nend\n", NULL),
		0);
	assert_int_equal(judged("are idle, and bill"), TOP_IDLE);
	frame.load_milli = 7900;
	assert_int_equal(judged("does the program see CUDA"), TOP_CPU_ONLY);
	frame.nr_processes = 1;
	frame.processes[0] = (struct top_process){ .pid = 9, .used_mib = 5, .command = "jupyter" };
	assert_int_equal(judged("jupyter (process 9) has a GPU open, but computes nothing"),
			 TOP_HELD);
	frame.gpus[0].busy_percent = TOP_UNKNOWN;
	assert_int_equal(judged("is not known"), TOP_UNKNOWN_STATE);
	assert_int_equal(read_text(HEAD "gpus failed nvidia-smi timed out\nend\n", NULL), 0);
	assert_int_equal(judged("nvidia-smi timed out"), TOP_UNKNOWN_STATE);
}

static void test_what_is_not_available(void **state)
{
	(void)state;
	assert_int_equal(read_text("frame 1\ngpu 0, GPU-aa, H100 MIG, [N/A], [N/A], [N/A], [N/A], "
				   "[N/A], [N/A]\ngpus 1\nprocesses failed\nend\n",
				   NULL),
			 0);
	assert_int_equal(frame.gpus[0].busy_percent, TOP_UNKNOWN);
	assert_int_equal(frame.gpus[0].used_mib, TOP_UNKNOWN);
	assert_false(frame.processes_known);
	assert_int_equal(judged("is not known"), TOP_UNKNOWN_STATE);
}

static void test_hostile(void **state)
{
	static const char *const rows[] = {
		"",
		"end\n",
		"frame 2\nend\n",
		"frame 1\nrm -rf\nend\n",
		"frame 1\ngpu 0\nend\n",
		"frame 1\ngpu x, a, b, 1, 2, 3, 4, 5, 6\nend\n",
		"frame 1\ngpus 5\nend\n",
		"frame 1\nprocess x\nend\n",
		"frame 1\nprocess -1, a, 2\nend\n",
		"frame 1\ncommand 1\nend\n",
		"frame 1\n\nend\n",
		"frame 1\ngpu , , , , , , , , \nend\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		print_message("%s", rows[i]);
		assert_int_equal(read_text(rows[i], NULL), -1);
		assert_int_equal(err.kind, ERROR_PROTOCOL);
	}
	/* numbers that overflow are not known; more processes than anybody looks at are left out */
	assert_int_equal(
		read_text("frame 1\nload 99999999999999999999.00\ncpus 9999999999999\nend\n", NULL),
		0);
	assert_int_equal(frame.load_milli, TOP_UNKNOWN);
	assert_int_equal(frame.cpus, TOP_UNKNOWN);
	char *many = xcalloc(1, 100000);
	char *at = stpcpy(many, "frame 1\n");
	for (int i = 0; i < 1000; i++)
		at = stpcpy(at, "process 1, GPU-aa, 2\n");
	stpcpy(at, "end\n");
	assert_int_equal(read_text(many, NULL), 0);
	assert_int_equal(frame.nr_processes, TOP_PROCESSES_MAX);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_whole, setup),
		cmocka_unit_test_setup(test_verdicts, setup),
		cmocka_unit_test_setup(test_what_is_not_available, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
