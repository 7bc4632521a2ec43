/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud price: what GPUs cost, on demand and as spot now; and when buying beats renting. */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/price_view.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/settings.h"

#define TYPES_MAX 32

struct price_args {
	const char *type, *gpu, *own, *own_running;
	unsigned gpus;
	bool all_regions, spot;
};

static const struct opt price_opts[] = {
	OPT_STRING_AT('g', "gpu", struct price_args, gpu, "GPU",
		      "types with this GPU: V100, A10G, T4, ..."),
	OPT_UINT_AT(0, "gpus", struct price_args, gpus, "N", 1, 64, "types with N GPUs"),
	OPT_STRING_AT('t', "type", struct price_args, type, "TYPE", "this instance type only"),
	OPT_FLAG_AT(0, "spot", struct price_args, spot, "only types sold as spot"),
	OPT_FLAG_AT(0, "all-regions", struct price_args, all_regions,
		    "every region of the account"),
	OPT_STRING_AT(0, "own", struct price_args, own, "USD",
		      "when would buying such a machine for so much beat renting it?"),
	OPT_STRING_AT(0, "own-running", struct price_args, own_running, "USD",
		      "what an hour of use of the bought one costs: power, cooling, care"),
	OPT_END,
};

/* Everything that was asked for and answered. */
struct answer {
	struct arena arena;
	const char *const *regions;
	size_t nr_regions;
	const char **types; /* named on the command line, each once */
	size_t nr_types;
	struct offer_list *offers; /* one for each type, or one for all that match */
	size_t nr_offers;
	struct spot_history history;
	struct region_failure *failures; /* of all questions, one for each region */
	size_t nr_failures, cap_failures;
};

static void answer_release(struct answer *answer)
{
	for (size_t i = 0; i < answer->nr_offers; i++)
		offer_list_release(&answer->offers[i]);
	spot_history_release(&answer->history);
	arena_release(&answer->arena);
}

static void add_name(struct answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->nr_types; i++)
		if (strcmp(answer->types[i], name) == 0)
			return;
	answer->types[answer->nr_types++] = name;
}

static void add_failures(struct answer *answer, const struct region_failure *failures, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		bool known = false;

		for (size_t k = 0; k < answer->nr_failures; k++)
			known |= strcmp(answer->failures[k].region, failures[i].region) == 0;
		if (known)
			continue;
		answer->failures = arena_grow(&answer->arena, answer->failures, answer->nr_failures,
					      &answer->cap_failures, sizeof(*answer->failures));
		answer->failures[answer->nr_failures++] = failures[i];
	}
}

/* A type that was named and that no region has, where every region answered. */
static int check_known(const struct answer *answer, struct error *err)
{
	for (size_t i = 0; i < answer->nr_types && !answer->nr_failures; i++) {
		if (answer->offers[i].nr)
			continue;
		error_set(
			err, ERROR_NOT_FOUND, "type '%.80s' is not offered in %s", answer->types[i],
			answer->nr_regions == 1 ? answer->regions[0] : "any of the regions asked");
		return error_hint(err, "gpucloud price --all-regions");
	}
	return 0;
}

/* One question for each type named, or one for all; each goes to all regions at once. */
static int ask_offers(struct fleet *fleet, const struct price_args *args, struct answer *answer,
		      struct error *err)
{
	size_t nr = answer->nr_types ? answer->nr_types : 1;

	answer->offers = arena_alloc(&answer->arena, nr * sizeof(*answer->offers));
	for (size_t i = 0; i < nr; i++) {
		const struct offer_query query = {
			.regions = answer->regions,
			.nr_regions = answer->nr_regions,
			.type = answer->nr_types ? answer->types[i] : NULL,
			.gpu = args->gpu,
			.gpu_count = args->gpus,
			.all_arches = true,
		};

		if (fleet->ops->offers(fleet->provider, &query, &answer->offers[i], err) < 0)
			return answer->nr_regions == 1
				       ? fleet_explain_region(fleet, answer->regions[0], err)
				       : -1;
		answer->nr_offers = i + 1;
		add_failures(answer, answer->offers[i].failures, answer->offers[i].nr_failures);
	}
	return check_known(answer, err);
}

static void make_rows(struct answer *answer, const struct price_args *args, struct price_view *view)
{
	size_t nr = 0;

	for (size_t i = 0; i < answer->nr_offers; i++)
		nr += answer->offers[i].nr;
	view->rows = arena_alloc(&answer->arena, (nr + 1) * sizeof(*view->rows));
	for (size_t i = 0; i < answer->nr_offers; i++)
		for (size_t k = 0; k < answer->offers[i].nr; k++)
			if (answer->offers[i].v[k].spot || !args->spot)
				view->rows[view->nr++].offer = &answer->offers[i].v[k];
}

/* One question for the spot prices of every type found, in every region. */
static int ask_spot(struct fleet *fleet, struct answer *answer, struct price_view *view,
		    struct error *err)
{
	const char **types = arena_alloc(&answer->arena, (view->nr + 1) * sizeof(*types));
	size_t nr_types = 0;
	int64_t now = clock_now(fleet->clock);

