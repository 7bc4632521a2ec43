/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch_wanted.h"

#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/confirm.h"
#include "cli/history_view.h"
#include "cli/launch_budget.h"
#include "cli/span.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "fleet/boot.h"
#include "fleet/machine.h"

#define WAIT_DEFAULT_S 600
#define WAIT_MOST_S    3600
#define TTL_LEAST_S    60
#define TTL_MOST_S     (INT64_C(366) * 86400)

const struct opt launch_opts[] = {
	OPT_FLAG_AT('s', "spot", struct launch_args, spot,
		    "spare capacity: cheaper, may be taken back"),
	OPT_STRING_AT('b', "bid", struct launch_args, bid, "BID",
		      "cap on spot: 51% of on demand, or dollars an hour"),
	OPT_STRING_AT('g', "gpu", struct launch_args, gpu, "GPU",
		      "cheapest type with it: V100, T4, ... (any NVIDIA)"),
	OPT_UINT_AT(0, "gpus", struct launch_args, gpus, "N", 1, 64, "how many of them (1)"),
	OPT_STRING_AT('t', "type", struct launch_args, type, "TYPE", "this instance type"),
	OPT_STRING_AT(0, "zone", struct launch_args, zone, "ZONE", "this zone only, by name or id"),
	OPT_STRING_AT(0, "zone-by", struct launch_args, zone_by, "RULE",
		      "rank zones by stability (the book's rule) or price"),
	OPT_STRING_AT(0, "name", struct launch_args, name, "NAME",
		      "a-z 0-9 - _; one that lives is not launched again"),
	OPT_STRING_AT(0, "image", struct launch_args, image, "IMAGE",
		      "the cloud's id or name of it, or an alias (one with CUDA)"),
	OPT_UINT_AT(0, "disk", struct launch_args, disk, "GIB", 1, 65536,
		    "root disk (the image's own)"),
	OPT_STRING_AT(0, "ssh-key", struct launch_args, ssh_key, "FILE",
		      "your key too, or none (~/.ssh/id_ed25519.pub)"),
	OPT_STRINGS_AT('p', "port", struct launch_args, ports, "PORT", "open this TCP port too"),
	OPT_STRING_AT(0, "from", struct launch_args, from, "CIDR",
		      "who may connect (this computer's address alone)"),
	OPT_STRING_AT(0, "subnet", struct launch_args, subnet, "ID",
		      "this subnet (the zone's default)"),
	OPT_FLAG_AT(0, "static-address", struct launch_args, static_address,
		    "an address that stays, and bills, until it is ended"),
	OPT_STRING_AT(0, "user-data", struct launch_args, user_data, "FILE",
		      "your own for the machine; no time limit is armed then"),
	OPT_STRING_AT(0, "ttl", struct launch_args, ttl, "TIME",
		      "it ends by itself after so long, or none (12h)"),
	OPT_STRING_AT(0, "idle", struct launch_args, idle, "TIME",
		      "'reap' ends it once idle for so long; 30m:stop stops it"),
	OPT_STRING_AT(0, "budget", struct launch_args, budget, "USD",
		      "it ends before it has cost more than that"),
	OPT_FLAG_AT(0, "protect", struct launch_args, protect, "'reap' does nothing to it"),
	OPT_STRING_AT(0, "selftest", struct launch_args, selftest, "MODE",
		      "prove the GPU: quick or none (quick)"),
	OPT_STRING_AT('w', "wait", struct launch_args, wait, "STATE",
		      "return when accepted, running or ssh (ssh)"),
	OPT_STRING_AT(0, "timeout", struct launch_args, timeout, "TIME",
		      "how long to wait for it: 90 (seconds), 10m (10m)"),
	OPT_STRING_AT(0, "on-demand", struct launch_args, on_demand, "USD",
		      "the on-demand price, where it is not known"),
	OPT_END,
};

void launch_wanted_init(struct launch_wanted *wanted)
{
	*wanted = (struct launch_wanted){ .user_data = BUF_INIT };
}

void launch_wanted_release(struct launch_wanted *wanted)
{
	buf_release(&wanted->user_data);
	arena_release(&wanted->arena);
}

