/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cloud that only has prices, and a home folder: what market_read() and the archive need, in a few
 * lines. It keeps 90 days, and tells the change in force when a window begins, as EC2 does.
 */
#ifndef GPUCLOUD_TESTS_UNIT_PRICE_CLOUD_H
#define GPUCLOUD_TESTS_UNIT_PRICE_CLOUD_H

#include "core/clock.h"
#include "core/settings.h"
#include "fleet/price_archive.h"

#define PC_DAY	  INT64_C(86400)
#define PC_NOW	  INT64_C(1700000000)
#define PC_POOLS  32
#define PC_POINTS 400

struct pc_pool {
	const char *region, *type, *zone;
	const char *id;	      /* as the offers tell it */
	const char *shown_id; /* as the prices tell it; NULL: as the offers do */
	struct price_point v[PC_POINTS];
	size_t nr;
	int64_t closed; /* no answer from then on; 0: never */
};

struct price_cloud {
	struct pc_pool v[PC_POOLS];
	size_t nr;
	int64_t now;
	const char *endpoint;
	const char *silent; /* this region does not answer */
	bool prices_silent; /* and neither does the question for prices, anywhere */
	bool no_spot;	    /* what is offered is not sold as spot */
	size_t offers_asked, prices_asked;
	int64_t asked_since; /* of the last question for prices */
	char asked_zone[32];

	struct clock clock;
	struct paths paths;
	char dir[64], *file;
	struct provider_ops ops;
	struct fleet fleet;
};

/* Empty, at PC_NOW, as "aws" at a cloud's own endpoint. Not to be moved afterwards. */
void pc_open(struct price_cloud *cloud);
void pc_close(
	struct price_cloud *cloud); /* removes the folder; fails the test if it is not empty */

struct pc_pool *pc_pool(struct price_cloud *cloud, const char *region, const char *type,
			const char *zone, const char *id);
void pc_price(struct pc_pool *pool, int64_t time, int64_t micros);

/* Opens, syncs [since, until) of everything in "r1" and "r2", closes. */
int pc_sync(struct price_cloud *cloud, int64_t since, int64_t until, struct price_sync *ret,
	    struct error *err);
void pc_must_sync(struct price_cloud *cloud, int64_t since, int64_t until, struct price_sync *ret);
/* From the archive. */
int pc_read(struct price_cloud *cloud, int64_t since, int64_t until, struct market_list *ret,
	    struct error *err);

/* Everything in "r1" and "r2". */
struct market_query pc_query(int64_t since, int64_t until);

/* The price at t, or PRICE_GAP. */
int64_t pc_at(const struct price_series *series, int64_t t);

/* The zone of a list by type and id; fails the test where it is not there. */
const struct price_series *pc_find(const struct market_list *list, const char *type,
				   const char *id);

/* The first column of the first row; the archive's file is opened for it. */
int64_t pc_number(const struct price_cloud *cloud, const char *sql);
void pc_do(const struct price_cloud *cloud, const char *sql);

#endif
