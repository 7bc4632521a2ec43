/* SPDX-License-Identifier: Apache-2.0 */
/* Markets from saved files. Of what several files say of one zone, none is believed more. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "fleet/market_internal.h"
#include "fleet/price_file.h"

static int by_type(const void *a, const void *b)
{
	const struct market_row *x = a, *y = b;
	int rc = strcmp(x->type, y->type);

	return rc ? rc : strcmp(x->zone.name, y->zone.name);
}

static int by_name(const void *a, const void *b)
{
	const struct market_row *x = a, *y = b;
	int rc = strcmp(x->zone.name, y->zone.name);

	return rc ? rc : strcmp(x->zone.id, y->zone.id);
}

static int by_id(const void *a, const void *b)
{
	const struct market_row *x = a, *y = b;
	int rc = strcmp(x->zone.id, y->zone.id);

	return rc ? rc : strcmp(x->zone.name, y->zone.name);
}

static int refuse_mixed(struct error *err)
{
	return error_hint(err, "zone names mean other places in other accounts: read the files of "
			       "each account by themselves");
}

/* A place under two names would count as two places to choose from. */
static int check_zones(struct market_build *build, struct error *err)
{
	struct market_row *v = build->v;

	qsort(v, build->nr, sizeof(*v), by_type);
	for (size_t i = 1; i < build->nr; i++)
		if (by_type(&v[i - 1], &v[i]) == 0)
			return error_set(err, ERROR_USAGE, "zone %s is given twice for %s",
					 v[i].zone.name, v[i].type);
	qsort(v, build->nr, sizeof(*v), by_name);
	for (size_t i = 1; i < build->nr; i++) {
		const struct zone *x = &v[i - 1].zone, *y = &v[i].zone;

		if (strcmp(x->name, y->name) != 0 || !*x->id || strcmp(x->id, y->id) == 0)
			continue;
		error_set(err, ERROR_USAGE, "zone '%s' has two ids, '%s' and '%s'", x->name, x->id,
			  y->id);
		return refuse_mixed(err);
	}
	qsort(v, build->nr, sizeof(*v), by_id);
	for (size_t i = 1; i < build->nr; i++) {
		const struct zone *x = &v[i - 1].zone, *y = &v[i].zone;

		if (strcmp(x->id, y->id) != 0 || !*x->id || strcmp(x->name, y->name) == 0)
			continue;
		error_set(err, ERROR_USAGE, "zone id '%s' has two names, '%s' and '%s'", x->id,
			  x->name, y->name);
		return refuse_mixed(err);
	}
	return 0;
}

static void add_series(struct market_build *build, const struct price_file_series *series,
		       int64_t on_demand)
{
	market_build_add(build, &(struct market_row){
					.provider = "",
					.region = "",
					.type = series->type,
					.zone = { series->zone, series->zone_id },
					.v = series->points,
					.nr = series->nr,
					.on_demand = on_demand,
				});
}

static int read_file(const char *path, struct price_files *files, struct market_build *build,
		     int64_t on_demand, int64_t *last, struct error *err)
{
	if (price_files_read(path, clock_now(&clock_system), files, err) < 0)
		return -1;
	for (size_t i = 0; i < files->nr; i++) {
		const struct price_file_series *series = &files->v[i];

		add_series(build, series, on_demand);
		if (series->points[series->nr - 1].time > *last)
			*last = series->points[series->nr - 1].time;
	}
	return 0;
}

int market_read_files(const char *const *paths, size_t nr, int64_t on_demand,
		      struct market_list *ret, int64_t *ret_last, struct error *err)
{
	struct price_files *files = xcalloc(nr + 1, sizeof(*files));
	struct market_build build = { 0 };
	struct market_list list = { 0 };
	int64_t last = INT64_MIN;
	int rc = nr ? 0 : error_set(err, ERROR_USAGE, "no file is named");

	for (size_t i = 0; i < nr && rc == 0; i++) {
		rc = read_file(paths[i], &files[i], &build, on_demand, &last, err);
		list.left_out += files[i].left_out;
	}
	if (rc == 0)
		rc = check_zones(&build, err);
	if (rc == 0) {
		market_build_finish(&build, &list);
		*ret = list;
		*ret_last = last;
	}
	market_build_release(&build);
	for (size_t i = 0; i < nr; i++)
		price_files_release(&files[i]);
	free(files);
	return rc;
}
