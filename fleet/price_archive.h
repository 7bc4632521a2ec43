/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spot prices kept for longer than the cloud keeps them: SQLite in the data folder, prices.db, 0600.
 * Rows are keyed by cloud, product, type and zone ID (names are private to an account) and only ever
 * added. Beside the changes stands what was asked: [from, to) intervals in which the record is whole.
 * Time that was never asked is unknown, and comes out as a gap, not as the last price.
 *
 * A simulator's prices, or those of any endpoint on this computer, are kept apart from a cloud's by
 * the endpoint's address. Safe to write from several processes at once.
 */
#ifndef GPUCLOUD_FLEET_PRICE_ARCHIVE_H
#define GPUCLOUD_FLEET_PRICE_ARCHIVE_H

#include "fleet/market.h"

struct price_archive;

/*
 * write false: a missing archive is ERROR_NOT_FOUND with a hint to `gpucloud history --sync`. A file
 * that is corrupt, another program's, of a newer version or in another currency: ERROR_IO; nothing is
 * ever written to it. fleet must outlive the archive.
 */
int price_archive_open(struct fleet *fleet, bool write, struct price_archive **ret,
		       struct error *err);
void price_archive_close(struct price_archive *archive);

struct price_sync {
	size_t markets, zones;
	uint64_t rows_read, rows_added;
	int64_t from, to; /* the widest window asked */
	size_t gaps;	  /* zones whose record has a hole that the cloud no longer keeps */
};

/*
 * Reads from the cloud what the archive lacks of query's markets (since: at most 90 days back; each
 * market from where its record ends) and adds it, one transaction for each region and type: cut off
 * anywhere, what is there is whole. Run twice, or at the same time, it adds nothing twice.
 * A row that contradicts the archive (another price than it has for that zone and time, last hour
 * apart from a change it has not seen): the row of the cloud's new answer is not taken, and err names
 * it: ERROR_CONFLICT, after all else was stored, that of later markets too. In the same way a zone
 * whose id the archive knows from another region (ERROR_CONFLICT), one whose id the cloud does not
 * tell, and prices that are no history (ERROR_PROTOCOL): nothing of that zone is taken, and the next
 * sync asks for it again. Of several err names the first.
 * Regions that failed are in *failures (owned by arena), as in market_read.
 * Where something was not taken *ret and *failures are filled although -1 is returned: ret->markets
 * is above 0 then. After any other error both are as they were. Release *failures in any case.
 */
int price_archive_sync(struct fleet *fleet, struct price_archive *archive,
		       const struct market_query *query, struct price_sync *ret,
		       struct market_list *failures, struct error *err);

/*
 * The record of query's markets in [since, until), with gaps where nothing was asked, and the
 * on-demand price as last synced. Zone names are those last seen with each id. Types none: all that
 * the archive has (with a GPU: ERROR_USAGE, it knows none); regions none: all. Nothing there:
 * ERROR_NOT_FOUND. A value that cannot be: ERROR_IO naming the field. Where the record ends before
 * `until` (it was not synced since) the series ends in a gap.
 */
int price_archive_read(struct price_archive *archive, const struct market_query *query,
		       struct market_list *ret, struct error *err);

#endif
