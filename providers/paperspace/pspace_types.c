/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine types and what they cost: the API has no list of either, but for the names that a template
 * can be had on. A machine tells its true rate (usageRate) once it is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

enum { /* pspace_region_bit() */
	NY2 = 1 << 0,
	CA1 = 1 << 1,
	AMS1 = 1 << 2,
	WORLD = NY2 | CA1 | AMS1,
};

/*
 * Sizes: the vendor's page "Machine Types" (June 2025); of machines with several GPUs, which it
 * counts only, what its console showed. Regions: its page "Availability" (2026), and of several GPUs
 * the console, where the two agree.
 *
 * Prices, dollars an hour; the letter says which sources have that figure:
 *   P  paperspace.com/pricing, read 20 Sep 2026
 *   C  what the vendor's console showed, as users have published it since 2025
 *   S  the catalogue of SkyPilot, version 6
 * The pricing page shows A100 and H100 with a commitment of years only: 1.15 and 2.24. These are not
 * what an hour costs. Types that the console showed nowhere are left out.
 *
 * https://docs.digitalocean.com/products/paperspace/machines/details/machine-types/
 * https://docs.digitalocean.com/products/paperspace/machines/details/availability/
 */
static const struct pspace_type types[] = {
	{ "A100", "A100", 1, 40, 12, 90, NY2, 3090000 },	      /* C */
	{ "A100-80G", "A100", 1, 80, 12, 90, NY2, 3180000 },	      /* C S */
	{ "A100-80Gx8", "A100", 8, 80, 96, 720, NY2, 25440000 },      /* C S */
	{ "A4000", "A4000", 1, 16, 8, 45, WORLD, 760000 },	      /* P C S */
	{ "A4000x2", "A4000", 2, 16, 16, 90, WORLD, 1520000 },	      /* C S */
	{ "A4000x4", "A4000", 4, 16, 32, 180, WORLD, 3040000 },	      /* C S */
	{ "A5000", "A5000", 1, 24, 8, 45, NY2 | CA1, 1380000 },	      /* P C */
	{ "A5000x2", "A5000", 2, 24, 16, 90, NY2, 2760000 },	      /* C */
	{ "A5000x4", "A5000", 4, 24, 32, 180, NY2, 5520000 },	      /* C */
	{ "A6000", "A6000", 1, 48, 8, 45, NY2 | CA1, 1890000 },	      /* P C */
	{ "A6000x2", "A6000", 2, 48, 16, 90, NY2, 3780000 },	      /* C */
	{ "A6000x4", "A6000", 4, 48, 32, 180, NY2, 7560000 },	      /* C */
	{ "C5", "", 0, 0, 4, 8, WORLD, 80000 },			      /* C S */
	{ "C6", "", 0, 0, 8, 16, WORLD, 160000 },		      /* C S */
	{ "C7", "", 0, 0, 12, 30, WORLD, 300000 },		      /* C S */
	{ "C8", "", 0, 0, 16, 60, WORLD, 600000 },		      /* C S */
	{ "C9", "", 0, 0, 24, 120, NY2, 900000 },		      /* C S */
	{ "GPU+", "M4000", 1, 8, 8, 30, NY2 | AMS1, 450000 },	      /* C S */
	{ "H100", "H100", 1, 80, 20, 250, NY2, 5950000 },	      /* C S */
	{ "H100x8", "H100", 8, 80, 128, 1638, NY2, 47600000 },	      /* C S */
	{ "P4000", "P4000", 1, 8, 8, 30, WORLD, 510000 },	      /* C S */
	{ "P4000x2", "P4000", 2, 8, 16, 60, WORLD, 1020000 },	      /* C S */
	{ "P5000", "P5000", 1, 16, 8, 30, WORLD, 780000 },	      /* C */
	{ "P5000x2", "P5000", 2, 16, 16, 60, WORLD, 1560000 },	      /* C */
	{ "P6000", "P6000", 1, 24, 8, 30, WORLD, 1100000 },	      /* P C */
	{ "P6000x2", "P6000", 2, 24, 16, 60, WORLD, 2200000 },	      /* C */
	{ "RTX4000", "RTX4000", 1, 8, 8, 30, WORLD, 560000 },	      /* C */
	{ "RTX4000x2", "RTX4000", 2, 8, 16, 60, NY2 | CA1, 1120000 }, /* C */
	{ "RTX5000", "RTX5000", 1, 16, 8, 30, NY2, 820000 },	      /* C */
	{ "RTX5000x2", "RTX5000", 2, 16, 16, 60, NY2, 1640000 },      /* C */
	{ "V100", "V100", 1, 16, 8, 30, NY2 | AMS1, 2300000 },	      /* P C; S: 2.29 */
	{ "V100-32G", "V100", 1, 32, 8, 30, NY2, 2300000 },	      /* C S */
	{ "V100-32Gx2", "V100", 2, 32, 16, 60, NY2, 4600000 },	      /* C S */
	{ "V100-32Gx4", "V100", 4, 32, 32, 120, NY2, 9200000 },	      /* C S */
};

const struct pspace_type *pspace_types(size_t *nr)
{
	*nr = ARRAY_SIZE(types);
	return types;
}

const struct pspace_type *pspace_type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].name, name))
			return &types[i];
	return NULL;
}

bool pspace_type_guess(const char *name, struct pspace_type *ret)
{
	const char *x = strrchr(name, 'x');
	char base[64];

	if (!x || x == name || (size_t)(x - name) >= sizeof(base) || strlen(x + 1) > 2 || !x[1] ||
	    x[1 + strspn(x + 1, "0123456789")])
		return false;
	snprintf(base, sizeof(base), "%.*s", (int)(x - name), name);
	const struct pspace_type *one = pspace_type_find(base);
	unsigned n = (unsigned)strtoul(x + 1, NULL, 10);
	if (!one || one->gpus != 1 || n < 2 || n > 16)
		return false;
	*ret = *one;
	ret->gpus = n;
	ret->vcpus *= n;
	ret->ram_gib *= n;
	ret->micros = MONEY_UNKNOWN;
	return true;
}

bool pspace_type_name_ok(const char *name)
{
	return name && text_is_token(name, "+-_.", 40);
}
