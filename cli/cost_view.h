/* SPDX-License-Identifier: Apache-2.0 */
/* A cost report on stdout. */
#ifndef GPUCLOUD_CLI_COST_VIEW_H
#define GPUCLOUD_CLI_COST_VIEW_H

struct cli;
struct cost_query;
struct cost_report;

void cost_view_table(struct cli *cli, const struct cost_query *query,
		     const struct cost_report *report);
void cost_view_json(struct cli *cli, const struct cost_query *query,
		    const struct cost_report *report);
void cost_view_csv(struct cli *cli, const struct cost_query *query,
		   const struct cost_report *report);

#endif
