/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes: types, prices and what is in stock, all from one list. A size that is sold out is listed
 * still, without regions.
 * https://docs.digitalocean.com/reference/api/digitalocean/#tag/Sizes
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/digitalocean/digitalocean.h"

#define SIZES_MAX   2000
#define REGIONS_MAX 200 /* of one size */
#define GPUS_MAX    1024
#define MIB_MAX	    (INT64_C(1) << 32)

/* --- GPUs ------------------------------------------------------------------------------------ */

/* What a person calls "nvidia_rtx4000_ada": "RTX 4000 Ada". Those that are not here are made of their
 * own words. */
static const struct {
	const char *model, *name;
} gpu_names[] = {
	{ "rtx4000_ada", "RTX 4000 Ada" },
	{ "rtx6000_ada", "RTX 6000 Ada" },
	{ "rtx_4000_ada", "RTX 4000 Ada" },
	{ "rtx_6000_ada", "RTX 6000 Ada" },
};

static const char *gpu_name(struct arena *arena, const char *model)
{
	const char *maker_end = strchr(model, '_');
	const char *bare = maker_end && maker_end[1] ? maker_end + 1 : model;

	for (size_t i = 0; i < ARRAY_SIZE(gpu_names); i++)
		if (strcmp(bare, gpu_names[i].model) == 0)
			return gpu_names[i].name;
	char *name = arena_strdup(arena, bare);
	for (char *c = name; *c; c++)
		*c = *c == '_' ? ' ' : (char)toupper((unsigned char)*c);
	return name;
}

/* Lower case letters and digits; "rtx-4000 Ada" and "RTX4000ADA" are the same words. */
static void squeeze(char *out, size_t max, const char *s)
{
	size_t n = 0;

	for (; *s && n + 1 < max; s++)
		if (isalnum((unsigned char)*s))
			out[n++] = (char)tolower((unsigned char)*s);
	out[n] = '\0';
}

/* Cuts "80gb" or "80g" off the end, where a blank or a dash stands before it; 0: there is none. */
static unsigned cut_memory(char *s)
{
	size_t len = strlen(s), at;
	unsigned gib = 0;

	if (len && tolower((unsigned char)s[len - 1]) == 'b')
		len--;
	if (!len || tolower((unsigned char)s[len - 1]) != 'g')
		return 0;
	for (at = --len; at && isdigit((unsigned char)s[at - 1]);)
		at--;
	if (at == len || len - at > 4 || at == 0 || !strchr(" -_", s[at - 1]))
		return 0;
	for (size_t i = at; i < len; i++)
		gib = gib * 10 + (unsigned)(s[i] - '0');
	s[at - 1] = '\0';
	return gib;
}

