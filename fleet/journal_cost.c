/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/journal_cost.h"

#include <string.h>

#include "core/error.h"
#include "fleet/journal_internal.h"

#define REASON_MAX 256

void journal_bill_release(struct journal_bill *bill)
{
	arena_release(&bill->arena);
	memset(bill, 0, sizeof(*bill));
}

/* One that names the launch as its first parameter. */
static int select_of(struct journal *journal, const char *sql, const char *launch_id,
		     struct db_stmt **ret, struct error *err)
{
	if (db_prepare(journal->db, sql, ret, err) < 0)
		return error_prefix(err, "journal");
	db_bind_text(*ret, 1, launch_id);
	return 0;
}

static int end_of(struct db_stmt *stmt, int rc, struct error *err)
{
	db_finalize(stmt);
	return rc < 0 ? error_prefix(err, "journal") : 0;
}

static int read_launch(struct journal *journal, const char *launch_id, struct journal_bill *bill,
		       struct error *err)
{
	struct db_stmt *stmt;

	if (select_of(journal,
		      "SELECT priced_until, price_gap, coalesce((SELECT max_price FROM step"
		      " WHERE launch = launch.id AND kind = 'instance' AND outcome = 'done'"
		      " ORDER BY seq DESC LIMIT 1), 0) FROM launch WHERE id = ?",
		      launch_id, &stmt, err) < 0)
		return -1;
	int rc = db_step(stmt, err);
	if (rc == 1) {
		bill->priced_until = db_int64(stmt, 0);
		bill->price_gap = db_int64(stmt, 1) != 0;
		bill->cap = db_int64(stmt, 2);
	}
	return end_of(stmt, rc, err);
}

static int read_runs(struct journal *journal, const char *launch_id, struct journal_bill *bill,
		     struct error *err)
{
	struct db_stmt *stmt;
	size_t cap = 0;
	int rc;

	if (select_of(journal,
		      "SELECT began, ended, exact FROM run WHERE launch = ? ORDER BY began",
		      launch_id, &stmt, err) < 0)
		return -1;
	while ((rc = db_step(stmt, err)) == 1) {
		bill->runs = arena_grow(&bill->arena, bill->runs, bill->nr_runs, &cap,
					sizeof(*bill->runs));
		bill->runs[bill->nr_runs++] = (struct journal_run){
			.began = db_int64(stmt, 0),
			.ended = db_int64(stmt, 1),
			.exact = db_int64(stmt, 2) != 0,
		};
	}
	return end_of(stmt, rc, err);
}

static int read_prices(struct journal *journal, const char *launch_id, struct journal_bill *bill,
		       struct error *err)
{
	struct db_stmt *stmt;
	size_t cap = 0;
	int rc;

	if (select_of(journal, "SELECT time, price FROM price_step WHERE launch = ? ORDER BY time",
		      launch_id, &stmt, err) < 0)
		return -1;
	while ((rc = db_step(stmt, err)) == 1) {
		bill->steps = arena_grow(&bill->arena, bill->steps, bill->nr_steps, &cap,
					 sizeof(*bill->steps));
		bill->steps[bill->nr_steps++] =
			(struct price_point){ db_int64(stmt, 0), db_int64(stmt, 1) };
	}
	return end_of(stmt, rc, err);
}

static int read_receipt(struct journal *journal, const char *launch_id, struct journal_bill *bill,
			struct error *err)
{
	struct db_stmt *stmt;

	if (select_of(journal,
		      "SELECT ended, seconds, total, on_demand_total, exact FROM receipt"
		      " WHERE launch = ?",
		      launch_id, &stmt, err) < 0)
		return -1;
	int rc = db_step(stmt, err);
	bill->closed = rc == 1;
	if (bill->closed)
		bill->receipt = (struct receipt){
			.ended = db_int64(stmt, 0),
			.seconds = db_int64(stmt, 1),
			.total = db_int64(stmt, 2),
			.on_demand_total = db_int64(stmt, 3),
			.exact = db_int64(stmt, 4) != 0,
		};
	return end_of(stmt, rc, err);
}

int journal_bill_read(struct journal *journal, const char *launch_id, struct journal_bill *ret,
		      struct error *err)
{
	struct journal_bill bill = { .nr_runs = 0 };

	if (read_launch(journal, launch_id, &bill, err) < 0 ||
	    read_runs(journal, launch_id, &bill, err) < 0 ||
	    read_prices(journal, launch_id, &bill, err) < 0 ||
	    read_receipt(journal, launch_id, &bill, err) < 0) {
		journal_bill_release(&bill);
		return -1;
	}
	*ret = bill;
	return 0;
}

