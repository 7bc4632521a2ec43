/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/selftest_show.h"

#include "cli/cli.h"

#define EXIT_ATTENTION 8

void selftest_show(struct cli *cli, const struct selftest_report *report)
{
	if (cli->json)
		return;
	cli_line(cli, "  self-test %s in %.1f s%s%s%s", selftest_verdict_name(report->verdict),
		 report->seconds, report->nr_gpus ? ": " : "",
		 report->nr_gpus ? report->gpus[0] : "",
		 report->simulated ? " (a simulated GPU)" : "");
	for (size_t i = 1; i < report->nr_gpus; i++)
		cli_line(cli, "            %s", report->gpus[i]);
	for (size_t i = 0; i < report->nr_problems; i++) {
		const struct selftest_problem *problem = &report->problems[i];

		cli_line(cli, "            %s: %s%s%s", problem->severity, problem->text,
			 problem->advice[0] ? "; " : "", problem->advice);
	}
	if (report->verdict == SELFTEST_UNKNOWN)
		cli_warning(cli, "the GPU was not tested");
}

int selftest_exit_code(const struct selftest_report *report)
{
	return report->verdict == SELFTEST_FAIL ? EXIT_ATTENTION : 0;
}