	for (size_t i = 0; i < view->nr; i++) {
		const struct offer *offer = view->rows[i].offer;
		bool known = false;

		for (size_t k = 0; k < nr_types; k++)
			known |= strcmp(types[k], offer->type) == 0;
		if (!known && offer->spot)
			types[nr_types++] = offer->type;
	}
	const struct spot_query query = {
		.regions = answer->regions,
		.nr_regions = answer->nr_regions,
		.types = types,
		.nr_types = nr_types,
		.since = view->owning ? now - PRICE_OWN_WINDOW_S : now,
		.until = now,
	};
	if (!nr_types || !(fleet->ops->caps & PROVIDER_CAP_SPOT))
		return 0;
	if (fleet->ops->spot_history(fleet->provider, &query, &answer->history, err) < 0)
		return error_prefix(err, "cannot read the spot prices");
	add_failures(answer, answer->history.failures, answer->history.nr_failures);
	return 0;
}

static int show(struct cli *cli, struct fleet *fleet, const struct price_args *args,
		struct answer *answer, struct price_view *view)
{
	struct error *err = &cli->error;

	make_rows(answer, args, view);
	int rc = ask_spot(fleet, answer, view, err);
	/* Now, not before: a price that changed while we asked is in force too. */
	view->now = clock_now(fleet->clock);
	if (rc == 0)
		rc = price_view_fill(view, &answer->history, err);
	progress_end(cli);
	if (rc < 0)
		return -1;
	view->failures = answer->failures;
	view->nr_failures = answer->nr_failures;
	cli_warn_failures(cli, view->failures, view->nr_failures);
	if (!view->nr && answer->nr_failures)
		return error_set(err, ERROR_REMOTE,
				 "nothing of that kind is offered in the regions that answered");
	if (!view->nr) {
		error_set(err, ERROR_NOT_FOUND, "nothing of that kind is offered there");
		return error_hint(err, "gpucloud price --all-regions");
	}
	price_view_sort(view);
	price_view_show(cli, view);
	return answer->nr_failures ? 1 : 0;
}

static int read_own(struct cli *cli, const struct price_args *args, struct price_view *view)
{
	int64_t running = MONEY_UNKNOWN;

	if (args->own_running && !args->own)
		return cli_usage(cli, "--own-running goes with --own USD");
	if (!args->own)
		return 0;
	if (cli_price_option(args->own, "--own", &view->own.price, &cli->error) < 0 ||
	    cli_price_option(args->own_running, "--own-running", &running, &cli->error) < 0)
		return -1;
	view->owning = true;
	view->own.running_cost = running == MONEY_UNKNOWN ? 0 : running;
	return 0;
}

static int check_use(struct cli *cli, const struct price_args *args, int argc, const char **argv)
{
	if (argc && args->type)
		return cli_usage(cli, "name the type once: '%s' or --type", argv[0]);
	if ((argc || args->type) && (args->gpu || args->gpus))
		return cli_usage(cli,
				 "name types, or a kind of GPU (--gpu, --gpus): not both at once");
	return 0;
}

/* None is said anywhere, and the cloud has no default one: then all of them are meant. */
static bool is_everywhere(struct fleet *fleet)
{
	struct error ignored = ERROR_INIT;
	const char *region;

	return (fleet->ops->caps & PROVIDER_CAP_REGIONS) &&
	       !settings_get(fleet->settings, "region") &&
	       fleet->ops->default_region(fleet->provider, &region, &ignored) < 0;
}

static int price_run(struct cli *cli, void *data, int argc, const char **argv)
{
	const struct price_args *args = data;
	struct fleet fleet = { 0 };
	struct answer answer = { 0 };
	struct price_view view = { 0 };
	const char *named;
	int rc = -1;

	if (check_use(cli, args, argc, argv) < 0 || read_own(cli, args, &view) < 0)
		return -1;
	progress_start(cli, "asking for prices");
	if (cli_open_fleet(cli, &fleet, true) < 0)
		return -1;
	answer.types = arena_alloc(&answer.arena, ((size_t)argc + 1) * sizeof(*answer.types));
	for (int i = 0; i < argc; i++)
		add_name(&answer, argv[i]);
	if (args->type)
		add_name(&answer, args->type);
	struct region_choice choice = cli_named_regions(cli, &named);
	choice.all = args->all_regions || is_everywhere(&fleet);
	if (fleet_regions(&fleet, &choice, &answer.arena, &answer.regions, &answer.nr_regions,
			  &cli->error) == 0 &&
	    ask_offers(&fleet, args, &answer, &cli->error) == 0)
		rc = show(cli, &fleet, args, &answer, &view);
	progress_end(cli);
	answer_release(&answer);
	fleet_close(&fleet);
	return rc;
}

const struct command cmd_price = {
	.name = "price",
	.group = "Look",
	.summary = "what GPUs cost: on demand, as spot now, and bought",
	.usage = "gpucloud price [TYPE...] [options]",
	.details = "On-demand prices come from the cloud's price list or, where that cannot be\n"
		   "asked, from a built-in table whose date is shown. SPOT NOW is the last change\n"
		   "at or before now in the cheapest zone, AGE how long ago that was. Cheapest\n"
		   "first. Dollars per hour, Linux, without disk and traffic. --region may name\n"
		   "several, with commas. --own counts the hours of use after which the bought\n"
		   "machine is cheaper; spot is then what 90 days cost in the cheapest zone.",
	.opts = price_opts,
	.args_size = sizeof(struct price_args),
	.examples = "gpucloud price --gpu V100\n"
		    "gpucloud price g5.xlarge g6.xlarge --all-regions\n"
		    "gpucloud price p3.16xlarge --own 149000 --own-running 1.50\n"
		    "gpucloud --json price --gpus 8 --region us-east-1,us-west-2\n",
	.exits = "1 some region could not be asked\n3 nothing of that kind is offered there\n",
	.max_args = TYPES_MAX,
	.run = price_run,
};
