/* SPDX-License-Identifier: Apache-2.0 */
/* What `gpucloud --json bid` prints; docs/json.md names every field. */
#include <math.h>

#include <cjson/cJSON.h>

#include "cli/bid_view.h"
#include "cli/common.h"

/* Dollars with six decimals, as other means; null where no job was finished. */
static void add_dollars(struct arena *arena, cJSON *object, const char *name, double value,
			bool known)
{
	if (known)
		cJSON_AddStringToObject(object, name, arena_printf(arena, "%.6f", value));
	else
		cJSON_AddNullToObject(object, name);
}

static void add_number(cJSON *object, const char *name, double value, bool known)
{
	if (known && isfinite(value))
		cJSON_AddNumberToObject(object, name, value);
	else
		cJSON_AddNullToObject(object, name);
}

static void add_result(struct arena *arena, cJSON *object, const struct bid_market *market,
		       const struct bid_line *line)
{
	const struct walk_result *result = &line->result;
	const double on_demand =
		job_on_demand_cost(&market->walk.job, market->on_demand, line->billing);
	bool any = result->finished > 0;

	cJSON_AddNumberToObject(object, "starts", (double)result->starts);
	cJSON_AddNumberToObject(object, "none", (double)result->none);
	cJSON_AddNumberToObject(object, "unknown", (double)result->unknown);
	cJSON_AddNumberToObject(object, "finished", (double)result->finished);
	cJSON_AddNumberToObject(object, "in_time", (double)result->in_time);
	cJSON_AddNumberToObject(object, "uninterrupted", (double)result->uninterrupted);
	add_number(object, "share_in_time", bid_share_in_time(result), true);
	add_number(object, "share_uninterrupted", bid_share_uninterrupted(result), true);
	add_number(object, "predicted_survival", result->predicted_survival,
		   line->place != BID_ON_DEMAND);
	add_dollars(arena, object, "mean_cost", result->mean_cost, any);
	add_dollars(arena, object, "p95_cost", result->p95_cost, any);
	add_number(object, "saving", 1.0 - result->mean_cost / on_demand, any);
	add_number(object, "dearer_than_on_demand", result->dearer_than_on_demand, any);
	add_number(object, "mean_makespan_s", result->mean_makespan_s, any);
	add_number(object, "p95_makespan_s", result->p95_makespan_s, any);
	add_number(object, "interruptions", result->interruptions, any);
}

static void add_chosen(cJSON *object, const struct bid_market *market, const struct bid_line *line)
{
	cJSON *chosen = cJSON_AddArrayToObject(object, "chosen");

	for (size_t z = 0; z < market->market->nr; z++) {
		if (!line->chosen[z])
			continue;
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "zone", market->market->zones[z].name);
		cJSON_AddStringToObject(one, "zone_id", market->market->zones[z].id);
		cJSON_AddNumberToObject(one, "times", (double)line->chosen[z]);
		cJSON_AddItemToArray(chosen, one);
	}
}

/* Stable words; people read advice_verdict_text(). */
static const char *verdict_name(enum advice_verdict verdict)
{
	switch (verdict) {
	case ADVICE_BEST:
		return "best";
	case ADVICE_DEARER:
		return "dearer";
	case ADVICE_TOO_LATE:
		return "too-late";
	case ADVICE_UNPROVEN:
		return "unproven";
	case ADVICE_WONT_START:
		break;
	}
	return "wont-start";
}

static cJSON *line_json(struct arena *arena, const struct bid_market *market,
			const struct bid_line *line)
{
	static const char *const strategies[] = { "zone", "rule", "advice", "on-demand" };
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "strategy", strategies[line->place]);
	if (line->place == BID_IN_ZONE) {
		const struct zone *zone = &market->market->zones[line->zone];

		cJSON_AddStringToObject(object, "zone", zone->name);
		cJSON_AddStringToObject(object, "zone_id", zone->id);
		json_add_money(object, "price_now", line->now);
	}
	if (line->bid) {
		cJSON_AddStringToObject(object, "label", line->label);
		json_add_money(object, "bid", line->bid);
	}
	cJSON_AddStringToObject(object, "billing", billing_name(line->billing));
	add_result(arena, object, market, line);
	if (line->chosen)
		add_chosen(object, market, line);
	if (line->place == BID_AS_ADVISED)
		cJSON_AddNumberToObject(object, "chosen_on_demand", (double)line->chosen_on_demand);
	if (line->judged)
		cJSON_AddStringToObject(object, "verdict", verdict_name(line->verdict));
	return object;
}