int journal_run_set(struct journal *journal, const char *launch_id, const struct journal_run *run,
		    struct error *err)
{
	struct db_stmt *stmt;

	if (select_of(journal,
		      "INSERT INTO run(launch, began, ended, exact) VALUES(?, ?, ?, ?)"
		      " ON CONFLICT(launch, began) DO UPDATE"
		      " SET ended = excluded.ended, exact = excluded.exact",
		      launch_id, &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 2, run->began);
	db_bind_int64(stmt, 3, run->ended);
	db_bind_int64(stmt, 4, run->exact);
	return journal_run(stmt, err);
}

static int add_prices(struct journal *journal, const char *launch_id, const struct price_news *news,
		      struct error *err)
{
	struct db_stmt *stmt;

	if (select_of(journal,
		      "INSERT INTO price_step(launch, time, price) VALUES(?, ?, ?)"
		      " ON CONFLICT(launch, time) DO UPDATE SET price = excluded.price",
		      launch_id, &stmt, err) < 0)
		return -1;
	int rc = 0;
	for (size_t i = 0; i < news->nr && rc == 0; i++) {
		db_bind_text(stmt, 1, launch_id);
		db_bind_int64(stmt, 2, news->v[i].time);
		db_bind_int64(stmt, 3, news->v[i].micros);
		rc = db_step(stmt, err);
		if (rc == 0)
			db_reset(stmt);
	}
	if (end_of(stmt, rc, err) < 0)
		return -1;
	if (select_of(journal,
		      "UPDATE launch SET priced_until = max(priced_until, ?2),"
		      " price_gap = max(price_gap, ?3) WHERE id = ?1",
		      launch_id, &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 2, news->until);
	db_bind_int64(stmt, 3, news->gap);
	return journal_run(stmt, err);
}

int journal_prices_add(struct journal *journal, const char *launch_id,
		       const struct price_news *news, struct error *err)
{
	if (journal_atomic(journal, err) < 0)
		return -1;
	return journal_commit(journal, add_prices(journal, launch_id, news, err), err);
}

int journal_seen(struct journal *journal, const char *launch_id, int64_t expires,
		 const char *reason, struct error *err)
{
	struct db_stmt *stmt;
	char kept[REASON_MAX];
	size_t len = strnlen(reason, sizeof(kept) - 1);

	memcpy(kept, reason, len);
	kept[len] = '\0';
	if (select_of(journal, "UPDATE launch SET expires = ?2, reason = ?3 WHERE id = ?1",
		      launch_id, &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 2, expires);
	db_bind_text(stmt, 3, kept);
	return journal_run(stmt, err);
}

int journal_on_demand(struct journal *journal, const char *launch_id, int64_t price,
		      struct error *err)
{
	struct db_stmt *stmt;

	if (select_of(journal, "UPDATE launch SET on_demand = ?2 WHERE id = ?1 AND on_demand < 0",
		      launch_id, &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 2, price);
	return journal_run(stmt, err);
}

int journal_price_told(struct journal *journal, const char *launch_id, int64_t price,
		       struct error *err)
{
	struct db_stmt *stmt;

	if (select_of(journal,
		      "UPDATE launch SET on_demand = ?2, price = ?2 WHERE id = ?1 AND spot = 0",
		      launch_id, &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 2, price);
	return journal_run(stmt, err);
}

int journal_receipt_keep(struct journal *journal, const char *launch_id,
			 const struct receipt *receipt, struct error *err)
{
	struct db_stmt *stmt;

	if (select_of(journal,
		      "INSERT INTO receipt(launch, ended, seconds, total, on_demand_total, exact,"
		      " written) VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(launch) DO UPDATE SET"
		      " ended = excluded.ended, seconds = excluded.seconds, total = excluded.total,"
		      " on_demand_total = excluded.on_demand_total, exact = excluded.exact,"
		      " written = excluded.written WHERE exact = 0 AND excluded.exact = 1",
		      launch_id, &stmt, err) < 0)
		return -1;
	db_bind_int64(stmt, 2, receipt->ended);
	db_bind_int64(stmt, 3, receipt->seconds);
	db_bind_int64(stmt, 4, receipt->total);
	db_bind_int64(stmt, 5, receipt->on_demand_total);
	db_bind_int64(stmt, 6, receipt->exact);
	db_bind_int64(stmt, 7, journal_now(journal));
	return journal_run(stmt, err);
}
