/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of launch. */
#ifndef GPUCLOUD_FLEET_LAUNCH_INTERNAL_H
#define GPUCLOUD_FLEET_LAUNCH_INTERNAL_H

#include "fleet/launch.h"

/*
 * On a cloud that does not know a request again: what came of the attempt that options->resume names
 * is looked for until it would long have shown, and twice then. 1: its instance is in ret, and in the
 * journal; 0: nothing came of it, it is undone, and another launch may begin; -1: not known, or not
 * what is wanted now.
 */
int launch_await_earlier(struct fleet *fleet, const struct launch_plan *plan,
			 const struct launch_options *options, const struct launch_events *events,
			 struct launch_outcome *ret, struct error *err);

/* What the cloud says that it costs, where it does, is its price from now on, in the journal too. */
void launch_learn_price(struct fleet *fleet, struct launch_outcome *outcome);

#endif
