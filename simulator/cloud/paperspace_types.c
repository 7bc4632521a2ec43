/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace's machine types, regions and prices. */
#include <string.h>

#include "core/mem.h"
#include "simulator/cloud/fault.h"
#include "simulator/cloud/paperspace.h"

#define NY2   (1U << PAPER_NY2)
#define CA1   (1U << PAPER_CA1)
#define AMS1  (1U << PAPER_AMS1)
#define WORLD (NY2 | CA1 | AMS1)

/*
 * Where there is which GPU: Paperspace's page "Machines Availability", read in November 2026. Hourly
 * prices: its pricing page of September 2026 and, where that has none, lists of resellers of the same
 * year. There is no price list in the API: what a client believes, it must check against usageRate.
 */
static const struct paper_type types[] = {
	/* name, machine's GPU, accelerator, GPUs, GiB of each, CPUs, GiB of RAM, where, price */
	{ "C5", NULL, NULL, 0, 0, 4, 8, WORLD, 80000 },
	{ "C7", NULL, NULL, 0, 0, 12, 30, WORLD, 300000 },
	{ "GPU+", "M4000", "Quadro M4000", 1, 8, 8, 30, NY2 | AMS1, 450000 },
	{ "P4000", "P4000", "Quadro P4000", 1, 8, 8, 30, WORLD, 510000 },
	{ "P5000", "P5000", "Quadro P5000", 1, 16, 8, 30, WORLD, 780000 },
	{ "P6000", "P6000", "Quadro P6000", 1, 24, 8, 30, WORLD, 1100000 },
	{ "RTX4000", "RTX4000", "Quadro RTX 4000", 1, 8, 8, 30, WORLD, 560000 },
	{ "RTX5000", "RTX5000", "Quadro RTX 5000", 1, 16, 8, 30, NY2, 820000 },
	{ "A4000", "A4000", "RTX A4000", 1, 16, 8, 45, WORLD, 760000 },
	{ "A4000x2", "A4000", "RTX A4000", 2, 16, 16, 90, NY2, 1520000 },
	{ "A5000", "A5000", "RTX A5000", 1, 24, 8, 45, NY2 | CA1, 1380000 },
	{ "A6000", "A6000", "RTX A6000", 1, 48, 8, 45, NY2 | CA1, 1890000 },
	{ "A6000x2", "A6000", "RTX A6000", 2, 48, 16, 90, NY2, 3780000 },
	{ "V100", "V100", "Tesla V100", 1, 16, 8, 30, NY2 | AMS1, 2300000 },
	{ "V100-32G", "V100-32", "Tesla V100", 1, 32, 8, 30, NY2, 2300000 },
	{ "A100", "A100", "A100", 1, 40, 12, 90, NY2, 3090000 },
	{ "A100-80G", "A100", "A100", 1, 80, 12, 90, NY2, 3180000 },
	{ "A100-80Gx8", "A100", "A100", 8, 80, 96, 640, NY2, 25440000 },
	{ "H100", "H100", "H100", 1, 80, 20, 250, NY2, 5950000 },
	{ "H100x8", "H100", "H100", 8, 80, 128, 1638, NY2, 47600000 },
};

static const struct {
	const char *name, *label, *brief;
} regions[PAPER_REGIONS] = {
	[PAPER_NY2] = { "ny2", "East Coast (NY2)", "NY2" },
	[PAPER_CA1] = { "ca1", "West Coast (CA1)", "CA1" },
	[PAPER_AMS1] = { "ams1", "Europe (AMS1)", "AMS1" },
};

/* A month has 730 hours. */
static const struct {
	int64_t gb, usd_per_month;
} disks[] = { { 50, 5 }, { 100, 7 }, { 250, 10 }, { 500, 20 }, { 1000, 40 }, { 2000, 80 } };

const struct paper_type *paper_types(size_t *nr)
{
	*nr = ARRAY_SIZE(types);
	return types;
}

const struct paper_type *paper_type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	}
	return NULL;
}

const char *paper_region_name(enum paper_region region)
{
	return regions[region].name;
}

static bool holds(const struct cloud *cloud, enum fault_kind kind)
{
	return fault_holds(cloud, PAPER_SERVICE, kind, "", "") != NULL;
}

const char *paper_region_label(const struct cloud *cloud, enum paper_region region)
{
	return holds(cloud, FAULT_SHORT_REGIONS) ? regions[region].brief : regions[region].label;
}

int paper_region_parse(const struct cloud *cloud, const char *text)
{
	bool full = !holds(cloud, FAULT_SHORT_REGIONS), brief = !holds(cloud, FAULT_FULL_REGIONS);

	for (int i = 0; i < PAPER_REGIONS; i++) {
		if (full && strcmp(regions[i].label, text) == 0)
			return i;
		if (brief &&
		    (strcmp(regions[i].brief, text) == 0 || strcmp(regions[i].name, text) == 0))
			return i;
	}
	return -1;
}

int64_t paper_disk_price(int64_t gb)
{
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		if (disks[i].gb == gb)
			return disks[i].usd_per_month * 1000000 / 730;
	}
	return -1;
}
