/* SPDX-License-Identifier: Apache-2.0 */
/* Markets judged and shown: the same for the cloud's history, the archive and saved files. */
#ifndef GPUCLOUD_CLI_HISTORY_VIEW_H
#define GPUCLOUD_CLI_HISTORY_VIEW_H

#include "bidding/bid.h"
#include "fleet/market.h"

struct cJSON;
struct cli;

/* What was asked for. */
struct history_view {
	const struct market_list *markets;
	int64_t since, until;
	int64_t on_demand;  /* instead of the market's own, or MONEY_UNKNOWN */
	const char *source; /* where the prices are from, for pictures */
	bool cloud;	    /* it is the cloud; neither: saved files */
	bool archive;	    /* it is the archive alone */
	bool has_bid;
	struct bid bid;
	enum zone_order order;
	bool chart;
	const char *plot; /* a file to write, or NULL */
	struct arena arena;
};

/* One market, judged. */
struct history_market {
	const struct market *market;
	int64_t on_demand;
	int64_t bid; /* 0: none was given */
	struct zone_choice choice;
	const char *reason; /* why that zone, or why none */
	int64_t scale[2];   /* the least and the highest price of all its zones */
};

/* Table, pictures or JSON. -1 with cli->error where nothing is known of any market. */
int history_view_show(struct cli *cli, struct history_view *view);

/* The last price known before the window's end; NULL where there is none. */
const struct price_point *history_last(const struct price_series *series, int64_t until);

/* history_json.c: the whole answer; history_plot.c: charts on stdout, and the file --plot names. */
struct cJSON *history_json(struct history_view *view, const struct history_market *v, size_t nr);
void history_charts(struct cli *cli, struct history_view *view, const struct history_market *v,
		    size_t nr);
int history_plot(struct cli *cli, struct history_view *view, const struct history_market *v,
		 size_t nr);
/* What can be drawn: FILE.svg or FILE.html; ERROR_USAGE for other names. */
int history_plot_check(const char *path, struct error *err);

/* "stability", "price"; NULL is the default. */
int zone_order_parse(const char *text, enum zone_order *ret, struct error *err);

#endif
