/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/serve/market_load.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/timefmt.h"
#include "simulator/cloud/market.h"

#define ON_DEMAND "ondemand.csv"

/* "p3.2xlarge_us-east-1a.csv" to its parts. False: another kind of name. */
static bool name_parts(const char *name, char type[MARKET_NAME_MAX], char zone[MARKET_NAME_MAX])
{
	const char *line = strchr(name, '_');
	size_t n = strlen(name), type_len, zone_len;

	if (!line || n < 5 || strcmp(name + n - 4, ".csv") != 0)
		return false;
	type_len = (size_t)(line - name);
	zone_len = n - 4 - type_len - 1;
	if (type_len == 0 || type_len >= MARKET_NAME_MAX || zone_len == 0 ||
	    zone_len >= MARKET_NAME_MAX)
		return false;
	memcpy(type, name, type_len);
	type[type_len] = '\0';
	memcpy(zone, line + 1, zone_len);
	zone[zone_len] = '\0';
	return true;
}

static int load_prices(struct market *market, const char *dir, const char *name, int64_t shift,
		       struct error *err)
{
	char type[MARKET_NAME_MAX], zone[MARKET_NAME_MAX];
	struct buf text = BUF_INIT_MAX(MARKET_FILE_BYTES);
	char *path;
	int rc;

	if (!name_parts(name, type, zone))
		return error_set(err, ERROR_CONFIG, "'%.100s': not a name like TYPE_ZONE.csv",
				 name);
	path = xasprintf("%s/%s", dir, name);
	rc = file_read(path, MARKET_FILE_BYTES, &text, err);
	if (rc == 0)
		rc = market_parse_prices(market, name, type, zone, text.data, text.len, shift, err);
	buf_release(&text);
	free(path);
	return rc;
}

/* The list of on-demand prices may be absent: then none are known. */
static int load_on_demand(struct market *market, const char *dir, struct error *err)
{
	struct buf text = BUF_INIT_MAX(MARKET_FILE_BYTES);
	struct error why = ERROR_INIT;
	char *path = xasprintf("%s/" ON_DEMAND, dir);
	int rc = file_read(path, MARKET_FILE_BYTES, &text, &why);

	if (rc && why.kind == ERROR_NOT_FOUND)
		rc = 0;
	else if (rc)
		*err = why;
	else
		rc = market_parse_on_demand(market, ON_DEMAND, text.data, text.len, err);
	buf_release(&text);
	free(path);
	return rc;
}

static int load_folder(struct market *market, const char *path, int64_t shift, struct error *err)
{
	struct dirent *entry;
	size_t nr = 0;
	int rc = 0;
	DIR *dir = opendir(path);

	if (!dir)
		return error_errno(err, ERROR_CONFIG, "cannot open the market folder '%s'", path);
	while (rc == 0 && (errno = 0, entry = readdir(dir))) {
		char type[MARKET_NAME_MAX], zone[MARKET_NAME_MAX];

		if (strcmp(entry->d_name, ON_DEMAND) == 0 || !name_parts(entry->d_name, type, zone))
			continue;
		rc = load_prices(market, path, entry->d_name, shift, err);
		nr++;
	}
	if (rc == 0 && errno)
		rc = error_errno(err, ERROR_CONFIG, "cannot read the market folder '%s'", path);
	closedir(dir);
	if (rc == 0 && nr == 0)
		rc = error_set(err, ERROR_CONFIG, "no TYPE_ZONE.csv file in '%s'", path);
	return rc ? rc : load_on_demand(market, path, err);
}

static int load_file(struct market *market, const char *path, int64_t shift, struct error *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	int rc = load_prices(market, *dir ? dir : "/", slash ? slash + 1 : path, shift, err);

	if (rc == 0)
		rc = load_on_demand(market, *dir ? dir : "/", err);
	free(dir);
	return rc;
}

struct in_force {
	const struct market *market;
	int64_t t;
};

static int priced(void *ctx, const char *type, const char *zone)
{
	const struct in_force *at = ctx;

	return market_price_at(at->market, type, zone, at->t) > 0;
}

static int load_any(struct market *market, const char *path, int64_t shift, struct error *err)
{
	struct stat st;

	if (stat(path, &st))
		return error_errno(err, ERROR_CONFIG, "cannot open the market '%s'", path);
	return S_ISDIR(st.st_mode) ? load_folder(market, path, shift, err)
				   : load_file(market, path, shift, err);
}

struct latest {
	const struct market *market;
	int64_t time;
};

static int keep_latest(void *ctx, const struct price_point *point)
{
	struct latest *latest = ctx;

	if (point->time > latest->time)
		latest->time = point->time;
	return 0;
}

static int last_change(void *ctx, const char *type, const char *zone)
{
	struct latest *latest = ctx;

	return market_changes(latest->market, type, zone, INT64_MAX, INT64_MAX, keep_latest,
			      latest);
}

static int last_time(const char *path, int64_t *ret, struct error *err)
{
	struct market *market = market_new(0, 0);
	struct latest latest = { .market = market };
	int rc = load_any(market, path, 0, err);

	if (rc == 0)
		market_each(market, last_change, &latest);
	market_free(market);
	*ret = latest.time;
	return rc;
}

int market_load(const char *path, int64_t as_of, int64_t start, struct market **ret,
		struct error *err)
{
	struct market *market;
	struct in_force at = { .t = start };
	char date[TIME_TEXT_MAX];
	int rc;

	if (as_of == 0 && last_time(path, &as_of, err))
		return -1;
	market = market_new(0, start);
	at.market = market;
	rc = load_any(market, path, start - as_of, err);
	if (rc == 0 && !market_each(market, priced, &at)) {
		error_set(err, ERROR_USAGE, "no price in '%s' is as old as %s", path,
			  time_format(date, as_of));
		rc = error_hint(err, "choose a later --as-of");
	}
	if (rc) {
		market_free(market);
		return -1;
	}
	*ret = market;
	return 0;
}
