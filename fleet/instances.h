/* SPDX-License-Identifier: Apache-2.0 */
/* Finding instances again: by tag from the cloud, by name or id as a person says it. */
#ifndef GPUCLOUD_FLEET_INSTANCES_H
#define GPUCLOUD_FLEET_INSTANCES_H

#include "fleet/fleet.h"

/* True for an id of the cloud in use ("i-0123..."), which is never a name there. */
bool instance_is_id(const struct fleet *fleet, const char *text);

/* A name or an id typed by a person: ERROR_USAGE where it can be neither, on any cloud. */
int instance_check_target(const char *target, struct error *err);

/*
 * All live instances that carry `target` as name (of this owner) or id, in the named regions or
 * else in the region the journal knows, or in all. Ended ones only with with_gone. An empty list is
 * a success. A region that did not answer is among ret->failures.
 */
int instances_find(struct fleet *fleet, const char *target, const struct region_choice *regions,
		   bool with_gone, struct instance_list *ret, struct error *err);

/* Exactly one, or, of a name that nothing living carries, the last one this journal knew: none is ERROR_NOT_FOUND, several ERROR_CONFLICT naming their ids. */
int instance_find_one(struct fleet *fleet, const char *target, const struct region_choice *regions,
		      bool with_gone, struct instance_list *ret, struct error *err);

#endif