bool ocean_gpu_matches(const char *gpu, uint64_t mem_mib, unsigned count, const char *wanted)
{
	static const char *const makers[] = { "nvidia", "amd" };
	char text[64], have[64], want[64];
	const char *bare = want;

	if (strlen(wanted) >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%s", wanted);
	unsigned gib = cut_memory(text);
	squeeze(have, sizeof(have), gpu);
	squeeze(want, sizeof(want), text);
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (text_starts_with(want, makers[i]))
			bare = want + strlen(makers[i]);
	if (!*bare || strcmp(have, bare) != 0)
		return false;
	if (!gib)
		return true;
	/* Vendors count in GB, and the cards keep some of it for themselves. */
	double each = count ? (double)mem_mib / count / 1024 : 0;
	return each > gib * 0.88 && each < gib * 1.08;
}

/* "gpu-h100x8-640gb" says how much its GPUs have together; 0: it does not. */
static int64_t slug_gib(const char *slug)
{
	char text[OCEAN_LABEL_MAX + 1];

	snprintf(text, sizeof(text), "%s", slug);
	return cut_memory(text);
}

/* Whether the amount is that of one GPU, or of all together, the definition leaves open. */
static uint64_t gpu_memory(const char *slug, int64_t amount, int64_t count)
{
	if (amount * count == slug_gib(slug))
		amount *= count;
	return (uint64_t)amount;
}

static int read_gpus(const struct cJSON *item, const char *slug, struct arena *arena,
		     struct ocean_size *ret, struct error *err)
{
	const char *model, *unit;
	int64_t count, amount;

	ret->gpu = "";
	if (!json_get(item, "gpu_info"))
		return 0;
	if (json_int64(item, "gpu_info.count", 0, GPUS_MAX, &count, err) ||
	    json_string(item, "gpu_info.model", OCEAN_LABEL_MAX, &model, err) ||
	    json_int64(item, "gpu_info.vram.amount", 0, MIB_MAX, &amount, err) ||
	    json_string(item, "gpu_info.vram.unit", 8, &unit, err))
		return -1;
	if (!text_is_token(model, "_-", OCEAN_LABEL_MAX))
		return error_set(err, ERROR_PROTOCOL, "field 'gpu_info.model' is no GPU's name");
	if (strcmp(unit, "gib") != 0 && strcmp(unit, "mib") != 0)
		return error_set(err, ERROR_PROTOCOL, "field 'gpu_info.vram.unit' is no unit");
	if (!count)
		return 0;
	ret->gpus = (unsigned)count;
	ret->gpu = gpu_name(arena, model);
	ret->nvidia = text_starts_with(model, "nvidia");
	ret->gpu_mem_mib = gpu_memory(slug, amount, count) * (strcmp(unit, "gib") == 0 ? 1024 : 1);
	return 0;
}

/* --- sizes ----------------------------------------------------------------------------------- */

static int read_regions(const struct cJSON *item, struct arena *arena, struct ocean_size *ret,
			struct error *err)
{
	const struct cJSON *regions;
	size_t nr = 0;

	if (json_array(item, "regions", &regions, err))
		return -1;
	if (json_len(regions) > REGIONS_MAX)
		return error_set(err, ERROR_PROTOCOL, "field 'regions' has too many of them");
	ret->regions = arena_alloc(arena, (json_len(regions) + 1) * sizeof(*ret->regions));
	for (const struct cJSON *one = json_first(regions); one; one = json_next(one)) {
		const char *slug = json_text(one);

		if (!slug || !ocean_is_slug(slug))
			return error_set(err, ERROR_PROTOCOL, "field 'regions' names no region");
		ret->regions[nr++] = arena_strdup(arena, slug);
	}
	ret->nr_regions = nr;
	return 0;
}

static int read_size(const struct cJSON *item, struct arena *arena, struct ocean_size *ret,
		     struct error *err)
{
	struct ocean_size size = { .gpu = "" };
	const char *slug;
	int64_t vcpus, disk, memory;

	if (json_string(item, "slug", OCEAN_LABEL_MAX, &slug, err))
		return -1;
	if (!ocean_is_slug(slug))
		return error_set(err, ERROR_PROTOCOL, "field 'slug' of the reply is no size");
	if (json_int64(item, "vcpus", 0, 65536, &vcpus, err) ||
	    json_int64(item, "disk", 0, 10000000, &disk, err) ||
	    json_int64(item, "memory", 0, MIB_MAX, &memory, err) ||
	    json_bool(item, "available", &size.available, err) ||
	    read_gpus(item, slug, arena, &size, err) || read_regions(item, arena, &size, err))
		return error_prefix(err, "size '%s'", slug);
	size.slug = arena_strdup(arena, slug);
	size.vcpus = (unsigned)vcpus;
	size.disk_gib = (unsigned)disk;
	size.mem_mib = (uint64_t)memory;
	size.price = ocean_price(item, "price_hourly");
	*ret = size;
	return 0;
}

static int take_size(void *ctx, const struct cJSON *item, struct error *err)
{
	struct ocean_sizes *sizes = ctx;
	struct ocean_size size;

	if (read_size(item, &sizes->arena, &size, err))
		return -1;
	for (size_t i = 0; i < sizes->nr; i++) /* pages may overlap */
		if (strcmp(sizes->v[i].slug, size.slug) == 0)
			return 0;
	if (sizes->nr == SIZES_MAX)
		return error_set(err, ERROR_PROTOCOL, "the reply has too many sizes");
	sizes->v = arena_grow(&sizes->arena, sizes->v, sizes->nr, &sizes->cap, sizeof(*sizes->v));
	sizes->v[sizes->nr++] = size;
	return 0;
}

int ocean_sizes(struct provider *p, struct ocean_sizes *ret, struct error *err)
{
	struct ocean_sizes sizes = { .nr = 0 };
	const struct ocean_list list = { .path = REST_PATH("sizes"),
					 .what = "cannot list sizes",
					 .member = "sizes",
					 .ctx = &sizes,
					 .item = take_size };

	if (ocean_list(p, &list, err)) {
		arena_release(&sizes.arena);
		return -1;
	}
	*ret = sizes;
	return 0;
}

bool ocean_size_in(const struct ocean_size *size, const char *region)
{
	for (size_t i = 0; size->available && i < size->nr_regions; i++)
		if (strcmp(size->regions[i], region) == 0)
			return true;
	return false;
}

/* --- offers ---------------------------------------------------------------------------------- */

/* As everywhere: what CUDA does not run on is offered to those who name it. */
static bool wanted(const struct offer_query *query, const struct ocean_size *size)
{
	if (query->type)
		return strcmp(query->type, size->slug) == 0;
	if (!size->gpus || (query->gpu_count && query->gpu_count != size->gpus))
		return false;
	if (query->gpu)
		return ocean_gpu_matches(size->gpu, size->gpu_mem_mib, size->gpus, query->gpu);
	return size->nvidia;
}

static void add_offer(struct offer_list *list, size_t *cap, const struct ocean_size *size,
		      const char *region, int64_t now)
{
	struct arena *arena = &list->arena;
	struct zone *zone = arena_alloc(arena, sizeof(*zone));

	*zone = (struct zone){ arena_strdup(arena, region), "" };
	list->v = arena_grow(arena, list->v, list->nr, cap, sizeof(*list->v));
	list->v[list->nr++] = (struct offer){
		.provider = "digitalocean",
		.region = zone->name,
		.type = arena_strdup(arena, size->slug),
		.gpu = arena_strdup(arena, size->gpu),
		.arch = "x86_64",
		.gpu_count = size->gpus,
		.gpu_fraction = 1,
		.vcpus = size->vcpus,
		.gpu_mem_mib = size->gpu_mem_mib,
		.mem_mib = size->mem_mib,
		.on_demand = size->price,
		.on_demand_as_of = now,
		.zones = zone,
		.nr_zones = 1,
	};
}

static int by_type(const void *a, const void *b)
{
	return strcmp(((const struct ocean_size *)a)->slug, ((const struct ocean_size *)b)->slug);
}

/* No size at all is there: it is no region, or takes no droplets. */
static bool is_nowhere(const struct ocean_sizes *sizes, const char *region)
{
	for (size_t i = 0; i < sizes->nr; i++)
		if (ocean_size_in(&sizes->v[i], region))
			return false;
	return true;
}

static void add_failure(struct offer_list *list, size_t *cap, const char *region)
{
	struct region_failure *failure;

	list->failures = arena_grow(&list->arena, list->failures, list->nr_failures, cap,
				    sizeof(*list->failures));
	failure = &list->failures[list->nr_failures++];
	*failure = (struct region_failure){ .region = arena_strdup(&list->arena, region) };
	error_set(&failure->err, ERROR_NOT_FOUND,
		  "DigitalOcean has no region '%.60s', or offers nothing there", region);
	error_hint(&failure->err, "gpucloud price --provider digitalocean --all-regions");
}

static void collect(const struct ocean_sizes *sizes, const struct offer_query *query, int64_t now,
		    struct offer_list *list)
{
	size_t cap = 0, cap_failures = 0;

	for (size_t r = 0; r < query->nr_regions; r++) {
		const char *region = query->regions[r];

		if (is_nowhere(sizes, region))
			add_failure(list, &cap_failures, region);
		for (size_t i = 0; i < sizes->nr; i++)
			if (wanted(query, &sizes->v[i]) && ocean_size_in(&sizes->v[i], region))
				add_offer(list, &cap, &sizes->v[i], region, now);
	}
}

int ocean_sold_out(const struct ocean_size *size, const char *region, struct error *err)
{
	struct buf where = BUF_INIT_MAX(120);

	for (size_t i = 0; size->available && i < size->nr_regions; i++)
		buf_addf(&where, "%s%s", i ? ", " : "", size->regions[i]);
	error_set(err, ERROR_CAPACITY, "%s is sold out in %s", size->slug, region);
	if (where.len)
		error_hint(err, "another region, where it is in stock: %s", where.data);
	buf_release(&where);
	return -1;
}

/* What was asked of one region is there at other times: that is no reason to say it does not exist. */
static int check_stock(const struct ocean_sizes *sizes, const struct offer_query *query,
		       const struct offer_list *list, struct error *err)
{
	if (query->nr_regions != 1 || list->nr || list->nr_failures)
		return 0;
	for (size_t i = 0; i < sizes->nr; i++)
		if (wanted(query, &sizes->v[i]))
			return ocean_sold_out(&sizes->v[i], query->regions[0], err);
	return 0;
}

int ocean_offers(struct provider *p, const struct offer_query *query, struct offer_list *ret,
		 struct error *err)
{
	struct ocean_sizes sizes = { .nr = 0 };
	struct offer_list list = { .nr = 0 };

	if (ocean_sizes(p, &sizes, err))
		return -1;
	if (sizes.nr)
		qsort(sizes.v, sizes.nr, sizeof(*sizes.v), by_type);
	collect(&sizes, query, clock_now(p->env.clock), &list);
	int rc = check_stock(&sizes, query, &list, err);
	arena_release(&sizes.arena);
	if (query->nr_regions && list.nr_failures == query->nr_regions) {
		*err = list.failures[0].err;
		rc = -1;
	}
	if (rc) {
		offer_list_release(&list);
		return -1;
	}
	*ret = list;
	return 0;
}
