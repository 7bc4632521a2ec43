/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers: which GPU types a region has, in which zones, at what price. Zones, types and, where the
 * type is named, its offerings are asked for in all regions at once; prices come last.
 */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

#define TYPES_MAX     2000 /* of one region */
#define ZONES_MAX     64
#define OFFERINGS_MAX 50000

struct offering {
	const char *type, *zone;
};

struct region {
	const struct offer_query *query;
	struct arena *arena; /* of the result */
	const char *name;
	struct offer *types;
	size_t nr_types, cap_types;
	struct zone *zones;
	size_t nr_zones, cap_zones;
	struct offering *offerings;
	size_t nr_offerings, cap_offerings;
	bool failed;
};

static bool wanted(const struct offer_query *query, const struct offer *offer, bool nvidia)
{
	if (query->type) /* who names a type wants that one, whatever it is */
		return !strcmp(query->type, offer->type);
	if (!nvidia || offer->gpu_count == 0)
		return false;
	if (!query->all_arches && strcmp(offer->arch, "x86_64"))
		return false;
	if (query->gpu_count && query->gpu_count != offer->gpu_count)
		return false;
	return !query->gpu || ec2_gpu_matches(offer, query->gpu);
}

static bool has_type(const struct region *region, const char *type)
{
	for (size_t i = 0; i < region->nr_types; i++)
		if (!strcmp(region->types[i].type, type))
			return true;
	return false;
}

static int take_types(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct region *region = job->ctx;
	const struct _xmlNode *set = xml_find(root, "instanceTypeSet");
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'instanceTypeSet'");
	while ((item = xml_each(set, "item", item)) != NULL) {
		struct offer offer;
		bool nvidia;
		if (ec2_type_parse(item, region->arena, &offer, &nvidia, err))
			return -1;
		if (!offer.type || !wanted(region->query, &offer, nvidia) ||
		    has_type(region, offer.type))
			continue;
		if (region->nr_types == TYPES_MAX)
			return error_set(err, ERROR_PROTOCOL, "the reply has more than %d types",
					 TYPES_MAX);
		offer.region = region->name;
		region->types = arena_grow(region->arena, region->types, region->nr_types,
					   &region->cap_types, sizeof(*region->types));
		region->types[region->nr_types++] = offer;
	}
	return 0;
}

static int take_zones(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct region *region = job->ctx;
	const struct _xmlNode *set = xml_find(root, "availabilityZoneInfo");
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'availabilityZoneInfo'");
	while ((item = xml_each(set, "item", item)) != NULL) {
		const char *name = xml_text(item, "zoneName");
		const char *id = xml_text(item, "zoneId");
		const char *type = xml_text(item, "zoneType");
		if (!ec2_name_ok(name) || (id && *id && !ec2_name_ok(id)))
			return error_set(err, ERROR_PROTOCOL, "'zoneName' of the reply is no zone");
		/* Local and wavelength zones have no default subnet and no spot market. */
		if (type && strcmp(type, "availability-zone"))
			continue;
		if (!text_equal(xml_text(item, "zoneState"), "available"))
			continue;
		if (region->nr_zones == ZONES_MAX)
			return error_set(err, ERROR_PROTOCOL, "the reply has more than %d zones",
					 ZONES_MAX);
		region->zones = arena_grow(region->arena, region->zones, region->nr_zones,
					   &region->cap_zones, sizeof(*region->zones));
		region->zones[region->nr_zones].name = arena_strdup(region->arena, name);
		region->zones[region->nr_zones].id = arena_strdup(region->arena, id ? id : "");
		region->nr_zones++;
	}
	return 0;
}

static int take_offerings(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct region *region = job->ctx;
	const struct _xmlNode *set = xml_find(root, "instanceTypeOfferingSet");
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'instanceTypeOfferingSet'");
	while ((item = xml_each(set, "item", item)) != NULL) {
		const char *type = xml_text(item, "instanceType");
		const char *zone = xml_text(item, "location");
		if (!ec2_name_ok(type) || !ec2_name_ok(zone))
			return error_set(err, ERROR_PROTOCOL,
					 "'location' of the reply is no zone of a type");
		if (region->nr_offerings == OFFERINGS_MAX)
			return error_set(err, ERROR_PROTOCOL,
					 "the reply has more than %d offerings", OFFERINGS_MAX);
		region->offerings =
			arena_grow(region->arena, region->offerings, region->nr_offerings,
				   &region->cap_offerings, sizeof(*region->offerings));
		region->offerings[region->nr_offerings].type = arena_strdup(region->arena, type);
		region->offerings[region->nr_offerings].zone = arena_strdup(region->arena, zone);
		region->nr_offerings++;
	}
	return 0;
}

static struct ec2_job *add_job(struct ec2_job *jobs, size_t *nr, struct region *region,
			       const char *action)
{
	struct ec2_job *job = &jobs[(*nr)++];

	job->region = region->name;
	job->ctx = region;
	aws_form_init(&job->form, action, AWS_EC2_VERSION);
	return job;
}

static void add_offerings(struct ec2_job *jobs, size_t *nr, struct region *region,
			  const char *const *types, size_t nr_types)
{
	struct ec2_job *job = add_job(jobs, nr, region, "DescribeInstanceTypeOfferings");
	unsigned n = 0;

	job->page = take_offerings;
	aws_form_add(&job->form, "LocationType", "availability-zone");
	ec2_filter(&job->form, &n, "instance-type", types, nr_types);
	aws_form_add(&job->form, "MaxResults", "1000");
}

