/* SPDX-License-Identifier: Apache-2.0 */
/* Markets as pictures: charts in the terminal, and the file that --plot names. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/history_view.h"
#include "cli/plot.h"
#include "cli/progress.h"
#include "core/buf.h"
#include "core/file.h"

#define RULES_MAX (2 + BID_RUNG_NR)

static bool has_suffix(const char *path, const char *suffix)
{
	size_t len = strlen(path), end = strlen(suffix);

	return len > end && strcmp(path + len - end, suffix) == 0;
}

static bool is_page(const char *path)
{
	return has_suffix(path, ".html") || has_suffix(path, ".htm");
}

int history_plot_check(const char *path, struct error *err)
{
	if (is_page(path) || has_suffix(path, ".svg"))
		return 0;
	return error_set(err, ERROR_USAGE, "--plot '%.200s' names neither .svg nor .html", path);
}

/* On demand, the three rungs, and the bid where it is none of them. */
static size_t make_rules(const struct history_market *judged, struct arena *arena,
			 struct plot_rule *rules)
{
	size_t nr = 0;
	bool rung = false;

	rules[nr++] = (struct plot_rule){ "on demand", judged->on_demand, true };
	for (int r = 0; r < BID_RUNG_NR; r++) {
		const struct bid bid = { .percent = true,
					 .value = bid_rungs[r] * INT64_C(1000000) };
		struct error ignored;
		int64_t micros;

		if (bid_resolve(&bid, judged->on_demand, &micros, &ignored) < 0)
			continue;
		rung |= micros == judged->bid;
		rules[nr++] = (struct plot_rule){ arena_printf(arena, "%d%%", bid_rungs[r]), micros,
						  micros == judged->bid };
	}
	if (judged->bid && !rung)
		rules[nr++] = (struct plot_rule){ "bid", judged->bid, true };
	return nr;
}

static void make_plot(struct history_view *view, const struct history_market *judged,
		      struct plot *plot)
{
	struct arena *arena = &view->arena;
	const struct market *market = judged->market;
	const struct zone_choice *choice = &judged->choice;
	struct plot_line *lines = arena_alloc(arena, (market->nr + 1) * sizeof(*lines));
	struct plot_rule *rules = arena_alloc(arena, RULES_MAX * sizeof(*rules));
	size_t nr = 0;

	for (size_t i = 0; i < market->nr; i++) {
		if (choice->v[i].verdict == ZONE_NO_HISTORY)
			continue;
		lines[nr++] = (struct plot_line){
			.series = market->series[i],
			.zone_id = market->zones[i].id,
			.chosen = judged->bid && choice->nr_eligible && choice->order[0] == i,
		};
	}
	*plot = (struct plot){
		.title = *market->region
				 ? arena_printf(arena, "%s in %s", market->type, market->region)
				 : market->type,
		.source = view->source,
		.since = view->since,
		.until = view->until,
		.lines = lines,
		.nr_lines = nr,
		.rules = rules,
		.nr_rules = make_rules(judged, arena, rules),
	};
}

static struct plot *make_plots(struct history_view *view, const struct history_market *v, size_t nr)
{
	struct plot *plots = arena_alloc(&view->arena, (nr + 1) * sizeof(*plots));

	for (size_t i = 0; i < nr; i++)
		make_plot(view, &v[i], &plots[i]);
	return plots;
}

void history_charts(struct cli *cli, struct history_view *view, const struct history_market *v,
		    size_t nr)
{
	const struct plot *plots = make_plots(view, v, nr);
	const struct plot_style style = {
		.width = cli->out_terminal ? cli_width(cli) : 80,
		.utf8 = cli->utf8,
		.colour = cli->colour,
	};

	progress_hide(cli);
	for (size_t i = 0; i < nr; i++) {
		struct buf text = BUF_INIT;

		plot_chart(&plots[i], &style, &text);
		fwrite(text.data, 1, text.len, cli->out);
		buf_release(&text);
	}
	progress_show(cli);
}

int history_plot(struct cli *cli, struct history_view *view, const struct history_market *v,
		 size_t nr)
{
	const struct plot *plots = make_plots(view, v, nr);
	struct buf text = BUF_INIT;

	if (is_page(view->plot))
		plot_html(plots, nr, &text);
	else
		plot_svg(plots, nr, &text);
	int rc = file_write(view->plot, text.data, text.len, 0644, &cli->error);
	if (rc == 0)
		cli_note(cli, "wrote %s (%zu KiB)", view->plot, (text.len + 1023) / 1024);
	buf_release(&text);
	return rc;
}
