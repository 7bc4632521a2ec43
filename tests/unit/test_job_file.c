/* SPDX-License-Identifier: Apache-2.0 */
/* Job files: what they may say, and what is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/command.h"
#include "cli/job_file.h"
#include "cli/run_wanted.h"
#include "core/error.h"

struct world {
	char path[64];
	struct run_args args;
	struct job_file file;
	struct error err;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	snprintf(world->path, sizeof(world->path), "/tmp/gpucloud-test-XXXXXX");
	int fd = mkstemp(world->path);
	assert_true(fd >= 0);
	close(fd);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	job_file_release(&world->file);
	unlink(world->path);
	free(world);
	return 0;
}

static int read_text(struct world *world, const char *text)
{
	FILE *file = fopen(world->path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	error_clear(&world->err);
	return job_file_read(world->path, &cmd_run, &world->args, &world->file, &world->err);
}

static void test_all_kinds(void **state)
{
	struct world *world = *state;

	assert_int_equal(read_text(world, "# train\n"
					  "command: python3 train.py --epochs 30\n"
					  "spot: true\n"
					  "bid: 76%\n"
					  "gpus: 2\n"
					  "keep: false\n"
					  "setup: |\n"
					  "  pip install -r requirements.txt\n"
					  "  make\n"
					  "env: {EPOCHS: 30, 'MODE': \"a b\"}\n"
					  "secret: [WANDB_API_KEY, HF_TOKEN]\n"
					  "out: results\n"
					  "port:\n- 8787\n- 8888\n"),
			 0);
	assert_int_equal(world->file.nr_command, 1);
	assert_string_equal(world->file.command[0], "python3 train.py --epochs 30");
	assert_true(world->args.launch.spot);
	assert_false(world->args.keep);
	assert_string_equal(world->args.launch.bid, "76%");
	assert_int_equal(world->args.launch.gpus, 2);
	assert_string_equal(world->args.setup, "pip install -r requirements.txt\nmake\n");
	assert_int_equal(world->args.env.nr, 2);
	assert_string_equal(world->args.env.v[0], "EPOCHS=30");
	assert_string_equal(world->args.env.v[1], "MODE=a b");
	assert_int_equal(world->args.secrets.nr, 2);
	assert_string_equal(world->args.secrets.v[1], "HF_TOKEN");
	assert_int_equal(world->args.outputs.nr, 1);
	assert_int_equal(world->args.launch.ports.nr, 2);
	assert_string_equal(world->args.launch.ports.v[1], "8888");
}

static void test_command_line_wins(void **state)
{
	struct world *world = *state;

	world->args.launch.bid = "51%";
	world->args.launch.gpus = 4;
	world->args.keep = true;
	world->args.env = (struct opt_strings){ .v = { "B=2" }, .nr = 1 };
	assert_int_equal(read_text(world, "bid: 76%\ngpus: 2\nkeep: false\nenv: [A=1, B=1]\n"
					  "command: [./a, 'b c', '']\n"),
			 0);
	assert_string_equal(world->args.launch.bid, "51%");
	assert_int_equal(world->args.launch.gpus, 4);
	assert_true(world->args.keep);
	assert_int_equal(world->args.env.nr, 3);
	assert_string_equal(world->args.env.v[2], "B=2"); /* the last one of a name counts */
	assert_int_equal(world->file.nr_command, 3);
	assert_string_equal(world->file.command[1], "b c");
	assert_string_equal(world->file.command[2], "");
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{ "", "it is empty" },
		{ "- a\n", ":1: a job file holds" },
		{ "command: x\n\nspott: true\n", ":3: there is no option 'spott'" },
		{ "file: other.yml\n", ":1: there is no option 'file'" },
		{ "spot: maybe\n", "'spot' is true or false" },
		{ "spot: [true]\n", "'spot' is true or false" },
		{ "gpus: 65\n", "'gpus' is a number from 1 to 64" },
		{ "gpus: 99999999999999999999\n", "'gpus' is a number" },
		{ "gpus: -1\n", "'gpus' is a number" },
		{ "bid: {a: b}\n", "'bid' is a text" },
		{ "bid: ''\n", "'bid' is a text" },
		{ "bid: 1\nbid: 2\n", ":2: 'bid' stands here twice" },
		{ "env: {A: [1]}\n", "'env' holds names and their values" },
		{ "out: {a: b}\n", "'out' holds what is no text" },
		{ "out: [[a]]\n", "'out' holds what is no text" },
		{ "command: []\n", "'command' is a text" },
		{ "command: {a: b}\n", "'command' is a text" },
		{ "command: ''\n", "'command' is a text" },
		{ "command: x\n---\ncommand: y\n", "more than one document" },
		{ "command: \"x\n", ":" },
		{ "? [a]\n: b\n", "a key is no text" },
		{ "\"a\\e[2J\": b\n", "there is no option 'a^[[2J'" },
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&world->args, 0, sizeof(world->args));
		print_message("%s", rows[i].text);
		assert_int_equal(read_text(world, rows[i].text), -1);
		assert_int_equal(world->err.kind, ERROR_USAGE);
		assert_non_null(strstr(world->err.message, rows[i].said));
		job_file_release(&world->file);
		memset(&world->file, 0, sizeof(world->file));
	}
}

static void test_too_large(void **state)
{
	struct world *world = *state;
	char *text = malloc(JOB_FILE_MAX + 100);

	memset(text, '#', JOB_FILE_MAX + 99);
	text[JOB_FILE_MAX + 99] = '\0';
	assert_int_equal(read_text(world, text), -1);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_command_line_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
