/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/cost.h"

#include <string.h>

#include "core/log.h"
#include "core/text.h"
#include "fleet/cost_ahead.h"
#include "fleet/cost_internal.h"
#include "fleet/expiry.h"

#define FIRST_HOUR_S 3600
#define FORGOTTEN_S  (INT64_C(90) * 86400) /* EC2 tells spot prices of so long */
#define FIRST_RUN_S  900		   /* an instance starts so soon after its launch began */

void cost_basis_release(struct cost_basis *basis)
{
	arena_release(&basis->arena);
	memset(basis, 0, sizeof(*basis));
}

/* The whole past of one instance, while its basis is made. */
struct past {
	struct fleet *fleet;
	const struct launch_row *row;
	const struct instance *instance;
	int64_t until;
	struct journal_bill bill;
	bool spot;
	int64_t on_demand, quote;
};

/* --- when it ran --------------------------------------------------------------------------- */

static bool is_down(enum instance_state state)
{
	return state == INSTANCE_STOPPING || state == INSTANCE_STOPPED ||
	       state == INSTANCE_ENDING || state == INSTANCE_GONE;
}

/* Nothing is kept of it: what the cloud says now is all there is. */
static void runs_of_instance(struct past *past, struct cost_basis *basis)
{
	const struct instance *instance = past->instance;
	struct journal_run *run = arena_alloc(&past->bill.arena, sizeof(*run));
	struct error ignored = ERROR_INIT;
	int64_t made = 0;

	if (!instance || !instance->launched)
		return;
	const char *tag = instance_tag(instance, TAG_MADE);
	if (tag && expiry_parse(tag, &made, &ignored) < 0)
		made = 0;
	*run = (struct journal_run){ instance->launched, instance->ended, true };
	/* The cloud tells when it ended, and nothing of a rest before that. */
	basis->end_unseen = instance->state == INSTANCE_GONE;
	if (is_down(instance->state) && !instance->ended) {
		run->ended = past->until;
		run->exact = false;
	}
	/* It was started again since, and what was before nobody here saw. */
	if (made && instance->launched - made > FIRST_RUN_S) {
		basis->estimated = true;
		basis->unseen_from = made;
	}
	past->bill.runs = run;
	past->bill.nr_runs = 1;
}

/* The journal alone, of an instance nobody ever looked at. */
static void runs_of_row(struct past *past)
{
	struct journal_run *run = arena_alloc(&past->bill.arena, sizeof(*run));

	*run = (struct journal_run){ past->row->began, past->row->ended, false };
	past->bill.runs = run;
	past->bill.nr_runs = 1;
}

static void set_runs(struct past *past, struct cost_basis *basis)
{
	const struct journal_bill *bill = &past->bill;
	struct bill_run *runs = arena_alloc(&basis->arena, (bill->nr_runs + 1) * sizeof(*runs));
	struct bill_run *sure = arena_alloc(&basis->arena, (bill->nr_runs + 1) * sizeof(*sure));
	int64_t until = past->until;

	/* Not asked, and past its own limit: that ended it. */
	if (!past->instance && past->row && past->row->expires && past->row->expires < until) {
		until = past->row->expires;
		basis->estimated = true;
	}
	for (size_t i = 0; i < bill->nr_runs; i++) {
		const struct journal_run *run = &bill->runs[i];
		int64_t to = run->ended ? run->ended : until;

		basis->estimated |= !run->exact || basis->end_unseen;
		basis->runs = !run->ended;
		runs[i] = (struct bill_run){ run->began, to > run->began ? to : run->began };
		basis->end = runs[i].to;
		sure[i] = (struct bill_run){ run->began, run->exact ? runs[i].to : run->began };
	}
	basis->sure = sure;
	basis->bill.runs = runs;
	basis->bill.nr_runs = bill->nr_runs;
}

/* --- at what price ------------------------------------------------------------------------- */

static void set_fixed_price(struct cost_basis *basis, int64_t price)
{
	struct price_point *step = arena_alloc(&basis->arena, sizeof(*step));

	*step = (struct price_point){ 0, price };
	basis->bill.steps = step;
	basis->bill.nr_steps = price != MONEY_UNKNOWN;
}

static void set_spot_prices(const struct past *past, struct cost_basis *basis)
{
	const struct journal_bill *bill = &past->bill;
	int64_t began = bill->nr_runs ? bill->runs[0].began : 0;
	bool whole = bill->nr_steps && bill->steps[0].time <= began;

	if (!bill->nr_steps) {
		set_fixed_price(basis, past->quote);
		return;
	}
	struct price_point *steps =
		arena_alloc(&basis->arena, (bill->nr_steps + 1) * sizeof(*steps));
	size_t nr = 0;
	/* Before the first step that is known: as it was quoted. */
	if (!whole && past->quote != MONEY_UNKNOWN)
		steps[nr++] = (struct price_point){ began, past->quote };
	memcpy(steps + nr, bill->steps, bill->nr_steps * sizeof(*steps));
	basis->bill.steps = steps;
	basis->bill.nr_steps = nr + bill->nr_steps;
	basis->followed = whole && !bill->price_gap && bill->priced_until >= basis->end;
}

