/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to bidding/: S(b,T) of a window that is already runs. */
#ifndef GPUCLOUD_BIDDING_SURVIVAL_H
#define GPUCLOUD_BIDDING_SURVIVAL_H

#include "bidding/runs.h"

double price_runs_survival(const struct price_runs *runs, int64_t bid, int64_t seconds);

/* good / starts, as S(b,T) has it; starts > 0 unless good is 0. */
double survival_share(int64_t good, int64_t starts);

#endif
