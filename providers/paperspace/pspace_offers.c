/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers: the types that the cloud's templates can be had on now, with what is built in of them. A
 * type that the table lacks is told without a price; one that no template knows is not told.
 */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

/* Lower case letters and digits only. */
static void squeeze(char *out, size_t max, const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < max; i++) {
		char c = s[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = c;
	}
	out[n] = '\0';
}

/* The length of s before "-80gb" or " 80G" at its end, and that number; 0: none. */
static size_t cut_memory(const char *s, unsigned *gib)
{
	size_t len = strlen(s), end = len, digits;

	*gib = 0;
	while (end && strchr("gGiIbB", s[end - 1]))
		end--;
	for (digits = end; digits && s[digits - 1] >= '0' && s[digits - 1] <= '9';)
		digits--;
	if (end == len || digits == end || end - digits > 3 || !digits ||
	    !strchr("- _", s[digits - 1]))
		return len;
	*gib = (unsigned)strtoul(s + digits, NULL, 10);
	return digits - 1;
}

/* "V100", "nvidia-v100", "RTX A4000", "A100-80GB". */
static bool gpu_matches(const struct pspace_type *type, const char *wanted)
{
	static const char *const makers[] = { "nvidia", "tesla", "quadro" };
	char have[32], want[64];
	const char *name = want;
	unsigned gib;

	squeeze(have, sizeof(have), type->gpu, strlen(type->gpu));
	squeeze(want, sizeof(want), wanted, cut_memory(wanted, &gib));
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (text_starts_with(name, makers[i]))
			name += strlen(makers[i]);
	if (text_starts_with(name, "rtxa"))
		name += strlen("rtx");
	return *name && !strcmp(have, name) && (!gib || gib == type->gpu_gib);
}

static bool wanted(const struct offer_query *query, const struct pspace_type *type)
{
	if (query->type) /* who names a type wants that one, whatever it is */
		return !strcmp(query->type, type->name);
	if (!type->gpus || (query->gpu_count && query->gpu_count != type->gpus))
		return false;
	return !query->gpu || gpu_matches(type, query->gpu);
}

struct listing {
	const struct offer_query *query;
	struct offer_list list;
	size_t cap;
};

static void add_offer(struct listing *listing, const struct pspace_type *type, const char *region)
{
	struct offer_list *list = &listing->list;
	struct zone *zone = arena_alloc(&list->arena, sizeof(*zone));
	bool priced = type->micros != MONEY_UNKNOWN;

	*zone = (struct zone){ region, "" };
	list->v = arena_grow(&list->arena, list->v, list->nr, &listing->cap, sizeof(*list->v));
	list->v[list->nr++] = (struct offer){
		.provider = "paperspace",
		.region = region,
		.type = arena_strdup(&list->arena, type->name),
		.gpu = type->gpu,
		.arch = "x86_64",
		.gpu_count = type->gpus,
		.gpu_fraction = 1,
		.vcpus = type->vcpus,
		.gpu_mem_mib = (uint64_t)type->gpus * type->gpu_gib * 1024,
		.mem_mib = (uint64_t)type->ram_gib * 1024,
		.on_demand = type->micros,
		.on_demand_as_of = priced ? PSPACE_BUILTIN_AS_OF : 0,
		.on_demand_builtin = priced,
		.zones = zone,
		.nr_zones = 1,
	};
}

static void add_type(struct listing *listing, const char *name)
{
	const struct offer_query *query = listing->query;
	const struct pspace_type *known = pspace_type_find(name);
	struct pspace_type type = { .name = name, .gpu = "", .micros = MONEY_UNKNOWN };

	if (known)
		type = *known;
	else
		pspace_type_guess(name, &type);
	type.name = name;
	/* Where one is that we do not know is not known either: whoever launches it will be told. */
	if (!known)
		type.regions = ~0U;
	if (!wanted(query, &type))
		return;
	for (size_t i = 0; i < query->nr_regions; i++) {
		const char *region = pspace_region_find(query->regions[i]);

		if (region && (type.regions & pspace_region_bit(region)))
			add_offer(listing, &type, region);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct offer *x = a, *y = b;
	int order = strcmp(x->region, y->region);

	return order ? order : strcmp(x->type, y->type);
}

static void add_failures(struct listing *listing)
{
	const struct offer_query *query = listing->query;
	struct offer_list *list = &listing->list;

	list->failures =
		arena_alloc(&list->arena, (query->nr_regions + 1) * sizeof(*list->failures));
	for (size_t i = 0; i < query->nr_regions; i++) {
		struct region_failure *failure = &list->failures[list->nr_failures];

		if (pspace_region_find(query->regions[i]))
			continue;
		failure->region = arena_strdup(&list->arena, query->regions[i]);
		error_set(&failure->err, ERROR_NOT_FOUND, "'%.60s' is no region of Paperspace",
			  query->regions[i]);
		list->nr_failures++;
	}
}

static bool is_listed(const struct pspace_templates *templates, size_t before, size_t at,
		      const char *type)
{
	for (size_t i = 0; i <= before; i++) {
		const struct pspace_template *one = &templates->v[i];
		size_t nr = i == before ? at : one->nr_types;

		for (size_t k = 0; k < nr; k++)
			if (!strcmp(one->types[k], type))
				return true;
	}
	return false;
}

int pspace_offers(struct provider *p, const struct offer_query *query, struct offer_list *ret,
		  struct error *err)
{
	struct listing listing = { .query = query };
	struct pspace_templates templates = { .nr = 0 };

	/* What cannot be a type's name exists nowhere; it need not travel. */
	if (query->type && !pspace_type_name_ok(query->type)) {
		*ret = listing.list;
		return 0;
	}
	if (pspace_templates_list(p, "os-templates", &templates, err) < 0)
		return -1;
	for (size_t i = 0; i < templates.nr; i++)
		for (size_t k = 0; k < templates.v[i].nr_types; k++)
			if (!is_listed(&templates, i, k, templates.v[i].types[k]))
				add_type(&listing, templates.v[i].types[k]);
	add_failures(&listing);
	if (listing.list.nr)
		qsort(listing.list.v, listing.list.nr, sizeof(*listing.list.v), by_place);
	pspace_templates_release(&templates);
	*ret = listing.list;
	return 0;
}
