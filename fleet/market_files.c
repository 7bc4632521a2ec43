/* SPDX-License-Identifier: Apache-2.0 */
/* Markets from saved files. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "fleet/market_internal.h"
#include "fleet/price_file.h"

static int add_series(struct market_build *build, const struct price_file_series *series,
		      int64_t on_demand, struct error *err)
{
	for (size_t i = 0; i < build->nr; i++)
		if (strcmp(build->v[i].type, series->type) == 0 &&
		    strcmp(build->v[i].zone.name, series->zone) == 0)
			return error_set(err, ERROR_USAGE, "zone %s is given twice for %s",
					 series->zone, series->type);
	market_build_add(build, &(struct market_row){
					.provider = "",
					.region = "",
					.type = series->type,
					.zone = { series->zone, series->zone_id },
					.v = series->points,
					.nr = series->nr,
					.on_demand = on_demand,
				});
	return 0;
}

static int read_file(const char *path, struct price_files *files, struct market_build *build,
		     int64_t on_demand, int64_t *last, struct error *err)
{
	if (price_files_read(path, clock_now(&clock_system), files, err) < 0)
		return -1;
	for (size_t i = 0; i < files->nr; i++) {
		const struct price_file_series *series = &files->v[i];

		if (add_series(build, series, on_demand, err) < 0)
			return -1;
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
