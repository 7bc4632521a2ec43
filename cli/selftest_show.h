/* SPDX-License-Identifier: Apache-2.0 */
/* A self-test's report, told in a few lines; launch and selftest share it. */
#ifndef GPUCLOUD_CLI_SELFTEST_SHOW_H
#define GPUCLOUD_CLI_SELFTEST_SHOW_H

#include "fleet/selftest.h"

struct cli;

/* Lines on stdout, indented as launch's; nothing with --json. */
void selftest_show(struct cli *cli, const struct selftest_report *report);

/* 0, or 8 where the machine failed. */
int selftest_exit_code(const struct selftest_report *report);

#endif