static void add_first_jobs(struct ec2_job *jobs, size_t *nr, struct region *region)
{
	/* Only GPU families have names that start with these letters. */
	static const char *const patterns[] = { "g*", "p*" };
	const char *type = region->query->type;
	struct ec2_job *job = add_job(jobs, nr, region, "DescribeAvailabilityZones");

	job->page = take_zones;
	job = add_job(jobs, nr, region, "DescribeInstanceTypes");
	job->page = take_types;
	if (type) {
		aws_form_add(&job->form, "InstanceType.1", type);
		add_offerings(jobs, nr, region, &type, 1);
	} else {
		unsigned n = 0;
		ec2_filter(&job->form, &n, "instance-type", patterns, 2);
		aws_form_add(&job->form, "MaxResults", "100");
	}
}

static void run(struct provider *p, struct ec2_job *jobs, size_t nr, struct ec2_failures *failures)
{
	ec2_jobs_run(p, jobs, nr);
	for (size_t i = 0; i < nr; i++) {
		struct region *region = jobs[i].ctx;
		/* A type that this region has never heard of is no failure: it offers none. */
		if (jobs[i].rc && !aws_error_is(&jobs[i].err, "InvalidInstanceType") &&
		    !aws_error_is(&jobs[i].err, "InvalidInstanceType.*")) {
			region->failed = true;
			ec2_failures_add(failures, region->name, &jobs[i].err);
		}
		ec2_job_release(&jobs[i]);
	}
}

/* The second round, where types were found by pattern: filters by pattern are not reliable here. */
static void run_offerings(struct provider *p, struct region *regions, size_t n,
			  struct ec2_failures *failures)
{
	size_t max = 0, nr = 0;

	for (size_t i = 0; i < n; i++)
		max += regions[i].nr_types / EC2_FILTER_MAX + 1;
	struct ec2_job *jobs = xcalloc(max, sizeof(*jobs));
	for (size_t i = 0; i < n; i++) {
		struct region *region = &regions[i];
		const char *names[EC2_FILTER_MAX];
		size_t nr_names = 0;
		for (size_t j = 0; j < region->nr_types && !region->failed; j++) {
			names[nr_names++] = region->types[j].type;
			if (nr_names == EC2_FILTER_MAX || j + 1 == region->nr_types) {
				add_offerings(jobs, &nr, region, names, nr_names);
				nr_names = 0;
			}
		}
	}
	run(p, jobs, nr, failures);
	free(jobs);
}

static int by_zone(const void *a, const void *b)
{
	const struct zone *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int by_type(const void *a, const void *b)
{
	const struct offer *x = a, *y = b;

	return strcmp(x->type, y->type);
}

/* The zones of one type: those that it is offered in and that are up, sorted. */
static void join_zones(struct region *region, struct offer *offer)
{
	struct zone *zones = arena_alloc(region->arena, ZONES_MAX * sizeof(*zones));
	size_t nr = 0;

	for (size_t z = 0; z < region->nr_zones; z++) {
		bool offered = false;
		for (size_t i = 0; i < region->nr_offerings && !offered; i++)
			offered = !strcmp(region->offerings[i].type, offer->type) &&
				  !strcmp(region->offerings[i].zone, region->zones[z].name);
		if (offered)
			zones[nr++] = region->zones[z];
	}
	if (nr)
		qsort(zones, nr, sizeof(*zones), by_zone);
	offer->zones = zones;
	offer->nr_zones = nr;
}

static void collect(struct region *regions, size_t n, struct offer_list *list)
{
	size_t cap = 0;

	for (size_t i = 0; i < n; i++) {
		struct region *region = &regions[i];
		if (region->failed)
			continue;
		if (region->nr_types)
			qsort(region->types, region->nr_types, sizeof(*region->types), by_type);
		for (size_t j = 0; j < region->nr_types; j++) {
			join_zones(region, &region->types[j]);
			if (region->types[j].nr_zones == 0)
				continue; /* known, but nowhere to be had */
			list->v =
				arena_grow(&list->arena, list->v, list->nr, &cap, sizeof(*list->v));
			list->v[list->nr++] = region->types[j];
		}
	}
}

static int add_prices(struct provider *p, struct offer_list *list, struct error *err)
{
	struct offer **offers = xcalloc(list->nr + 1, sizeof(struct offer *));

	for (size_t i = 0; i < list->nr; i++)
		offers[i] = &list->v[i];
	int rc = ec2_prices(p, offers, list->nr, err);
	free(offers);
	return rc;
}

static int find(struct provider *p, const struct offer_query *query, struct offer_list *list,
		struct error *err)
{
	size_t n = query->nr_regions, nr = 0;
	struct region *regions = xcalloc(n + 1, sizeof(*regions));
	struct ec2_job *jobs = xcalloc(n * 3 + 1, sizeof(*jobs));
	struct ec2_failures failures = { .arena = &list->arena };

	for (size_t i = 0; i < n; i++) {
		regions[i].query = query;
		regions[i].arena = &list->arena;
		regions[i].name = arena_strdup(&list->arena, query->regions[i]);
		add_first_jobs(jobs, &nr, &regions[i]);
	}
	run(p, jobs, nr, &failures);
	free(jobs);
	if (!query->type)
		run_offerings(p, regions, n, &failures);
	collect(regions, n, list);
	free(regions);
	list->failures = failures.v;
	list->nr_failures = failures.nr;
	if (ec2_failures_verdict(&failures, n, err))
		return -1;
	return add_prices(p, list, err);
}

int aws_offers(struct provider *p, const struct offer_query *query, struct offer_list *ret,
	       struct error *err)
{
	struct offer_list list = { 0 };

	/* What cannot be a type's name exists nowhere; it need not travel. */
	if (query->type && !ec2_name_ok(query->type)) {
		*ret = list;
		return 0;
	}
	if (find(p, query, &list, err)) {
		arena_release(&list.arena);
		return -1;
	}
	*ret = list;
	return 0;
}
