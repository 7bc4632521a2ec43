/* SPDX-License-Identifier: Apache-2.0 */
/* Instance types and where they are offered: a pool of the market is an offering. */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "simulator/cloud/ec2.h"
#include "simulator/cloud/market.h"

#define TYPES_MAX      100
#define TYPES_DEFAULT  25 /* a small page, so that clients have to follow tokens */
#define OFFERS_DEFAULT 100

static bool offered(const struct ec2_call *call, const struct type_spec *type)
{
	for (size_t i = 0; i < call->region->nr_zones; i++) {
		if (market_has(call->cloud->config.market, type->name, call->region->zones[i].name))
			return true;
	}
	return false;
}

static const char *number(char *scratch, uint64_t n)
{
	snprintf(scratch, 64, "%llu", (unsigned long long)n);
	return scratch;
}

static const char *type_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct type_spec *type = thing;
	bool free_tier = strcmp(type->name, "t3.micro") == 0;

	if (strcmp(name, "supported-usage-class") == 0)
		return i == 0 ? "on-demand" : i == 1 ? "spot" : NULL;
	if (i > 0)
		return NULL;
	if (strcmp(name, "instance-type") == 0)
		return type->name;
	if (strcmp(name, "processor-info.supported-architecture") == 0)
		return type->arch;
	if (strcmp(name, "vcpu-info.default-vcpus") == 0)
		return number(scratch, type->vcpus);
	if (strcmp(name, "memory-info.size-in-mib") == 0)
		return number(scratch, type->mem_mib);
	if (strcmp(name, "current-generation") == 0)
		return type->old ? "false" : "true";
	if (strcmp(name, "instance-storage-supported") == 0)
		return type->disk_gb ? "true" : "false";
	if (strcmp(name, "free-tier-eligible") == 0 ||
	    strcmp(name, "burstable-performance-supported") == 0)
		return free_tier ? "true" : "false";
	if (strcmp(name, "supported-virtualization-type") == 0)
		return "hvm";
	if (strcmp(name, "supported-root-device-type") == 0)
		return "ebs";
	return "false"; /* bare-metal */
}

static void write_gpus(struct buf *out, const struct type_spec *type)
{
	unsigned logical = type->gpus ? type->gpus : 1;

	out_open(out, "gpuInfo");
	out_open(out, "gpus");
	out_open(out, "item");
	out_str(out, "name", type->gpu);
	out_str(out, "manufacturer", type->gpu_maker);
	out_int(out, "count", type->gpus);
	out_int(out, "logicalGpuCount", logical);
	out_strf(out, "gpuPartitionSize", "%g", type->gpu_partition);
	out_open(out, "memoryInfo");
	out_int(out, "sizeInMiB", type->gpu_mem_mib);
	out_close(out, "memoryInfo");
	out_close(out, "item");
	out_close(out, "gpus");
	out_int(out, "totalGpuMemoryInMiB", (int64_t)logical * type->gpu_mem_mib);
	out_close(out, "gpuInfo");
}

static void write_list(struct buf *out, const char *name, const char *first, const char *second)
{
	out_open(out, name);
	out_str(out, "item", first);
	out_str(out, "item", second);
	out_close(out, name);
}

static void write_disks(struct buf *out, const struct type_spec *type)
{
	out_bool(out, "instanceStorageSupported", type->disk_gb > 0);
	if (!type->disk_gb)
		return;
	out_open(out, "instanceStorageInfo");
	out_int(out, "totalSizeInGB", type->disk_gb);
	out_open(out, "disks");
	out_open(out, "item");
	out_int(out, "sizeInGB", type->disk_gb / type->disks);
	out_int(out, "count", type->disks);
	out_str(out, "type", "ssd");
	out_close(out, "item");
	out_close(out, "disks");
	out_close(out, "instanceStorageInfo");
}

static void write_type(struct buf *out, const struct type_spec *type)
{
	bool arm = strcmp(type->arch, "arm64") == 0;
	bool small = strcmp(type->name, "t3.micro") == 0;

	out_open(out, "item");
	out_str(out, "instanceType", type->name);
	out_bool(out, "currentGeneration", !type->old);
	out_bool(out, "freeTierEligible", small);
	write_list(out, "supportedUsageClasses", "on-demand", "spot");
	write_list(out, "supportedRootDeviceTypes", "ebs", NULL);
	write_list(out, "supportedVirtualizationTypes", "hvm", NULL);
	out_bool(out, "bareMetal", false);
	out_str(out, "hypervisor", type->old && type->quota == CLOUD_QUOTA_P ? "xen" : "nitro");
	out_open(out, "processorInfo");
	write_list(out, "supportedArchitectures", type->arch, NULL);
	out_close(out, "processorInfo");
	out_open(out, "vCpuInfo");
	out_int(out, "defaultVCpus", type->vcpus);
	out_int(out, "defaultCores", arm ? type->vcpus : type->vcpus / 2);
	out_int(out, "defaultThreadsPerCore", arm ? 1 : 2);
	out_close(out, "vCpuInfo");
	out_open(out, "memoryInfo");
	out_int(out, "sizeInMiB", type->mem_mib);
	out_close(out, "memoryInfo");
	write_disks(out, type);
	out_open(out, "networkInfo");
	out_int(out, "maximumNetworkInterfaces", 4);
	out_int(out, "maximumNetworkCards", 1);
	out_bool(out, "ipv6Supported", true);
	out_close(out, "networkInfo");
	if (type->gpu)
		write_gpus(out, type);
	out_bool(out, "hibernationSupported", false);
	out_bool(out, "burstablePerformanceSupported", small);
	out_bool(out, "dedicatedHostsSupported", true);
	out_bool(out, "autoRecoverySupported", !type->gpu);
	out_bool(out, "supportedInRegion", true);
	out_close(out, "item");
}

