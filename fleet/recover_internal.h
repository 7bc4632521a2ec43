/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of recover. */
#ifndef GPUCLOUD_FLEET_RECOVER_INTERNAL_H
#define GPUCLOUD_FLEET_RECOVER_INTERNAL_H

#include "fleet/fleet.h"
#include "fleet/recover.h"

/* One launch, while it is settled. */
struct recovery {
	struct fleet *fleet;
	const struct launch_row *row;
	recover_told_fn told;
	void *ctx;
};

void recover_tell(const struct recovery *recovery, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Its instances, by launch id, those that are gone among them. */
int recover_find(const struct recovery *recovery, struct instance_list *ret, struct error *err);

/* recover_end.c: the ends that were interrupted. */
void recover_ends(struct fleet *fleet, recover_told_fn told, void *ctx);

#endif