static void set_prices(const struct past *past, struct cost_basis *basis)
{
	basis->bill.on_demand = past->on_demand;
	if (!past->spot) {
		set_fixed_price(basis, past->on_demand);
		basis->followed = past->on_demand != MONEY_UNKNOWN;
		return;
	}
	/* https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-spot-instances-work.html: never
	 * more than the bid, and without one never more than on demand. */
	basis->bill.cap = past->bill.cap > 0	? past->bill.cap
			  : past->on_demand > 0 ? past->on_demand
						: 0;
	set_spot_prices(past, basis);
}

/*
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html
 * The reason is EC2's own code; no other cloud writes it.
 */
static bool is_free(const struct past *past, const struct cost_basis *basis)
{
	const char *reason = past->instance && past->instance->reason && past->instance->reason[0]
				     ? past->instance->reason
			     : past->row ? past->row->reason
					 : "";
	struct bill_sum sum;

	bill_all(&basis->bill, &sum);
	return past->spot && !basis->runs && sum.seconds < FIRST_HOUR_S &&
	       text_starts_with(reason, "Server.SpotInstance");
}

/* Where being off costs as much as running, it runs, as far as a bill goes, from its making to its
 * end. *ret holds what is returned. */
static const struct instance *as_billed(const struct fleet *fleet, const struct instance *instance,
					struct instance *ret)
{
	if (!instance || !fleet->ops || fleet->ops->off_bills != OFF_BILLS_ALL ||
	    (instance->state != INSTANCE_STOPPED && instance->state != INSTANCE_STOPPING))
		return instance;
	*ret = *instance;
	ret->state = INSTANCE_RUNNING;
	ret->ended = 0;
	return ret;
}

/* --- all of it ----------------------------------------------------------------------------- */

static void read_past(struct past *past)
{
	struct journal *journal = past->fleet->journal;
	struct error err = ERROR_INIT;

	if (!past->row || !journal)
		return;
	if (journal_bill_read(journal, past->row->id, &past->bill, &err) < 0) {
		log_info("cost", "%s", err.message);
		return;
	}
	if (past->instance)
		cost_note_runs(journal, past->row, past->instance, past->until, &past->bill);
}

bool cost_is_settled(const struct journal_bill *bill, int64_t until)
{
	int64_t last = bill->nr_runs ? bill->runs[bill->nr_runs - 1].ended : 0;

	return (bill->closed && bill->receipt.exact) || (last && until - last > FORGOTTEN_S);
}

/* What the cloud says that it costs is what it costs, whatever a list of prices said. */
static void take_told_price(struct past *past, bool keep)
{
	const struct instance *instance = past->instance;
	struct journal *journal = past->fleet->journal;
	struct error err = ERROR_INIT;

	if (!instance || past->spot || instance->price <= 0)
		return;
	if (keep && past->row && journal && past->on_demand != instance->price &&
	    journal_price_told(journal, past->row->id, instance->price, &err) < 0)
		log_info("cost", "%s", err.message);
	past->on_demand = past->quote = instance->price;
}

static void ask_cloud(struct past *past)
{
	const struct journal_bill *bill = &past->bill;
	int64_t last = bill->nr_runs ? bill->runs[bill->nr_runs - 1].ended : 0;
	struct error err = ERROR_INIT;

	if (cost_is_settled(bill, past->until))
		return;
	if (past->on_demand == MONEY_UNKNOWN) {
		past->on_demand = cost_ahead_on_demand(past->fleet, past->instance);
		if (past->row && past->fleet->journal && past->on_demand != MONEY_UNKNOWN &&
		    journal_on_demand(past->fleet->journal, past->row->id, past->on_demand, &err) <
			    0)
			log_info("cost", "%s", err.message);
	}
	if (past->spot && (past->fleet->ops->caps & PROVIDER_CAP_SPOT))
		cost_learn_prices(past->fleet, past->row, past->instance, last ? last : past->until,
				  &past->bill);
}

void cost_basis_sum(const struct cost_basis *basis, struct cost *ret)
{
	struct bill_sum sum;

	bill_all(&basis->bill, &sum);
	*ret = (struct cost){
		.seconds = sum.seconds,
		.price = bill_price_at(&basis->bill, basis->end),
		.total = basis->free ? 0 : sum.total,
		.on_demand = basis->bill.on_demand,
		.on_demand_total = sum.on_demand_total,
		.followed = basis->followed,
		.estimated = basis->estimated,
		.free = basis->free,
	};
	if (!basis->bill.nr_runs) /* the cloud did not say: better no figure than a wrong one */
		ret->total = ret->on_demand_total = MONEY_UNKNOWN;
}

