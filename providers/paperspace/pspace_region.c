/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three regions, each in many spellings: the vendor's pages write "NY2", working clients send "East
 * Coast (NY2)", addresses come back as "ny2". Ours is the last.
 */
#include <string.h>
#include <strings.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

static const struct {
	const char *name, *brief, *full, *place;
} regions[PSPACE_REGIONS] = {
	{ "ny2", "NY2", "East Coast (NY2)", "East Coast" },
	{ "ca1", "CA1", "West Coast (CA1)", "West Coast" },
	{ "ams1", "AMS1", "Europe (AMS1)", "Europe" },
};

static int find(const char *text)
{
	for (int i = 0; text && i < PSPACE_REGIONS; i++)
		if (!strcasecmp(text, regions[i].name) || !strcasecmp(text, regions[i].full) ||
		    !strcasecmp(text, regions[i].place))
			return i;
	return -1;
}

const char *pspace_region_find(const char *text)
{
	int i = find(text);

	return i < 0 ? NULL : regions[i].name;
}

unsigned pspace_region_bit(const char *region)
{
	int i = find(region);

	return i < 0 ? 0 : 1U << i;
}

const char *pspace_region_label(const struct provider *p, const char *region)
{
	int i = find(region);

	return p->spelling == PSPACE_FULL ? regions[i].full : regions[i].brief;
}

bool pspace_region_respell(struct provider *p, const struct error *err)
{
	if (err->http_status != 400 || p->spelling != PSPACE_FULL ||
	    !strcasestr(err->message, "region"))
		return false;
	log_info("paperspace",
		 "a region's full name was refused; its short one is used from now on");
	p->spelling = PSPACE_SHORT;
	return true;
}

const char *pspace_region_read(const char *text, struct arena *arena)
{
	const char *known = pspace_region_find(text);
	char label[64];

	if (known)
		return known;
	text_to_label(label, text ? text : "");
	return text && *text ? arena_strdup(arena, label) : "unknown";
}
