/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bid_view.h"

#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/bid_table.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/out.h"
#include "core/timefmt.h"

int64_t bid_view_limit(const struct bid_view *view)
{
	const struct walk walk = { .job = view->job, .limit_s = view->limit_s };

	return walk_limit(&walk);
}

/* To a hundredth of a cent, as advice_choose() has it. */
static int by_cost(double a, double b)
{
	double x = rint(a * 1e4), y = rint(b * 1e4);

	return (x > y) - (x < y);
}

/* The least cost, wherever and however; a bid where it is the same. */
static bool is_better(const struct bid_line *line, const struct bid_line *than)
{
	if (!than || !line)
		return line != NULL;
	int by = by_cost(line->result.mean_cost, than->result.mean_cost);
	return by ? by < 0 : line->place == BID_IN_ZONE && than->place != BID_IN_ZONE;
}

const struct bid_winner *bid_winners(struct arena *arena, const struct bid_market *v, size_t nr,
				     size_t *ret_nr)
{
	struct bid_winner *winners = arena_alloc(arena, (nr + 1) * sizeof(*winners));
	size_t n = 0;

	for (size_t i = 0; i < nr; i++) {
		size_t k = 0;

		while (k < n && strcmp(winners[k].type, v[i].market->type) != 0)
			k++;
		if (k == n)
			winners[n++] = (struct bid_winner){ v[i].market->type, i };
		else if (is_better(v[i].best, v[winners[k].market].best))
			winners[k].market = i;
	}
	*ret_nr = n;
	return winners;
}

/* --- what is said around the tables --------------------------------------------------------- */

/* A line on stderr. A terminal gets it broken between words, each further line behind `indent`
 * blanks; a pipe whole. */
static void tell(struct cli *cli, int indent, const char *text)
{
	size_t room = cli_width(cli), ahead = 0;

	while (cli->err_terminal && ahead + strlen(text) > room) {
		size_t end = room - ahead;

		while (end > 0 && text[end] != ' ')
			end--;
		/* Blanks at the beginning are no place to break at, nor is a word of a whole line. */
		if (end <= strspn(text, " "))
			break;
		cli_note(cli, "%*s%.*s", (int)ahead, "", (int)end, text);
		text += end + strspn(text + end, " ");
		ahead = (size_t)indent;
	}
	cli_note(cli, "%*s%s", (int)ahead, "", text);
}

static const char *span(struct arena *arena, int64_t s)
{
	char text[TIME_TEXT_MAX];

	return s ? arena_strdup(arena, duration_format(text, s)) : "0 s";
}

static void tell_job(struct cli *cli, struct bid_view *view)
{
	const struct job *job = &view->job;
	struct arena *arena = &view->arena;
	const char *kept = job->checkpoint_every_s
				   ? arena_printf(arena, "a checkpoint every %s (%s each)",
						  span(arena, job->checkpoint_every_s),
						  span(arena, job->checkpoint_s))
				   : "no checkpoints: an interruption loses all";

	tell(cli, 2,
	     arena_printf(
		     arena,
		     "job: %.4g h of work, %s, %s from start to work; in time if done in %.4g h",
		     (double)job->work_s / 3600, kept, span(arena, job->restart_s),
		     (double)bid_view_limit(view) / 3600));
}

static void tell_market(struct cli *cli, struct bid_view *view, const struct bid_market *judged)
{
	const struct walk *walk = &judged->walk;
	const struct market *market = judged->market;
	struct arena *arena = &view->arena;
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
	size_t starts = (size_t)((walk->last - walk->first) / walk->step_s) + 1;

	tell(cli, 2,
	     arena_printf(arena, "%s%s%s, on demand $%s/h; walk-forward: %zu starts from %s to %s",
			  market->type, market->region[0] ? " in " : "", market->region,
			  text_money(arena, judged->on_demand), starts,
			  time_format_date(from, walk->first), time_format_date(to, walk->last)));
	tell(cli, 2,
	     "a zone's row: the same bid there at every start; book rule, as advised: chosen at "
	     "each start by the prices before it, judged by those after it");
	if (walk->until < view->until)
		tell(cli, 2,
		     arena_printf(arena, "the record ends at %s: what is said of now is of then",
				  time_format(to, walk->until)));
}

static const char *prefix(struct arena *arena, const struct market *market, bool several)
{
	if (!several)
		return "";
	return arena_printf(arena, "%s%s%s: ", market->type, market->region[0] ? " in " : "",
			    market->region);
}

static bool is_alike(const struct advice_note *a, const struct advice_note *b)
{
	return a->code == b->code && a->warning == b->warning && a->zone[0] && b->zone[0];
}

/* Whether an earlier note of that kind, from `first` on, is about the same zone. */
static bool is_named(const struct advice *notes, size_t first, size_t i)
{
	for (size_t k = first; k < i; k++)
		if (is_alike(&notes->v[k], &notes->v[i]) &&
		    strcmp(notes->v[k].zone, notes->v[i].zone) == 0)
			return true;
	return false;
}

/* The other zones of which the same is said; NULL where there is none. */
static const char *same_of(struct arena *arena, const struct advice *notes, size_t first)
{
	const char *names = NULL;

	for (size_t i = first + 1; i < notes->nr; i++)
		if (is_alike(&notes->v[i], &notes->v[first]) && !is_named(notes, first, i))
			names = arena_printf(arena, "%s%s%s", names ? names : "", names ? ", " : "",
					     notes->v[i].zone);
	return names;
}