static cJSON *notes_json(const struct advice *notes)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < notes->nr; i++) {
		const struct advice_note *note = &notes->v[i];
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "code", advice_code_name(note->code));
		cJSON_AddBoolToObject(one, "warning", note->warning);
		cJSON_AddStringToObject(one, "zone", note->zone ? note->zone : "");
		cJSON_AddStringToObject(one, "text", note->text);
		cJSON_AddItemToArray(array, one);
	}
	return array;
}

static cJSON *market_json(struct arena *arena, const struct bid_market *judged)
{
	const struct walk *walk = &judged->walk;
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "provider",
				judged->market->provider ? judged->market->provider : "");
	cJSON_AddStringToObject(object, "region", judged->market->region);
	cJSON_AddStringToObject(object, "type", judged->market->type);
	json_add_money(object, "on_demand", judged->on_demand);
	json_add_time(object, "known_until", walk->until);
	cJSON *starts = cJSON_AddObjectToObject(object, "walk_forward");
	json_add_time(starts, "first_start", walk->first);
	json_add_time(starts, "last_start", walk->last);
	cJSON_AddNumberToObject(starts, "step_s", (double)walk->step_s);
	cJSON_AddNumberToObject(starts, "starts",
				(double)((walk->last - walk->first) / walk->step_s + 1));
	cJSON_AddNumberToObject(starts, "look_back_s", (double)walk->train_s);
	cJSON *lines = cJSON_AddArrayToObject(object, "strategies");
	for (size_t i = 0; i < judged->nr; i++)
		cJSON_AddItemToArray(lines, line_json(arena, judged, &judged->lines[i]));
	cJSON_AddItemToObject(object, "notes", notes_json(&judged->notes));
	return object;
}

static cJSON *choice_json(struct arena *arena, const struct bid_market *v, const char *type,
			  size_t index)
{
	cJSON *object = cJSON_CreateObject();
	const struct bid_market *judged = &v[index];
	const struct bid_line *best = judged->best;
	bool spot = best && best->place == BID_IN_ZONE;

	cJSON_AddStringToObject(object, "type", type);
	if (!best) {
		cJSON_AddNullToObject(object, "strategy");
		return object;
	}
	cJSON_AddStringToObject(object, "strategy", spot ? "zone" : "on-demand");
	cJSON_AddStringToObject(object, "region", judged->market->region);
	if (spot) {
		const struct zone *zone = &judged->market->zones[best->zone];

		cJSON_AddStringToObject(object, "zone", zone->name);
		cJSON_AddStringToObject(object, "zone_id", zone->id);
		cJSON_AddStringToObject(object, "label", best->label);
		json_add_money(object, "bid", best->bid);
	}
	add_dollars(arena, object, "mean_cost", best->result.mean_cost, true);
	const struct walk_result *followed = &judged->followed.result;
	add_dollars(arena, object, "followed_mean_cost", followed->mean_cost,
		    followed->finished > 0);
	add_number(object, "followed_share_in_time", bid_share_in_time(followed), true);
	cJSON_AddStringToObject(object, "text", judged->choice.text);
	cJSON *reasons = cJSON_AddArrayToObject(object, "reasons");
	for (size_t i = 0; i < judged->choice.nr_reasons; i++)
		cJSON_AddItemToArray(reasons, cJSON_CreateString(judged->choice.reasons[i]));
	return object;
}

static cJSON *job_json(const struct bid_view *view)
{
	cJSON *job = cJSON_CreateObject();

	cJSON_AddNumberToObject(job, "work_s", (double)view->job.work_s);
	cJSON_AddNumberToObject(job, "checkpoint_every_s", (double)view->job.checkpoint_every_s);
	cJSON_AddNumberToObject(job, "checkpoint_s", (double)view->job.checkpoint_s);
	cJSON_AddNumberToObject(job, "restart_s", (double)view->job.restart_s);
	cJSON_AddNumberToObject(job, "deadline_s", (double)bid_view_limit(view));
	return job;
}

cJSON *bid_json(struct bid_view *view, const struct bid_market *v, size_t nr)
{
	cJSON *object = cJSON_CreateObject();
	size_t nr_winners;
	const struct bid_winner *winners = bid_winners(&view->arena, v, nr, &nr_winners);

	cJSON_AddItemToObject(object, "job", job_json(view));
	json_add_time(object, "since", view->since);
	json_add_time(object, "until", view->until);
	cJSON *markets = cJSON_AddArrayToObject(object, "markets");
	for (size_t i = 0; i < nr; i++)
		cJSON_AddItemToArray(markets, market_json(&view->arena, &v[i]));
	cJSON *choices = cJSON_AddArrayToObject(object, "choices");
	for (size_t i = 0; i < nr_winners; i++)
		cJSON_AddItemToArray(
			choices, choice_json(&view->arena, v, winners[i].type, winners[i].market));
	json_add_failures(object, view->markets->failures, view->markets->nr_failures);
	return object;
}
