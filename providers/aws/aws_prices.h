/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On-demand prices that are built in: the fallback where the Pricing API cannot be asked (no
 * permission, no network to it). Linux, shared tenancy, no licence; NVIDIA GPU types in us-east-1,
 * us-east-2 and us-west-2 only. Prices do change: whoever shows one of these says its date.
 *
 * A price does not mean that the region has the type: DescribeInstanceTypeOfferings says that.
 * https://aws.amazon.com/ec2/pricing/on-demand/
 */
#ifndef GPUCLOUD_PROVIDERS_AWS_AWS_PRICES_H
#define GPUCLOUD_PROVIDERS_AWS_AWS_PRICES_H

#include <stddef.h>
#include <stdint.h>

#define AWS_BUILTIN_AS_OF INT64_C(1768953600) /* 2026-01-21, midnight UTC */

/* Micro-dollars per hour, and when (Unix s) that was the price. 0, or -1 where none is known. */
int aws_builtin_price(const char *region, const char *type, int64_t *micros, int64_t *as_of);

/* The table itself, sorted by type. */
struct aws_builtin_row {
	const char *type;
	int64_t micros;
	unsigned regions; /* private bits */
	int64_t as_of;	  /* 0: AWS_BUILTIN_AS_OF */
};
const struct aws_builtin_row *aws_builtin_rows(size_t *nr);

#endif
