/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/types.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/money.h"
#include "simulator/cloud/market.h"
#include "simulator/cloud/places.h"

#define GIB    1024
#define X86    "x86_64"
#define USD(x) ((int64_t)((x)*1e6 + 0.5))
#define STD    CLOUD_QUOTA_STANDARD
#define G      CLOUD_QUOTA_G
#define P      CLOUD_QUOTA_P
#define NV     "NVIDIA"

/*
 * The counts of a slice are what EC2 says of them: no whole GPU, and the share. Whoever reads only
 * the count of GPUs, or only their name, gets g6f wrong.
 */
static const struct type_spec types[] = {
	/* name vcpus mem arch gpu maker gpus gpu-mem share disk disks price old quota */
	{ "c3.xlarge", 4, 7680, X86, NULL, NULL, 0, 0, 0, 80, 2, USD(0.21), true, STD },
	{ "g2.2xlarge", 8, 15 * GIB, X86, "K520", NV, 1, 4096, 1, 60, 1, USD(0.65), true, G },
	{ "g4ad.xlarge", 4, 16 * GIB, X86, "Radeon Pro V520", "AMD", 1, 8192, 1, 150, 1,
	  USD(0.37853), false, G },
	{ "g4dn.12xlarge", 48, 192 * GIB, X86, "T4", NV, 4, 16384, 1, 900, 1, USD(3.912), false,
	  G },
	{ "g4dn.16xlarge", 64, 256 * GIB, X86, "T4", NV, 1, 16384, 1, 900, 1, USD(4.352), false,
	  G },
	{ "g4dn.2xlarge", 8, 32 * GIB, X86, "T4", NV, 1, 16384, 1, 225, 1, USD(0.752), false, G },
	{ "g4dn.4xlarge", 16, 64 * GIB, X86, "T4", NV, 1, 16384, 1, 225, 1, USD(1.204), false, G },
	{ "g4dn.8xlarge", 32, 128 * GIB, X86, "T4", NV, 1, 16384, 1, 900, 1, USD(2.176), false, G },
	{ "g4dn.xlarge", 4, 16 * GIB, X86, "T4", NV, 1, 16384, 1, 125, 1, USD(0.526), false, G },
	{ "g5.12xlarge", 48, 192 * GIB, X86, "A10G", NV, 4, 22888, 1, 3800, 1, USD(5.672), true,
	  G },
	{ "g5.16xlarge", 64, 256 * GIB, X86, "A10G", NV, 1, 22888, 1, 1900, 1, USD(4.096), true,
	  G },
	{ "g5.24xlarge", 96, 384 * GIB, X86, "A10G", NV, 4, 22888, 1, 3800, 1, USD(8.144), true,
	  G },
	{ "g5.2xlarge", 8, 32 * GIB, X86, "A10G", NV, 1, 22888, 1, 450, 1, USD(1.212), true, G },
	{ "g5.48xlarge", 192, 768 * GIB, X86, "A10G", NV, 8, 22888, 1, 7600, 2, USD(16.288), true,
	  G },
	{ "g5.4xlarge", 16, 64 * GIB, X86, "A10G", NV, 1, 22888, 1, 600, 1, USD(1.624), true, G },
	{ "g5.8xlarge", 32, 128 * GIB, X86, "A10G", NV, 1, 22888, 1, 900, 1, USD(2.448), true, G },
	{ "g5.xlarge", 4, 16 * GIB, X86, "A10G", NV, 1, 22888, 1, 250, 1, USD(1.006), true, G },
	{ "g5g.xlarge", 4, 8 * GIB, "arm64", "T4g", NV, 1, 16384, 1, 0, 0, USD(0.42), false, G },
	{ "g6.12xlarge", 48, 192 * GIB, X86, "L4", NV, 4, 22888, 1, 3760, 4, USD(4.6016), false,
	  G },
	{ "g6.16xlarge", 64, 256 * GIB, X86, "L4", NV, 1, 22888, 1, 1880, 2, USD(3.3968), false,
	  G },
	{ "g6.24xlarge", 96, 384 * GIB, X86, "L4", NV, 4, 22888, 1, 3760, 4, USD(6.6752), false,
	  G },
	{ "g6.2xlarge", 8, 32 * GIB, X86, "L4", NV, 1, 22888, 1, 450, 1, USD(0.9776), false, G },
	{ "g6.48xlarge", 192, 768 * GIB, X86, "L4", NV, 8, 22888, 1, 7520, 8, USD(13.3504), false,
	  G },
	{ "g6.4xlarge", 16, 64 * GIB, X86, "L4", NV, 1, 22888, 1, 600, 1, USD(1.3232), false, G },
	{ "g6.8xlarge", 32, 128 * GIB, X86, "L4", NV, 1, 22888, 1, 900, 2, USD(2.0144), false, G },
	{ "g6.xlarge", 4, 16 * GIB, X86, "L4", NV, 1, 22888, 1, 250, 1, USD(0.8048), false, G },
	{ "g6e.2xlarge", 8, 64 * GIB, X86, "L40S", NV, 1, 45776, 1, 450, 1, USD(2.24208), false,
	  G },
	{ "g6e.xlarge", 4, 32 * GIB, X86, "L40S", NV, 1, 45776, 1, 250, 1, USD(1.861), false, G },
	{ "g6f.2xlarge", 8, 32 * GIB, X86, "L4", NV, 0, 5722, 0.25, 200, 1, USD(0.48), false, G },
	{ "g6f.4xlarge", 16, 64 * GIB, X86, "L4", NV, 0, 11444, 0.5, 450, 1, USD(0.96), false, G },
	{ "g6f.large", 2, 8 * GIB, X86, "L4", NV, 0, 2861, 0.125, 100, 1, USD(0.2), false, G },
	{ "g6f.xlarge", 4, 16 * GIB, X86, "L4", NV, 0, 2861, 0.125, 100, 1, USD(0.24), false, G },
	{ "p2.16xlarge", 64, 732 * GIB, X86, "K80", NV, 16, 12288, 1, 0, 0, USD(14.4), true, P },
	{ "p2.8xlarge", 32, 488 * GIB, X86, "K80", NV, 8, 12288, 1, 0, 0, USD(7.2), true, P },
	{ "p2.xlarge", 4, 61 * GIB, X86, "K80", NV, 1, 12288, 1, 0, 0, USD(0.9), true, P },
	{ "p3.16xlarge", 64, 488 * GIB, X86, "V100", NV, 8, 16384, 1, 0, 0, USD(24.48), true, P },
	{ "p3.2xlarge", 8, 61 * GIB, X86, "V100", NV, 1, 16384, 1, 0, 0, USD(3.06), true, P },
	{ "p3.8xlarge", 32, 244 * GIB, X86, "V100", NV, 4, 16384, 1, 0, 0, USD(12.24), true, P },
	{ "p3dn.24xlarge", 96, 768 * GIB, X86, "V100", NV, 8, 32768, 1, 1800, 2, USD(31.212), true,
	  P },
	{ "p4d.24xlarge", 96, 1152 * GIB, X86, "A100", NV, 8, 40960, 1, 8000, 8, USD(21.957642),
	  false, P },
	{ "p5.48xlarge", 192, 2048 * GIB, X86, "H100", NV, 8, 81920, 1, 30400, 8, USD(55.04), false,
	  P },
	{ "p5.4xlarge", 16, 256 * GIB, X86, "H100", NV, 1, 81920, 1, 3800, 1, USD(6.88), false, P },
	{ "t3.micro", 2, 1 * GIB, X86, NULL, NULL, 0, 0, 0, 0, 0, USD(0.0104), false, STD },
};

const struct type_spec *type_specs(size_t *nr)
{
	*nr = ARRAY_SIZE(types);
	return types;
}

static int compare_name(const void *key, const void *member)
{
	return strcmp(key, ((const struct type_spec *)member)->name);
}

const struct type_spec *type_spec_find(const char *name)
{
	return bsearch(name, types, ARRAY_SIZE(types), sizeof(types[0]), compare_name);
}

int64_t type_on_demand(const struct market *market, const struct type_spec *type,
		       const char *region)
{
	int64_t told = market ? market_on_demand(market, type->name, region) : MONEY_UNKNOWN;
	const struct place_region *place = place_region_find(region);

	if (told != MONEY_UNKNOWN)
		return told;
	return type->on_demand * (place ? place->price_percent : 100) / 100;
}
