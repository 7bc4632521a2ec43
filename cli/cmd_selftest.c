/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud selftest: is the GPU good? On an instance, or on this computer. */
#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/reach.h"
#include "cli/selftest_show.h"
#include "core/buf.h"
#include "core/host.h"

#define LOCAL_MS 900000

struct selftest_args {
	bool full;
};

static const struct opt selftest_opts[] = {
	OPT_FLAG_AT(0, "full", struct selftest_args, full,
		    "all of the memory, longer load (quick is a few seconds)"),
	OPT_END,
};

static int tell(struct cli *cli, const struct selftest_report *report)
{
	progress_end(cli);
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "verdict", selftest_verdict_name(report->verdict));
		cJSON_AddItemToObject(object, "report", cJSON_Duplicate(report->doc.root, 1));
		cli_json_print(cli, object);
	} else {
		selftest_show(cli, report);
	}
	return selftest_exit_code(report);
}

static int run_here(struct cli *cli, const char *mode, struct selftest_report *ret)
{
	struct arena arena = { 0 };
	struct buf out = BUF_INIT_MAX((size_t)1 << 20), diag = BUF_INIT_MAX((size_t)64 << 10);
	const char *program;
	int status = 0, rc = -1;

	if (selftest_program(cli->settings, &arena, &program, &cli->error) == 0) {
		const char *const argv[] = { program, mode, NULL };

		rc = host_bare.run(host_bare.ctx, argv, LOCAL_MS, &out, &diag, &status,
				   &cli->error);
		if (rc == 0)
			rc = selftest_parse(out.data, out.len, ret, &cli->error);
	}
	buf_release(&out);
	buf_release(&diag);
	arena_release(&arena);
	return rc;
}

static int selftest_command(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct selftest_args *args = data;
	struct selftest_report report = { 0 };
	struct reach reach = { 0 };
	int rc;

	if (argc == 0) {
		progress_start(cli, "testing this computer");
		rc = run_here(cli, args->full ? "--full" : "--quick", &report);
	} else {
		rc = reach_open(cli, argv[0], &reach);
		progress_start(cli, "testing %s", argv[0]);
		if (rc == 0)
			rc = selftest_on_machine(&reach.fleet, &reach.machine,
						 args->full ? "full" : "quick", &report,
						 &cli->error);
		reach_close(&reach);
	}
	if (rc == 0)
		rc = tell(cli, &report);
	progress_end(cli);
	selftest_report_release(&report);
	return rc;
}

const struct command cmd_selftest = {
	.name = "selftest",
	.group = "Use",
	.summary = "is the GPU good? On an instance, or here",
	.usage = "gpucloud selftest [NAME|ID] [--full]",
	.details =
		"Uploads gpu-selftest and runs it: inventory, memory, bandwidth, exact\n"
		"arithmetic, a training step compared bit by bit with the CPU's. Without a name\n"
		"it tests this computer. docs/selftest.md says what each part proves.",
	.opts = selftest_opts,
	.args_size = sizeof(struct selftest_args),
	.examples = "gpucloud selftest train\n"
		    "gpucloud --json selftest train --full\n",
	.exits = "8 the GPU failed (pass, warn and unknown are 0)\n",
	.max_args = 1,
	.flags = COMMAND_ALSO,
	.run = selftest_command,
};
