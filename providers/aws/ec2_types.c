/* SPDX-License-Identifier: Apache-2.0 */
/* Instance types: what DescribeInstanceTypes says of one, and what a person calls its GPU. */
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "providers/aws/ec2.h"

#define GPUS_MAX 1024
#define MIB_MAX	 (UINT64_C(1) << 32) /* 4 PiB */

static bool has_item(const struct _xmlNode *node, const char *path, const char *value)
{
	const struct _xmlNode *set = xml_find(node, path);
	const struct _xmlNode *item = NULL;

	while (set && (item = xml_each(set, "item", item)) != NULL)
		if (text_equal(xml_text(item, NULL), value))
			return true;
	return false;
}

static const char *arch_of(const struct _xmlNode *item)
{
	static const char *const known[] = { "x86_64", "arm64" };

	for (size_t i = 0; i < 2; i++)
		if (has_item(item, "processorInfo/supportedArchitectures", known[i]))
			return known[i];
	return NULL;
}

/* "NVIDIA Tesla V100" is "V100". */
static const char *bare_name(const char *name)
{
	static const char *const prefixes[] = { "NVIDIA ", "Tesla " };

	for (size_t i = 0; i < 2; i++)
		if (!strncasecmp(name, prefixes[i], strlen(prefixes[i])))
			name += strlen(prefixes[i]);
	return name;
}

/* As a decimal, not by strtod(): that one reads as the user's language does. */
static int parse_fraction(const char *text, double *ret, struct error *err)
{
	int64_t millionths;
	struct error bad;

	if (money_parse(text, "gpuPartitionSize", &millionths, &bad) || millionths <= 0 ||
	    millionths > USD_MICROS)
		return error_set(err, ERROR_PROTOCOL,
				 "'gpuPartitionSize' of the reply is out of bounds");
	*ret = (double)millionths / (double)USD_MICROS;
	return 0;
}

static int parse_gpus(const struct _xmlNode *item, struct arena *arena, struct offer *ret,
		      bool *ret_nvidia, struct error *err)
{
	const struct _xmlNode *gpus = xml_find(item, "gpuInfo/gpus");
	const struct _xmlNode *gpu = NULL;
	uint64_t mem = 0, total = 0;

	while (gpus && (gpu = xml_each(gpus, "item", gpu)) != NULL) {
		uint64_t count, each;
		if (ec2_number(gpu, "count", GPUS_MAX, &count, err) ||
		    ec2_number(gpu, "memoryInfo/sizeInMiB", MIB_MAX, &each, err))
			return -1;
		const char *part = xml_text(gpu, "gpuPartitionSize");
		if (part && *part && parse_fraction(part, &ret->gpu_fraction, err))
			return -1;
		if (!*ret->gpu)
			ret->gpu = bare_name(ec2_text(arena, gpu, "name", 40));
		if (text_equal(xml_text(gpu, "manufacturer"), "NVIDIA") ||
		    text_equal(xml_text(gpu, "manufacturer"), "Nvidia"))
			*ret_nvidia = true;
		ret->gpu_count += (unsigned)count;
		mem += count * each;
		if (ret->gpu_count > GPUS_MAX)
			return error_set(err, ERROR_PROTOCOL,
					 "'count' of the reply is out of bounds");
	}
	if (ec2_number(item, "gpuInfo/totalGpuMemoryInMiB", MIB_MAX, &total, err))
		return -1;
	ret->gpu_mem_mib = total ? total : mem;
	return 0;
}

int ec2_type_parse(const struct _xmlNode *item, struct arena *arena, struct offer *ret,
		   bool *ret_nvidia, struct error *err)
{
	struct offer offer = {
		.provider = "aws", .gpu = "", .gpu_fraction = 1, .on_demand = MONEY_UNKNOWN
	};
	const char *name = xml_text(item, "instanceType");
	uint64_t vcpus;

	*ret_nvidia = false;
	if (!ec2_name_ok(name))
		return error_set(err, ERROR_PROTOCOL, "'instanceType' of the reply is no type");
	offer.arch = arch_of(item);
	if (offer.arch)
		offer.type = arena_strdup(arena, name);
	if (ec2_number(item, "vCpuInfo/defaultVCpus", 65536, &vcpus, err) ||
	    ec2_number(item, "memoryInfo/sizeInMiB", MIB_MAX, &offer.mem_mib, err) ||
	    parse_gpus(item, arena, &offer, ret_nvidia, err))
		return error_prefix(err, "type '%s'", name);
	offer.vcpus = (unsigned)vcpus;
	offer.spot = has_item(item, "supportedUsageClasses", "spot");
	*ret = offer;
	return 0;
}

/* Lower case letters and digits; every run of anything else becomes one '-'. */
static void words(char *out, size_t max, const char *s)
{
	size_t n = 0;

	for (; *s && n + 1 < max; s++) {
		char c = *s;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = c;
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n && out[n - 1] == '-')
		n--;
	out[n] = '\0';
}

/* Cuts "-80gb" or "-80g" off the end; 0 where there is none. */
static unsigned cut_memory(char *s)
{
	char *dash = strrchr(s, '-');
	unsigned gib = 0;

	if (!dash)
		return 0;
	char *c = dash + 1;
	for (; *c >= '0' && *c <= '9' && gib < 10000; c++)
		gib = gib * 10 + (unsigned)(*c - '0');
	if (c == dash + 1 || (strcmp(c, "gb") && strcmp(c, "g") && strcmp(c, "gib")))
		return 0;
	*dash = '\0';
	return gib;
}

bool ec2_gpu_matches(const struct offer *offer, const char *wanted)
{
	char have[64], want[64];

	words(have, sizeof(have), offer->gpu);
	words(want, sizeof(want), bare_name(wanted));
	static const char *const prefixes[] = { "nvidia-", "tesla-" };
	for (size_t i = 0; i < 2; i++)
		if (text_starts_with(want, prefixes[i]))
			memmove(want, want + strlen(prefixes[i]),
				strlen(want + strlen(prefixes[i])) + 1);
	unsigned gib = cut_memory(want);
	size_t len = strlen(want);
	/* Whole words: "a10" must not find the A100, nor "l4" the L40S. */
	if (!len || strncmp(have, want, len) || (have[len] && have[len] != '-'))
		return false;
	if (!gib)
		return true;
	if (!offer->gpu_count)
		return false;
	/* Vendors count in GB, and the cards keep some of it for themselves. */
	double each = (double)offer->gpu_mem_mib / offer->gpu_count / 1024;
	return each > gib * 0.88 && each < gib * 1.08;
}