/* Every named type must be one of the region's; all that are not are told at once. */
static int need_types(struct ec2_call *call, const char *const *names, size_t nr)
{
	struct buf missing = BUF_INIT_MAX(400);

	for (size_t i = 0; i < nr; i++) {
		const struct type_spec *type = type_spec_find(names[i]);

		if (!type || !offered(call, type))
			buf_addf(&missing, "%s%.64s", missing.len ? ", " : "", names[i]);
	}
	if (missing.len)
		ec2_fail(call, "InvalidInstanceType",
			 "The following supplied instance types do not exist: [%s]", missing.data);
	buf_release(&missing);
	return params_failed(call->params) ? -1 : 0;
}

void act_describe_types(struct ec2_call *call)
{
	static const char *const known[] = { "instance-type",
					     "supported-usage-class",
					     "processor-info.supported-architecture",
					     "vcpu-info.default-vcpus",
					     "memory-info.size-in-mib",
					     "current-generation",
					     "instance-storage-supported",
					     "free-tier-eligible",
					     "burstable-performance-supported",
					     "supported-virtualization-type",
					     "supported-root-device-type",
					     "bare-metal",
					     NULL };
	struct filters filters;
	struct page page;
	size_t nr, nr_names, written = 0;
	const struct type_spec *types = type_specs(&nr);
	const char **names = params_list(call->params, "InstanceType", TYPES_MAX, &nr_names);

	params_bool(call->params, "IncludeUnsupportedInRegion", false);
	page_read(call, 5, TYPES_MAX, nr_names ? TYPES_MAX : TYPES_DEFAULT, &page);
	filters_read(call, known, &filters);
	if (page.asked && nr_names > 0)
		ec2_fail(call, "InvalidParameterCombination",
			 "The parameters InstanceTypes and MaxResults cannot be used together");
	if (!ec2_ready(call) || need_types(call, names, nr_names) != 0)
		return;
	out_open(call->out, "instanceTypeSet");
	for (size_t i = (size_t)page.from; i < nr; i++) {
		bool wanted = nr_names == 0;

		for (size_t n = 0; n < nr_names; n++)
			wanted = wanted || strcmp(names[n], types[i].name) == 0;
		if (!wanted || !offered(call, &types[i]) ||
		    !filters_match(&filters, NULL, type_field, &types[i]))
			continue;
		if (written++ == page.max) {
			out_close(call->out, "instanceTypeSet");
			page_next(call, (int64_t)i, 0);
			return;
		}
		write_type(call->out, &types[i]);
	}
	out_close(call->out, "instanceTypeSet");
}

struct offering {
	const struct type_spec *type;
	const char *location;
};

static const char *offering_field(const void *thing, const char *name, size_t i, char *scratch)
{
	const struct offering *offering = thing;

	(void)scratch;
	if (i > 0)
		return NULL;
	return strcmp(name, "location") == 0 ? offering->location : offering->type->name;
}

/* The n-th place of the region by that kind of location, or NULL. */
static const char *location_at(const struct ec2_call *call, const char *kind,
			       const struct type_spec *type, size_t n, bool *exists)
{
	const struct place_zone *zone = n < call->region->nr_zones ? &call->region->zones[n] : NULL;

	*exists = false;
	if (strcmp(kind, "region") == 0) {
		*exists = n == 0 && offered(call, type);
		return n == 0 ? call->region->name : NULL;
	}
	if (!zone)
		return NULL;
	*exists = market_has(call->cloud->config.market, type->name, zone->name);
	return strcmp(kind, "availability-zone") == 0 ? zone->name : zone->id;
}

static const char *location_kind(struct ec2_call *call)
{
	const char *kind = params_get(call->params, "LocationType");

	if (!kind)
		return "region";
	if (strcmp(kind, "region") != 0 && strcmp(kind, "availability-zone") != 0 &&
	    strcmp(kind, "availability-zone-id") != 0)
		ec2_fail(call, "InvalidParameterValue",
			 "Value (%.64s) for parameter LocationType is invalid.", kind);
	return kind;
}

void act_describe_offerings(struct ec2_call *call)
{
	static const char *const known[] = { "instance-type", "location", NULL };
	const char *kind = location_kind(call), *location;
	struct filters filters;
	struct page page;
	size_t nr, written = 0;
	int64_t seen = 0;
	const struct type_spec *types = type_specs(&nr);

	page_read(call, 5, 1000, OFFERS_DEFAULT, &page);
	filters_read(call, known, &filters);
	if (!ec2_ready(call))
		return;
	out_open(call->out, "instanceTypeOfferingSet");
	for (size_t i = 0; i < nr; i++) {
		bool exists;

		for (size_t n = 0; (location = location_at(call, kind, &types[i], n, &exists));
		     n++) {
			struct offering offering = { &types[i], location };

			if (!exists || !filters_match(&filters, NULL, offering_field, &offering) ||
			    seen++ < page.from)
				continue;
			if (written++ == page.max) {
				out_close(call->out, "instanceTypeOfferingSet");
				page_next(call, seen - 1, 0);
				return;
			}
			out_open(call->out, "item");
			out_str(call->out, "instanceType", types[i].name);
			out_str(call->out, "locationType", kind);
			out_str(call->out, "location", location);
			out_close(call->out, "item");
		}
	}
	out_close(call->out, "instanceTypeOfferingSet");
}
