/* SPDX-License-Identifier: Apache-2.0 */
/* Between price_archive*.c only. */
#ifndef GPUCLOUD_FLEET_PRICE_ARCHIVE_INTERNAL_H
#define GPUCLOUD_FLEET_PRICE_ARCHIVE_INTERNAL_H

#include "fleet/price_archive.h"

struct db;
struct db_stmt;

#define ARCHIVE_ROWS_MAX  20000000 /* of one question: 320 MB */
#define ARCHIVE_POOLS_MAX 100000

/*
 * Prices appear in the cloud's answers a little after their time: the last hour before the end of a
 * record is asked again, and what is new in it is no contradiction.
 */
#define ARCHIVE_LATE_S 3600

struct price_archive {
	struct db *db;
	struct fleet *fleet; /* borrowed */
	char *path;
};

/*
 * Whose prices: the row of the cloud and, for an endpoint on this computer, its address. *ret 0: the
 * archive has never heard of it (make false).
 */
int archive_cloud(struct price_archive *archive, const struct market_query *query, bool make,
		  int64_t *ret, struct error *err);

/* The row of a market; 0: there is none. */
int archive_market(struct price_archive *archive, int64_t cloud, const struct offer *offer,
		   int64_t *ret, struct error *err);

/* Puts the archive before the message, and a hint that fits. Returns -1. */
int archive_failed(struct error *err);
/* Prepares, or says that the archive cannot be read. */
int archive_prepare(struct price_archive *archive, const char *sql, struct db_stmt **ret,
		    struct error *err);
/* Steps once and finalizes; an error is prefixed. *ret (may be NULL): column 0 of the row, if any.
 * 1: a row; 0: none; -1. */
int archive_one(struct db_stmt *stmt, int64_t *ret, struct error *err);

/* ERROR_IO naming the field: what stands in the file is nothing we wrote. */
int archive_refuse(const struct price_archive *archive, const char *field, struct error *err);

/* --- storing (price_archive_store.c) --------------------------------------------------------- */

/* One answer for one market: one transaction. What is doubted is left out of it, the rest is kept. */
struct archive_answer {
	int64_t cloud;
	const struct offer *offer;
	const struct spot_history *history; /* others' series in it are passed over */
	const struct market_query *query;   /* with a zone: nothing but that one is kept */
	int64_t since, until;		    /* as it was asked */
	int64_t kept_since;		    /* what is older the cloud keeps no longer */
};

/* What was not kept, and why: the first, and how many. */
struct archive_doubts {
	struct error first;
	size_t nr;
};

/* Doubts are no failure; -1: nothing of the answer was kept. */
int archive_store(struct price_archive *archive, const struct archive_answer *answer,
		  struct price_sync *sync, struct archive_doubts *doubts, struct error *err);

#endif
