/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the journal. */
#ifndef GPUCLOUD_FLEET_JOURNAL_INTERNAL_H
#define GPUCLOUD_FLEET_JOURNAL_INTERNAL_H

#include "core/db.h"
#include "fleet/journal.h"

#define JOURNAL_LAUNCH_ID_MAX 64
#define JOURNAL_CLAIM_MAX     80
#define JOURNAL_CLAIMS	      64 /* each holds a file open */

struct journal_claim {
	char key[JOURNAL_CLAIM_MAX]; /* a launch id, or "name.NAME" */
	int fd;
};

struct journal {
	struct db *db;
	const struct clock *clock;
	int64_t skew_s; /* the cloud's clock minus ours */
	char *dir;
	struct journal_claim claims[JOURNAL_CLAIMS];
	size_t nr_claims;
	/* The attempt at work, copied. */
	char launch_id[JOURNAL_LAUNCH_ID_MAX];
	char *token, *region, *zone;
	int64_t max_price, price;
};

/* By the cloud's clock, as far as it is known. Unix s. */
int64_t journal_now(const struct journal *journal);

/* Runs one prepared statement to its end, and finalizes it. */
int journal_run(struct db_stmt *stmt, struct error *err);

/* What is done between them is done whole or not at all. _commit undoes it where rc is not 0, or
 * where it cannot be kept; returns 0 or -1. */
int journal_atomic(struct journal *journal, struct error *err);
int journal_commit(struct journal *journal, int rc, struct error *err);

/* Makes the tables, or brings those of an older gpucloud up to date. Those of a newer one are
 * refused: ERROR_CONFIG. */
int journal_schema(struct db *db, const char *path, struct error *err);

/* A column that holds text; "" where it holds none. */
const char *journal_text(struct db_stmt *stmt, int i);

void journal_drop_claims(struct journal *journal);

#endif
