/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public machine images of the simulated world: one list for EC2's DescribeImages and for the
 * SSM parameters that point to them. Ids differ per region, as they do on EC2, and are the same in
 * every run.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_IMAGES_H
#define GPUCLOUD_SIMULATOR_CLOUD_IMAGES_H

#include <stddef.h>

#define SIM_IMAGE_ID_MAX 22 /* "ami-" and 17 hex digits */

struct sim_image {
	const char *name; /* "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04)..." */
	const char *description;
	const char *architecture; /* "x86_64" or "arm64" */
	const char *owner_id;	  /* twelve digits */
	const char *owner_alias;  /* "amazon" */
	const char *root_device;  /* "/dev/sda1" */
	int root_gib;		  /* size of its root snapshot: the least a root disk may have */
	const char *created;	  /* "2025-11-07T08:00:00.000Z" */
	const char *parameter;	  /* the public SSM parameter holding its id */
};

size_t sim_images_count(void);
const struct sim_image *sim_image_at(size_t i);

/* Writes the image's id in that region; returns out. */
char *sim_image_id(const struct sim_image *image, const char *region, char out[SIM_IMAGE_ID_MAX]);

/* NULL where no image has that id in that region. */
const struct sim_image *sim_image_find(const char *region, const char *id);

#endif