/* One sentence of each kind about zones; of the others their names are enough. */
static bool said_before(const struct advice *notes, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (is_alike(&notes->v[k], &notes->v[i]))
			return true;
	return false;
}

static void tell_notes(struct cli *cli, struct bid_view *view, const struct bid_market *judged,
		       bool warnings, const char *about)
{
	const struct advice *notes = &judged->notes;

	for (size_t i = 0; i < notes->nr; i++) {
		const struct advice_note *note = &notes->v[i];

		if (note->warning != warnings || said_before(notes, i))
			continue;
		const char *same = note->zone[0] ? same_of(&view->arena, notes, i) : NULL;
		const char *text =
			arena_printf(&view->arena, "%s%s%s%s", about, note->text,
				     same ? "; much the same of " : "", same ? same : "");
		if (warnings)
			cli_warning(cli, "%s", text);
		else
			tell(cli, 2, arena_printf(&view->arena, "note: %s", text));
	}
}

/* Of how many the recommended one is the best, looking back. */
static size_t tried(const struct bid_market *judged)
{
	size_t nr = 0;

	for (size_t i = 0; i < judged->nr; i++)
		nr += judged->lines[i].judged;
	return nr;
}

static void tell_choice(struct cli *cli, struct bid_view *view, const struct bid_market *judged,
			const char *about)
{
	struct arena *arena = &view->arena;

	if (!judged->best)
		return;
	tell(cli, 2,
	     arena_printf(arena, "recommended: %s%s (best of %zu in hindsight)", about,
			  judged->choice.text, tried(judged)));
	for (size_t i = 0; i < judged->choice.nr_reasons; i++)
		tell(cli, 4, arena_printf(arena, "  - %s", judged->choice.reasons[i]));
}

static void show_text(struct cli *cli, struct bid_view *view, const struct bid_market *v, size_t nr)
{
	size_t nr_winners;
	const struct bid_winner *winners = bid_winners(&view->arena, v, nr, &nr_winners);
	tell_job(cli, view);
	for (size_t i = 0; i < nr; i++) {
		cli_note(cli, "%s", "");
		tell_market(cli, view, &v[i]);
		bid_table_show(cli, &view->arena, &v[i]);
	}
	for (size_t i = 0; i < nr_winners; i++) {
		size_t k = winners[i].market;

		const char *about = prefix(&view->arena, v[k].market, nr > 1);

		cli_note(cli, "%s", "");
		tell_choice(cli, view, &v[k], about);
		tell_notes(cli, view, &v[k], true, about);
		tell_notes(cli, view, &v[k], false, about);
	}
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Markets that cannot be judged are passed over with a warning, unless none is left. */
static int judge_all(struct cli *cli, struct bid_view *view, struct bid_market *v, size_t *ret_nr)
{
	const struct market_list *markets = view->markets;
	size_t nr = 0;

	for (size_t i = 0; i < markets->nr; i++) {
		struct error err = ERROR_INIT;

		if (bid_judge(view, &markets->v[i], &v[nr], &err) == 0) {
			nr++;
			continue;
		}
		if (err.kind != ERROR_NOT_FOUND || markets->nr == 1) {
			cli->error = err;
			return -1;
		}
		if (cli->error.kind == ERROR_NONE)
			cli->error = err;
		cli_warning(cli, "%s%s", prefix(&view->arena, &markets->v[i], true), err.message);
	}
	*ret_nr = nr;
	if (!nr && cli->error.kind == ERROR_NONE)
		return error_set(&cli->error, ERROR_NOT_FOUND, "no spot price is known there");
	if (!nr)
		return -1;
	error_clear(&cli->error);
	return 0;
}

/* 0 where a bid is advised for some type; ERROR_PRICE where on demand is better, or nothing fits. */
static int verdict(struct cli *cli, struct bid_view *view, const struct bid_market *v, size_t nr)
{
	size_t nr_winners;
	const struct bid_winner *winners = bid_winners(&view->arena, v, nr, &nr_winners);
	bool on_demand = false;

	for (size_t i = 0; i < nr_winners; i++) {
		const struct bid_line *best = v[winners[i].market].best;

		if (best && best->place == BID_IN_ZONE)
			return 0;
		on_demand |= best != NULL;
	}
	if (on_demand) {
		error_set(&cli->error, ERROR_PRICE,
			  "no bid does better for this job than on "
			  "demand");
		return error_hint(&cli->error, "gpucloud launch --type %s", v[0].market->type);
	}
	char limit[TIME_TEXT_MAX];
	error_set(&cli->error, ERROR_PRICE, "nothing gets this job done within %s often enough",
		  duration_format(limit, bid_view_limit(view)));
	return error_hint(&cli->error, "a later --deadline, or fewer --hours");
}

int bid_view_show(struct cli *cli, struct bid_view *view)
{
	struct bid_market *v = arena_alloc(&view->arena, (view->markets->nr + 1) * sizeof(*v));
	size_t nr;

	if (judge_all(cli, view, v, &nr) < 0)
		return -1;
	if (cli->json)
		cli_json_print(cli, bid_json(view, v, nr));
	else
		show_text(cli, view, v, nr);
	return verdict(cli, view, v, nr);
}
