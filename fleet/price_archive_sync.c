/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the cloud for what the archive lacks, and has it stored. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/db.h"
#include "core/mem.h"
#include "fleet/market_internal.h"
#include "fleet/price_archive_internal.h"

/* A record that ends not long ago is asked for together with its like; what lacks more, by itself:
 * one new market must not make all the others be read again. */
#define FRESH_S (INT64_C(2) * 86400)

struct lack {
	const struct offer *offer;
	int64_t since;
};

struct syncing {
	struct price_archive *archive;
	struct market_query query; /* its window bounded */
	int64_t now, cloud;
	struct market_offers offers;
	struct lack *lacks;
	size_t nr_lacks;
	struct price_sync sync;
	struct archive_doubts doubts;
	struct arena failures_arena;
	struct region_failure *failures;
	size_t nr_failures;
};

/* Where [since, until) is not yet asked: the first second of it, or until. */
static int first_lack(struct price_archive *archive, int64_t market, int64_t since, int64_t until,
		      int64_t *ret, struct error *err)
{
	struct db_stmt *stmt;
	int64_t lack = since;

	if (archive_prepare(archive,
			    "SELECT until FROM asked"
			    " WHERE market = ?1 AND since <= ?2 AND until > ?2",
			    &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 1, market);
	db_bind_int64(stmt, 2, since);
	if (archive_one(stmt, &lack, err) < 0)
		return -1;
	*ret = lack < until ? lack : until;
	return 0;
}

static int find_lacks(struct syncing *syncing, struct error *err)
{
	const struct market_query *query = &syncing->query;

	syncing->lacks = xcalloc(syncing->offers.nr + 1, sizeof(*syncing->lacks));
	for (size_t i = 0; i < syncing->offers.nr; i++) {
		const struct offer *offer = syncing->offers.v[i];
		int64_t market = 0, since = query->since;

		if (archive_market(syncing->archive, syncing->cloud, offer, &market, err) < 0 ||
		    (market && first_lack(syncing->archive, market, query->since, query->until,
					  &since, err) < 0))
			return -1;
		if (since >= query->until)
			continue;
		/* What came late; see ARCHIVE_LATE_S. */
		if (since > query->since)
			since = since - ARCHIVE_LATE_S > query->since ? since - ARCHIVE_LATE_S
								      : query->since;
		syncing->lacks[syncing->nr_lacks++] = (struct lack){ offer, since };
	}
	return 0;
}

static bool has_failed(const struct spot_history *history, const char *region)
{
	for (size_t i = 0; i < history->nr_failures; i++)
		if (strcmp(history->failures[i].region, region) == 0)
			return true;
	return false;
}

static int store(struct syncing *syncing, const struct offer *const *offers, size_t nr,
		 int64_t since, const struct spot_history *history, struct error *err)
{
	for (size_t i = 0; i < nr; i++) {
		const struct archive_answer answer = {
			.cloud = syncing->cloud,
			.offer = offers[i],
			.history = history,
			.query = &syncing->query,
			.since = since,
			.until = syncing->query.until,
			.kept_since = syncing->now - MARKET_CLOUD_S,
		};

		if (!has_failed(history, offers[i]->region) &&
		    archive_store(syncing->archive, &answer, &syncing->sync, &syncing->doubts,
				  err) < 0)
			return -1;
	}
	return 0;
}

/* One question for the fresh ones, or for the others. */
static int sync_some(struct syncing *syncing, bool fresh, struct error *err)
{
	const struct offer **offers = xcalloc(syncing->nr_lacks + 1, sizeof(const struct offer *));
	struct spot_history history = { 0 };
	struct market_window window = {
		.offers = offers,
		.zone = syncing->query.zone,
		.since = INT64_MAX,
		.until = syncing->query.until,
	};

	for (size_t i = 0; i < syncing->nr_lacks; i++) {
		const struct lack *lack = &syncing->lacks[i];

		if ((lack->since >= syncing->query.until - FRESH_S) != fresh)
			continue;
		offers[window.nr++] = lack->offer;
		if (lack->since < window.since)
			window.since = lack->since;
	}
	int rc = 0;
	if (window.nr) {
		rc = market_ask_prices(syncing->archive->fleet, &window, &history, err);
		if (rc == 0)
			rc = store(syncing, offers, window.nr, window.since, &history, err);
		if (syncing->sync.from > window.since)
			syncing->sync.from = window.since;
		market_add_failures(&syncing->failures_arena, &syncing->failures,
				    &syncing->nr_failures, history.failures, history.nr_failures);
	}
	spot_history_release(&history);
	free(offers);
	return rc;
}

static int sync_all(struct syncing *syncing, struct error *err)
{
	struct fleet *fleet = syncing->archive->fleet;

	if (market_ask_offers(fleet, &syncing->query, &syncing->offers, err) < 0 ||
	    market_check_found(&syncing->query, &syncing->offers, NULL, err) < 0 ||
	    archive_cloud(syncing->archive, &syncing->query, true, &syncing->cloud, err) < 0)
		return -1;
	market_add_failures(&syncing->failures_arena, &syncing->failures, &syncing->nr_failures,
			    syncing->offers.failures, syncing->offers.nr_failures);
	if (find_lacks(syncing, err) < 0 || sync_some(syncing, true, err) < 0 ||
	    sync_some(syncing, false, err) < 0)
		return -1;
	return 0;
}

static int tell_doubts(const struct archive_doubts *doubts, struct error *err)
{
	if (!doubts->nr)
		return 0;
	*err = doubts->first;
	if (doubts->nr > 1)
		error_prefix(err, "%zu prices or zones are not kept, the first", doubts->nr);
	return -1;
}

int price_archive_sync(struct fleet *fleet, struct price_archive *archive,
		       const struct market_query *query, struct price_sync *ret,
		       struct market_list *failures, struct error *err)
{
	struct syncing syncing = {
		.archive = archive,
		.query = *query,
		.now = clock_now(fleet->clock),
	};

	if (syncing.query.since < syncing.now - MARKET_CLOUD_S)
		syncing.query.since = syncing.now - MARKET_CLOUD_S;
	if (syncing.query.until > syncing.now)
		syncing.query.until = syncing.now;
	syncing.sync.from = syncing.sync.to = syncing.query.until;
	if (market_check_query(fleet, &syncing.query, err) < 0)
		return -1;
	int rc = sync_all(&syncing, err);
	if (rc == 0) {
		*ret = syncing.sync;
		failures->failures = syncing.failures;
		failures->nr_failures = syncing.nr_failures;
		failures->arena = syncing.failures_arena;
		rc = tell_doubts(&syncing.doubts, err);
	} else {
		arena_release(&syncing.failures_arena);
	}
	free(syncing.lacks);
	market_offers_release(&syncing.offers);
	return rc;
}