static int read_port(const char *text, uint16_t *ret, struct error *err)
{
	char *end;
	long port = strspn(text, "0123456789") == strlen(text) ? strtol(text, &end, 10) : 0;

	if (port < 1 || port > 65535 || strlen(text) > 5)
		return error_set(err, ERROR_USAGE, "--port '%.20s' is not a TCP port", text);
	*ret = (uint16_t)port;
	return 0;
}

static int read_ports(struct cli *cli, const struct launch_args *args, struct launch_wanted *wanted)
{
	wanted->ports = arena_alloc(&wanted->arena, (args->ports.nr + 1) * sizeof(*wanted->ports));
	for (size_t i = 0; i < args->ports.nr; i++)
		if (read_port(args->ports.v[i], &wanted->ports[i], &cli->error) < 0)
			return -1;
	wanted->launch.ports = wanted->ports;
	wanted->launch.nr_ports = args->ports.nr;
	return machine_port(cli->settings, &wanted->launch.ssh_port, &cli->error);
}

static int read_user_data(struct cli *cli, const struct fleet *fleet, const char *path,
			  struct launch_wanted *wanted)
{
	size_t max = fleet->ops->user_data_max;

	if (!path)
		return 0;
	wanted->user_data = (struct buf)BUF_INIT_MAX(max);
	if (file_read(path, max, &wanted->user_data, &cli->error) < 0)
		return error_prefix(&cli->error, "--user-data (%s takes at most %zu KiB)",
				    fleet->ops->title, max >> 10);
	wanted->launch.user_data = wanted->user_data.data;
	wanted->launch.user_data_len = wanted->user_data.len;
	return 0;
}

static int read_disk(struct cli *cli, unsigned option, unsigned *ret)
{
	const char *text = settings_get(cli->settings, "disk");

	*ret = option;
	if (option || !text)
		return 0;
	unsigned long value =
		strspn(text, "0123456789") == strlen(text) ? strtoul(text, NULL, 10) : 0;
	if (value < 1 || value > 65536)
		return error_set(&cli->error, ERROR_CONFIG, "setting 'disk' is not 1 to 65536 GiB");
	*ret = (unsigned)value;
	return 0;
}

static int read_wait(struct cli *cli, const struct launch_args *args, struct launch_wanted *wanted)
{
	static const char *const names[] = {
		[LAUNCH_WAIT_ACCEPTED] = "accepted",
		[LAUNCH_WAIT_RUNNING] = "running",
		[LAUNCH_WAIT_SSH] = "ssh",
	};

	/* What the user tells the machine takes the place of what gpucloud would: no login of ours. */
	wanted->wait = args->user_data ? LAUNCH_WAIT_RUNNING : LAUNCH_WAIT_SSH;
	if (!args->wait)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(args->wait, names[i]) == 0) {
			wanted->wait = (enum launch_wait)i;
			return 0;
		}
	return cli_usage(cli, "--wait '%s' is none of accepted, running, ssh", args->wait);
}

static int confirm_endless(struct cli *cli, const char *why)
{
	if (cli->dry_run)
		return 0;
	return confirm_yes(cli, "%sWithout a time limit it bills until somebody ends it. Go on?",
			   why);
}

/* How long it may live. */
static int read_ttl(struct cli *cli, const char *text, bool budget, int64_t *ret)
{
	*ret = BOOT_TTL_DEFAULT_S;
	if (!text)
		return 0;
	if (strcmp(text, "none") == 0) {
		*ret = 0;
		return budget ? 0 : confirm_endless(cli, "");
	}
	if (duration_parse(text, "--ttl", ret, &cli->error) < 0)
		return -1;
	if (*ret < TTL_LEAST_S || *ret > TTL_MOST_S)
		return cli_usage(cli, "--ttl '%s' is not between 1m and 366d", text);
	return 0;
}

/* How far to wait, what the machine is told, and whether its GPU is tested. */
static int check_machine(struct cli *cli, const struct launch_args *args,
			 struct launch_wanted *wanted)
{
	struct launch_options *launch = &wanted->launch;

