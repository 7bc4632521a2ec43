/* SPDX-License-Identifier: Apache-2.0 */
/* Ingress rules of a security group. */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_RULES_H
#define GPUCLOUD_SIMULATOR_CLOUD_RULES_H

#include "simulator/cloud/ec2.h"

/* By id, or by name in the default VPC; fails as EC2 does. */
struct group *group_need(struct ec2_call *call, const char *id, const char *name);

/* IpPermissions.N: one rule per address block, added to the group. */
void rules_read(struct ec2_call *call, struct group *group);
void rules_cut(struct group *group, size_t nr); /* drops all but the first nr */
/* Drops those that `which` holds; one that is not there fails, and then none is dropped. */
void rules_drop(struct ec2_call *call, struct group *group, const struct group *which);
void rules_write(struct buf *out, const struct group *group);
void rules_write_new(struct ec2_call *call, const struct group *group, size_t from);

#endif
