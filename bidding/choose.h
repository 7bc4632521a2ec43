/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to bidding/: how one option is weighed, for the choice and for those who follow it. */
#ifndef GPUCLOUD_BIDDING_CHOOSE_H
#define GPUCLOUD_BIDDING_CHOOSE_H

#include "bidding/advice.h"

/* ADVICE_DEARER where it would do: which of those is best, option_compare() says. */
enum advice_verdict option_judge(const struct advice_option *option);

/* Less than 0: a before b. */
int option_compare(const struct advice_option *a, const struct advice_option *b);

#endif
