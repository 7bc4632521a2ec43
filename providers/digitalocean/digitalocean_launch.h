/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a launch share: digitalocean_launch.c takes the steps, digitalocean_create.c makes
 * the droplet's own request and reads its reply. */
#ifndef GPUCLOUD_PROVIDERS_DIGITALOCEAN_DIGITALOCEAN_LAUNCH_H
#define GPUCLOUD_PROVIDERS_DIGITALOCEAN_DIGITALOCEAN_LAUNCH_H

#include "providers/digitalocean/digitalocean.h"

#define OCEAN_PLAN_TAGS 64

struct ocean_plan {
	const struct launch_request *request;
	const struct launch_steps *steps;
	struct arena arena;
	char name[OCEAN_TEXT_MAX + 1];	   /* of the firewall */
	char key_name[OCEAN_TEXT_MAX + 1]; /* and of the key */
	bool has_key;
	struct ocean_key key;
	const char *image, *image_name; /* slug or id */
	unsigned image_gib;
	const char *tags[OCEAN_PLAN_TAGS]; /* of the droplet */
	size_t nr_tags;
};

/* All tags of the droplet to be. */
int ocean_tags_plan(struct ocean_plan *plan, struct error *err);
/* The hash of the request, for launch_steps.intend: the same for the same launch, whenever. */
void ocean_create_hash(struct provider *p, const struct ocean_plan *plan, char out[SHA256_HEX_MAX]);
void ocean_create_show(struct provider *p, const struct ocean_plan *plan);
/* Sends it, once. */
int ocean_create(struct provider *p, const struct ocean_plan *plan, struct launch_result *ret,
		 struct error *err);
/* A result that says what was asked for, of a droplet without an id. */
void ocean_result(const struct ocean_plan *plan, struct launch_result *ret);

#endif
