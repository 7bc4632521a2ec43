/* SPDX-License-Identifier: Apache-2.0 */
#include "job_ticker.h"

#define H INT64_C(3600)

struct ticker {
	const struct made_market *m;
	struct job job;
	enum billing billing;
	int64_t bid;
	/* the instance */
	bool up;
	int64_t age, boot, saving, since_save, done, saved;
	double hour_price, last_price, this_bill, hour_bill;
	struct job_outcome out;
};

static int64_t price_at(const struct made_market *m, int64_t time)
{
	int64_t micros = PRICE_GAP;

	for (size_t i = 0; i < m->series.nr && m->v[i].time <= time; i++)
		micros = m->v[i].micros;
	return micros;
}

static void bill_second(struct ticker *t, double price)
{
	if (t->age % H == 0) {
		t->hour_price = price;
		t->hour_bill = 0;
		if (t->billing == BILLING_HOUR2017)
			t->hour_bill = price;
		t->this_bill += t->hour_bill;
	}
	if (t->billing != BILLING_HOUR2017)
		t->this_bill += (t->billing == BILLING_SEC ? price : t->hour_price) / (double)H;
	t->last_price = t->billing == BILLING_SEC ? price : t->hour_price;
	t->age++;
}

static void instance_ends(struct ticker *t, bool taken)
{
	if (!t->up)
		return;
	if (t->billing == BILLING_HOUR2017) {
		if (taken && t->age % H)
			t->this_bill -= t->hour_bill;
	} else if (taken && t->age < H) {
		t->this_bill = 0;
	} else if (t->age < 60) {
		t->this_bill += (double)(60 - t->age) * t->last_price / (double)H;
	}
	t->out.cost += t->this_bill;
	t->out.interruptions += taken;
	t->up = false;
}

static void instance_begins(struct ticker *t)
{
	t->up = true;
	t->age = t->saving = t->since_save = 0;
	t->this_bill = 0;
	t->boot = t->job.restart_s;
	t->done = t->saved;
}

/* True when the work is done. */
static bool work_a_second(struct ticker *t)
{
	if (t->boot) {
		t->boot--;
		return false;
	}
	if (t->saving) {
		if (--t->saving == 0)
			t->saved = t->done;
		return false;
	}
	t->since_save++;
	if (++t->done == t->job.work_s)
		return true;
	if (t->since_save == t->job.checkpoint_every_s) {
		t->since_save = 0;
		t->saving = t->job.checkpoint_s;
		if (!t->saving)
			t->saved = t->done;
	}
	return false;
}

static void tick_through(struct ticker *t, int64_t start)
{
	for (int64_t now = start; now < t->m->until; now++) {
		int64_t price = price_at(t->m, now);

		if (price == PRICE_GAP)
			break;
		if (price > t->bid) {
			instance_ends(t, true);
			t->out.waited_s++;
			continue;
		}
		if (!t->up)
			instance_begins(t);
		bill_second(t, (double)price / 1e6);
		t->out.ran_s++;
		if (work_a_second(t)) {
			t->out.finished = true;
			t->saved = t->job.work_s;
			break;
		}
	}
	instance_ends(t, false);
	t->out.makespan_s = t->out.ran_s + t->out.waited_s;
	t->out.lost_s = t->out.ran_s - t->saved;
}

void job_tick(const struct made_market *m, const struct replay *replay, int64_t start,
	      struct job_outcome *ret)
{
	struct ticker ticker = {
		.m = m, .job = replay->job, .billing = replay->billing, .bid = replay->bid
	};

	tick_through(&ticker, start);
	*ret = ticker.out;
}
