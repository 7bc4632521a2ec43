/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what was tried in one market. */
#ifndef GPUCLOUD_CLI_BID_TABLE_H
#define GPUCLOUD_CLI_BID_TABLE_H

#include "cli/bid_view.h"

/*
 * On a terminal, bids that fared the same in a zone share a row. Through a pipe every bid has its
 * own, and each row names type, region and billing.
 */
void bid_table_show(struct cli *cli, struct arena *arena, const struct bid_market *judged);

#endif
