/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance types that the simulated EC2 knows, as DescribeInstanceTypes reports them.
 * https://aws.amazon.com/ec2/instance-types/ ; prices: Linux on demand in us-east-1.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_TYPES_H
#define GPUCLOUD_SIMULATOR_CLOUD_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulator/cloud/cloud.h"

struct type_spec {
	const char *name; /* "p3.2xlarge" */
	unsigned vcpus;
	unsigned mem_mib;
	const char *arch;	     /* "x86_64" or "arm64" */
	const char *gpu, *gpu_maker; /* "V100", "NVIDIA"; NULL: none */
	unsigned gpus;		     /* whole GPUs; 0 where it has a slice of one */
	unsigned gpu_mem_mib;	     /* of each GPU, or of the slice */
	double gpu_partition;	     /* 1.0, or the share of one GPU */
	unsigned disk_gb;	     /* instance store in all; 0: none */
	unsigned disks;
	int64_t on_demand; /* micro-dollars per hour in us-east-1 */
	bool old;	   /* not current generation */
	enum cloud_quota quota;
};

const struct type_spec *type_specs(size_t *nr); /* sorted by name */
const struct type_spec *type_spec_find(const char *name);

/* On demand there: what the market's table says for the region, else us-east-1's times a factor. */
struct market;
int64_t type_on_demand(const struct market *market, const struct type_spec *type,
		       const char *region);

#endif
