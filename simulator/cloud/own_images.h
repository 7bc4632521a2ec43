/* SPDX-License-Identifier: Apache-2.0 */
/* Images of the account's own, for DescribeImages, and the snapshots they are made of. */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_OWN_IMAGES_H
#define GPUCLOUD_SIMULATOR_CLOUD_OWN_IMAGES_H

#include "simulator/cloud/ec2.h"

struct own_image_view {
	const struct cloud *cloud;
	const struct image *image;
};

bool own_image_matches(const struct own_image_view *view, const struct filters *filters);
void own_image_write(struct ec2_call *call, const struct image *image);

/* ec2_snapshots.c: one of that disk. */
struct snapshot *snapshot_new(struct cloud *cloud, const struct volume *volume,
			      const char *description, const struct tag_set *tags);

#endif
