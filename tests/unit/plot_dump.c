/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a picture to stdout, for the tests that look at it in a browser: of names and gaps that no
 * file of saved prices can hold.
 *
 *   plot_dump svg|html TITLE SINCE UNTIL {ZONE TIME:MICROS,TIME:MICROS,...}...
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plot.h"
#include "core/buf.h"
#include "core/mem.h"

static const struct plot_rule rules[] = {
	{ PLOT_ON_DEMAND, 900000, true },
	{ "51%", 459000, false },
};

static struct plot_line read_line(const char *zone, const char *text)
{
	struct plot_line line = { .series = { .zone = zone }, .zone_id = "" };
	struct price_point *v = NULL;
	size_t cap = 0, nr = 0;
	int used = 0;

	for (int64_t t, p; sscanf(text, "%" SCNd64 ":%" SCNd64 "%n", &t, &p, &used) == 2;) {
		v = xgrow(v, nr, &cap, sizeof(*v));
		v[nr++] = (struct price_point){ t, p };
		text += used;
		text += *text == ',';
	}
	line.series.v = v;
	line.series.nr = nr;
	return line;
}

int main(int argc, char **argv)
{
	struct plot plot = { .rules = rules, .nr_rules = ARRAY_SIZE(rules), .source = "a test" };
	struct plot_line *lines = xcalloc((size_t)argc, sizeof(*lines));
	struct buf out = BUF_INIT;

	if (argc < 5) {
		fprintf(stderr, "usage: plot_dump svg|html TITLE SINCE UNTIL {ZONE POINTS}...\n");
		return 2;
	}
	plot.title = argv[2];
	plot.since = strtoll(argv[3], NULL, 10);
	plot.until = strtoll(argv[4], NULL, 10);
	for (int i = 5; i + 1 < argc; i += 2)
		lines[plot.nr_lines++] = read_line(argv[i], argv[i + 1]);
	plot.lines = lines;
	if (strcmp(argv[1], "svg") == 0)
		plot_svg(&plot, 1, &out);
	else
		plot_html(&plot, 1, &out);
	fwrite(out.data, 1, out.len, stdout);
	for (size_t i = 0; i < plot.nr_lines; i++)
		free((void *)(uintptr_t)lines[i].series.v);
	free(lines);
	buf_release(&out);
	return 0;
}