	if (read_wait(cli, args, wanted) < 0)
		return -1;
	if (args->user_data &&
	    (args->ttl || args->budget || args->selftest || wanted->wait == LAUNCH_WAIT_SSH))
		return cli_usage(cli, "--user-data replaces what gpucloud tells the machine: no "
				      "--ttl, --budget, --selftest or --wait ssh with it");
	if (args->selftest && strcmp(args->selftest, "quick") != 0 &&
	    strcmp(args->selftest, "none") != 0)
		return cli_usage(cli, "--selftest '%s' is neither quick nor none", args->selftest);
	if (args->selftest && wanted->wait != LAUNCH_WAIT_SSH)
		return cli_usage(cli, "--selftest needs --wait ssh");
	wanted->selftest = wanted->wait == LAUNCH_WAIT_SSH &&
			   (!args->selftest || strcmp(args->selftest, "quick") == 0);
	launch->prepared = !args->user_data;
	return args->user_data ? 0 : read_ttl(cli, args->ttl, args->budget != NULL, &launch->ttl_s);
}

int launch_wanted_check(struct cli *cli, const struct launch_args *args,
			struct launch_wanted *wanted)
{
	if (args->bid && !args->spot)
		return cli_usage(cli, "--bid is a cap for spot prices: it needs --spot");
	if (args->type && (args->gpu || args->gpus))
		return cli_usage(cli, "--type names the GPU already: leave out --gpu and --gpus");
	if (args->name && !text_is_label(args->name)) {
		error_set(&cli->error, ERROR_USAGE, "--name '%.80s' is not a name", args->name);
		return error_hint(&cli->error,
				  "at most 63 of a-z 0-9 - _, a letter or digit first");
	}
	if (args->bid && bid_parse(args->bid, &wanted->bid, &cli->error) < 0)
		return error_prefix(&cli->error, "--bid");
	if (args->idle && args->user_data)
		return cli_usage(cli, "--idle needs a machine that gpucloud can log in to: not "
				      "with --user-data");
	if (check_machine(cli, args, wanted) < 0 ||
	    launch_policy_read(cli, args->protect, args->idle, &wanted->arena, &wanted->policy) <
		    0 ||
	    launch_budget_read(cli, args->budget, &wanted->arena, &wanted->policy,
			       &wanted->budget_cents) < 0)
		return -1;
	wanted->launch.tags = wanted->policy.tags;
	wanted->launch.nr_tags = wanted->policy.nr_tags;
	wanted->timeout_s = WAIT_DEFAULT_S;
	if (args->timeout && span_parse(args->timeout, "--timeout", WAIT_MOST_S, &wanted->timeout_s,
					&cli->error) < 0)
		return -1;
	if (args->from)
		settings_set(cli->settings, "from", args->from, SETTING_FLAG, "--from");
	return 0;
}

static const char *option_or_setting(struct cli *cli, const char *option, const char *key)
{
	return option ? option : settings_get(cli->settings, key);
}

int launch_wanted_read(struct cli *cli, const struct fleet *fleet, const struct launch_args *args,
		       struct launch_wanted *wanted)
{
	const char *key_file;

	wanted->plan = (struct plan_options){
		.type = args->type,
		.gpu = args->gpu,
		.gpu_count = args->gpus,
		.zone = args->zone,
		.spot = args->spot,
		.bid = args->bid ? &wanted->bid : NULL,
	};
	wanted->launch.name = args->name;
	wanted->launch.image = option_or_setting(cli, args->image, "image");
	wanted->launch.static_address = args->static_address;
	wanted->subnet_asked = args->subnet != NULL;
	wanted->launch.subnet = option_or_setting(cli, args->subnet, "subnet");
	if (zone_order_parse(args->zone_by, &wanted->plan.order, &cli->error) < 0 ||
	    cli_price_option(args->on_demand, "--on-demand", &wanted->plan.on_demand, &cli->error) <
		    0 ||
	    read_ports(cli, args, wanted) < 0 ||
	    read_user_data(cli, fleet, args->user_data, wanted) < 0 ||
	    read_disk(cli, args->disk, &wanted->launch.disk_gib) < 0 ||
	    cli_ssh_key(cli, args->ssh_key, &wanted->arena, &key_file,
			&wanted->launch.ssh_public_key) < 0 ||
	    launch_policy_check(cli, fleet, &wanted->policy, wanted->plan.spot) < 0 ||
	    (wanted->wait == LAUNCH_WAIT_SSH && launch_check_login(cli) < 0))
		return -1;
	return args->user_data ? confirm_endless(cli, "Your own user-data takes the place of the "
						      "time limit. ")
			       : 0;
}
