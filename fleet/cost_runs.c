/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an instance ran. A cloud tells the last start alone (and of a stop or an end, when it was), so
 * every look is kept. What happened between two looks counts as running: a bill is then never told
 * too low, and the cost says that it is a bound.
 */
#include <string.h>

#include "core/log.h"
#include "fleet/cost_internal.h"

#define FIRST_RUN_S 900 /* an instance starts so soon after its launch began */
#define SAME_RUN_S  60

struct notes {
	struct journal *journal;
	const struct launch_row *row;
	struct journal_bill *bill;
};

static void set_run(struct notes *notes, struct journal_run run)
{
	struct journal_bill *bill = notes->bill;
	struct error err = ERROR_INIT;

	if (bill->nr_runs && bill->runs[bill->nr_runs - 1].began == run.began) {
		bill->runs[bill->nr_runs - 1] = run;
	} else {
		struct journal_run *runs =
			arena_alloc(&bill->arena, (bill->nr_runs + 1) * sizeof(*runs));

		if (bill->nr_runs)
			memcpy(runs, bill->runs, bill->nr_runs * sizeof(*runs));
		runs[bill->nr_runs++] = run;
		bill->runs = runs;
	}
	if (journal_run_set(notes->journal, notes->row->id, &run, &err) < 0)
		log_info("cost", "%s", err.message);
}

/* False where it speaks of a run before the last one known: old news. */
static bool note_start(struct notes *notes, int64_t launched)
{
	struct journal_bill *bill = notes->bill;

	if (!bill->nr_runs) {
		/* It was stopped and started before anybody looked. */
		if (launched - notes->row->began > FIRST_RUN_S)
			set_run(notes, (struct journal_run){ notes->row->began, launched, false });
		set_run(notes, (struct journal_run){ launched, 0, true });
		return true;
	}
	struct journal_run last = bill->runs[bill->nr_runs - 1];
	if (launched < last.began)
		return false;
	/* No instance is stopped and started again so fast: a clock was set, or rounded. */
	if (launched == last.began ||
	    (launched - last.began < SAME_RUN_S && (!last.ended || last.ended > launched)))
		return true;
	if (!last.ended || last.ended > launched)
		set_run(notes, (struct journal_run){ last.began, launched, false });
	set_run(notes, (struct journal_run){ launched, 0, true });
	return true;
}

static void note_end(struct notes *notes, const struct instance *instance, int64_t now)
{
	struct journal_run last = notes->bill->runs[notes->bill->nr_runs - 1];
	int64_t told = instance->ended;

	/* An end long after a stop is not when it stopped running. */
	if (told >= last.began && (!last.ended || (!last.exact && told < last.ended))) {
		set_run(notes, (struct journal_run){ last.began, told, true });
	} else if (!told && !last.ended) {
		int64_t bound = now;

		/* Nobody saw it end: its own time limit did, at the latest. */
		if (instance->state == INSTANCE_GONE && notes->row->expires &&
		    notes->row->expires < bound)
			bound = notes->row->expires;
		if (notes->row->ended && notes->row->ended < bound)
			bound = notes->row->ended;
		set_run(notes,
			(struct journal_run){ last.began,
					      bound > last.began ? bound : last.began + 1, false });
	}
}

static void note_words(struct notes *notes, const struct instance *instance, bool over)
{
	const struct launch_row *row = notes->row;
	const char *reason =
		over && instance->reason && instance->reason[0] ? instance->reason : row->reason;
	int64_t expires = instance->expires ? instance->expires : row->expires;
	struct error err = ERROR_INIT;

	if ((expires != row->expires || (reason != row->reason && !row->reason[0])) &&
	    journal_seen(notes->journal, row->id, expires, reason, &err) < 0)
		log_info("cost", "%s", err.message);
}

void cost_note_runs(struct journal *journal, const struct launch_row *row,
		    const struct instance *instance, int64_t now, struct journal_bill *bill)
{
	struct notes notes = { journal, row, bill };
	enum instance_state state = instance->state;
	bool over = state == INSTANCE_ENDING || state == INSTANCE_GONE;

	note_words(&notes, instance, over);
	if (!instance->launched) {
		/* Nobody knows more of it than that it is gone. */
		if (over && !bill->nr_runs)
			set_run(&notes, (struct journal_run){ row->began, 0, false });
		if (over)
			note_end(&notes, instance, now);
		return;
	}
	/* Old news of a start; but that it is gone holds of every run. */
	if (!note_start(&notes, instance->launched) && state != INSTANCE_GONE)
		return;
	if (over || state == INSTANCE_STOPPING || state == INSTANCE_STOPPED) {
		note_end(&notes, instance, now);
	} else if (state == INSTANCE_PENDING || state == INSTANCE_RUNNING) {
		struct journal_run last = bill->runs[bill->nr_runs - 1];

		/* It was thought gone, and is not. */
		if (last.ended && !last.exact)
			set_run(&notes, (struct journal_run){ last.began, 0, true });
	}
}
