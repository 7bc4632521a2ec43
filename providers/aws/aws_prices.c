/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/aws/aws_prices.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

enum {
	VIRGINIA = 1 << 0,
	OHIO = 1 << 1,
	OREGON = 1 << 2,
	VIRGINIA_OHIO = VIRGINIA | OHIO,
	VIRGINIA_OREGON = VIRGINIA | OREGON,
	OHIO_OREGON = OHIO | OREGON,
	ALL = VIRGINIA | OHIO | OREGON,
};

static const struct {
	const char *name;
	unsigned bit;
} regions[] = {
	{ "us-east-1", VIRGINIA },
	{ "us-east-2", OHIO },
	{ "us-west-2", OREGON },
};

/*
 * Each row agrees in at least two independent copies of AWS's price list. The three regions share
 * their prices for these types, but for two millionths of a dollar on the p4d. A region is left out
 * where no copy lists the type.
 */
static const struct aws_builtin_row rows[] = {
	{ "g3.16xlarge", 4560000, ALL, 0 },
	{ "g3.4xlarge", 1140000, ALL, 0 },
	{ "g3.8xlarge", 2280000, ALL, 0 },
	{ "g3s.xlarge", 750000, ALL, 0 },
	{ "g4dn.12xlarge", 3912000, ALL, 0 },
	{ "g4dn.16xlarge", 4352000, ALL, 0 },
	{ "g4dn.2xlarge", 752000, ALL, 0 },
	{ "g4dn.4xlarge", 1204000, ALL, 0 },
	{ "g4dn.8xlarge", 2176000, ALL, 0 },
	{ "g4dn.metal", 7824000, ALL, 0 },
	{ "g4dn.xlarge", 526000, ALL, 0 },
	{ "g5.12xlarge", 5672000, ALL, 0 },
	{ "g5.16xlarge", 4096000, ALL, 0 },
	{ "g5.24xlarge", 8144000, ALL, 0 },
	{ "g5.2xlarge", 1212000, ALL, 0 },
	{ "g5.48xlarge", 16288000, ALL, 0 },
	{ "g5.4xlarge", 1624000, ALL, 0 },
	{ "g5.8xlarge", 2448000, ALL, 0 },
	{ "g5.xlarge", 1006000, ALL, 0 },
	{ "g5g.16xlarge", 2744000, VIRGINIA_OREGON, 0 },
	{ "g5g.2xlarge", 556000, VIRGINIA_OREGON, 0 },
	{ "g5g.4xlarge", 828000, VIRGINIA_OREGON, 0 },
	{ "g5g.8xlarge", 1372000, VIRGINIA_OREGON, 0 },
	{ "g5g.metal", 2744000, VIRGINIA_OREGON, 0 },
	{ "g5g.xlarge", 420000, VIRGINIA_OREGON, 0 },
	{ "g6.12xlarge", 4601600, ALL, 0 },
	{ "g6.16xlarge", 3396800, ALL, 0 },
	{ "g6.24xlarge", 6675200, ALL, 0 },
	{ "g6.2xlarge", 977600, ALL, 0 },
	{ "g6.48xlarge", 13350400, ALL, 0 },
	{ "g6.4xlarge", 1323200, ALL, 0 },
	{ "g6.8xlarge", 2014400, ALL, 0 },
	{ "g6.xlarge", 804800, ALL, 0 },
	{ "g6e.12xlarge", 10492640, ALL, 0 },
	{ "g6e.16xlarge", 7577190, ALL, 0 },
	{ "g6e.24xlarge", 15065590, ALL, 0 },
	{ "g6e.2xlarge", 2242080, ALL, 0 },
	{ "g6e.48xlarge", 30131180, ALL, 0 },
	{ "g6e.4xlarge", 3004240, ALL, 0 },
	{ "g6e.8xlarge", 4528560, ALL, 0 },
	{ "g6e.xlarge", 1861000, ALL, 0 },
	{ "g6f.2xlarge", 475000, ALL, 0 },
	{ "g6f.4xlarge", 950000, ALL, 0 },
	{ "g6f.large", 202000, ALL, 0 },
	{ "g6f.xlarge", 237500, ALL, 0 },
	{ "g7e.12xlarge", 8286080, VIRGINIA_OHIO, 0 },
	{ "g7e.24xlarge", 16572160, VIRGINIA_OHIO, 0 },
	{ "g7e.2xlarge", 3363120, VIRGINIA_OHIO, 0 },
	{ "g7e.48xlarge", 33144320, VIRGINIA_OHIO, 0 },
	{ "g7e.4xlarge", 3998160, VIRGINIA_OHIO, 0 },
	{ "g7e.8xlarge", 5268240, VIRGINIA_OHIO, 0 },
	{ "gr6.4xlarge", 1539200, ALL, 0 },
	{ "gr6.8xlarge", 2446400, ALL, 0 },
	{ "gr6f.4xlarge", 1066000, ALL, 0 },
	{ "p2.16xlarge", 14400000, ALL, 0 },
	{ "p2.8xlarge", 7200000, ALL, 0 },
	{ "p2.xlarge", 900000, ALL, 0 },
	{ "p3.16xlarge", 24480000, ALL, 0 },
	{ "p3.2xlarge", 3060000, ALL, 0 },
	{ "p3.8xlarge", 12240000, ALL, 0 },
	{ "p3dn.24xlarge", 31212000, VIRGINIA_OREGON, 0 },
	{ "p4d.24xlarge", 21957640, OHIO_OREGON, 0 },
	{ "p4d.24xlarge", 21957642, VIRGINIA, 0 },
	{ "p4de.24xlarge", 27447050, VIRGINIA_OREGON, 0 },
	{ "p5.48xlarge", 55040000, ALL, 0 },
	{ "p5.4xlarge", 6880000, ALL, 0 },
	{ "p5en.48xlarge", 63296000, ALL, 0 },
};

const struct aws_builtin_row *aws_builtin_rows(size_t *nr)
{
	*nr = ARRAY_SIZE(rows);
	return rows;
}

static unsigned region_bit(const char *region)
{
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		if (strcmp(regions[i].name, region) == 0)
			return regions[i].bit;
	return 0;
}

static int by_type(const void *key, const void *row)
{
	return strcmp(key, ((const struct aws_builtin_row *)row)->type);
}

int aws_builtin_price(const char *region, const char *type, int64_t *micros, int64_t *as_of)
{
	unsigned bit = region_bit(region);
	const struct aws_builtin_row *row =
		bsearch(type, rows, ARRAY_SIZE(rows), sizeof(rows[0]), by_type);

	if (!bit || !row)
		return -1;
	while (row > rows && strcmp(row[-1].type, type) == 0)
		row--;
	for (; row < rows + ARRAY_SIZE(rows) && strcmp(row->type, type) == 0; row++) {
		if (!(row->regions & bit))
			continue;
		*micros = row->micros;
		*as_of = row->as_of ? row->as_of : AWS_BUILTIN_AS_OF;
		return 0;
	}
	return -1;
}