/* At its end; the first one that is exact stays. */
static void keep_receipt(const struct past *past, const struct cost_basis *basis)
{
	struct error err = ERROR_INIT;
	struct cost cost;

	if (past->bill.closed && past->bill.receipt.exact)
		return;
	cost_basis_sum(basis, &cost);
	const struct receipt receipt = {
		.ended = basis->end,
		.seconds = cost.seconds,
		.total = cost.total,
		.on_demand_total = cost.on_demand_total,
		.exact = cost.followed && !cost.estimated,
	};
	if (journal_receipt_keep(past->fleet->journal, past->row->id, &receipt, &err) < 0)
		log_info("cost", "%s", err.message);
}

void cost_basis_make(struct fleet *fleet, const struct launch_row *row,
		     const struct instance *instance, int64_t until, bool ask,
		     struct cost_basis *ret)
{
	struct instance billed;

	instance = as_billed(fleet, instance, &billed);
	struct past past = {
		.fleet = fleet,
		.row = row,
		.instance = instance,
		.until = until,
		.spot = instance ? instance->spot : row->spot,
		.on_demand = row ? row->on_demand : MONEY_UNKNOWN,
		.quote = row ? row->price : MONEY_UNKNOWN,
	};

	*ret = (struct cost_basis){ .bill = { .on_demand = MONEY_UNKNOWN } };
	read_past(&past);
	take_told_price(&past, ask);
	if (!past.bill.nr_runs && instance)
		runs_of_instance(&past, ret);
	else if (!past.bill.nr_runs)
		runs_of_row(&past);
	if (ask && instance)
		ask_cloud(&past);
	set_runs(&past, ret);
	set_prices(&past, ret);
	ret->free = is_free(&past, ret);
	if (ask && row && instance && instance->state == INSTANCE_GONE && fleet->journal)
		keep_receipt(&past, ret);
	journal_bill_release(&past.bill);
}

/* The journal's row of an instance; none is a success. */
static void find_row(struct fleet *fleet, const struct instance *instance, struct launch_rows *ret)
{
	struct error err = ERROR_INIT;

	if (fleet->journal && journal_find_instance(fleet->journal, instance->id, ret, &err) < 0)
		log_info("cost", "%s", err.message);
}

void cost_basis_of(struct fleet *fleet, const struct instance *instance, int64_t until, bool ask,
		   struct cost_basis *ret)
{
	struct launch_rows rows = { 0 };

	find_row(fleet, instance, &rows);
	cost_basis_make(fleet, rows.nr ? &rows.v[0] : NULL, instance, until, ask, ret);
	launch_rows_release(&rows);
}

static void work_out(struct fleet *fleet, const struct instance *instance, int64_t until, bool ask,
		     struct cost *ret)
{
	struct cost_basis basis;

	cost_basis_of(fleet, instance, until, ask, &basis);
	cost_basis_sum(&basis, ret);
	cost_basis_release(&basis);
}

void cost_recall(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret)
{
	work_out(fleet, instance, until, false, ret);
}

void cost_follow(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret)
{
	work_out(fleet, instance, until, true, ret);
}

void cost_settle(struct fleet *fleet, const struct instance *instance, int64_t until,
		 struct cost *ret)
{
	struct cost_basis basis;

	cost_basis_of(fleet, instance, until, true, &basis);
	cost_basis_sum(&basis, ret);
	/* We did see it: it ran until we ended it, or was stopped since. */
	if (basis.end_unseen && instance->ended)
		ret->estimated = basis.unseen_from != 0;
	cost_basis_release(&basis);
}

void cost_launched(struct fleet *fleet, const struct instance *instance)
{
	const struct journal_run run = { instance->launched, 0, true };
	struct launch_rows rows = { 0 };
	struct error err = ERROR_INIT;

	find_row(fleet, instance, &rows);
	if (rows.nr && instance->launched &&
	    (journal_run_set(fleet->journal, rows.v[0].id, &run, &err) < 0 ||
	     journal_seen(fleet->journal, rows.v[0].id, instance->expires, "", &err) < 0))
		log_info("cost", "%s", err.message);
	launch_rows_release(&rows);
}

void cost_observe(struct fleet *fleet, const struct instance *instance, int64_t now)
{
	struct launch_rows rows = { 0 };
	struct journal_bill bill = { .nr_runs = 0 };
	struct error err = ERROR_INIT;
	struct instance billed;

	instance = as_billed(fleet, instance, &billed);
	find_row(fleet, instance, &rows);
	if (rows.nr && journal_bill_read(fleet->journal, rows.v[0].id, &bill, &err) == 0)
		cost_note_runs(fleet->journal, &rows.v[0], instance, now, &bill);
	journal_bill_release(&bill);
	launch_rows_release(&rows);
}
