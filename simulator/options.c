/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"

enum {
	OPT_DETACH = 256,
	OPT_PORT,
	OPT_MARKET,
	OPT_AS_OF,
	OPT_SEED,
	OPT_SCENARIO,
	OPT_BOOT_MS,
	OPT_PLAIN_HTTP,
	OPT_MACHINES,
	OPT_MACHINE_FAULT,
	OPT_MACHINE_ADDRESSES,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option none[] = { { "help", no_argument, NULL, OPT_HELP },
				      { NULL, 0, NULL, 0 } };
static const struct option state_options[] = { { "json", no_argument, NULL, OPT_JSON },
					       { "help", no_argument, NULL, OPT_HELP },
					       { NULL, 0, NULL, 0 } };
static const struct option start_options[] = {
	{ "detach", no_argument, NULL, OPT_DETACH },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "market", required_argument, NULL, OPT_MARKET },
	{ "as-of", required_argument, NULL, OPT_AS_OF },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "scenario", required_argument, NULL, OPT_SCENARIO },
	{ "boot-ms", required_argument, NULL, OPT_BOOT_MS },
	{ "plain-http", no_argument, NULL, OPT_PLAIN_HTTP },
	{ "machines", required_argument, NULL, OPT_MACHINES },
	{ "machine-fault", required_argument, NULL, OPT_MACHINE_FAULT },
	{ "machine-addresses", required_argument, NULL, OPT_MACHINE_ADDRESSES },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct command_spec {
	const char *name;
	enum command command;
	const struct option *options;
	const char *argument; /* NULL: takes none */
} commands[] = {
	{ "start", COMMAND_START, start_options, NULL },   { "stop", COMMAND_STOP, none, NULL },
	{ "status", COMMAND_STATUS, state_options, NULL }, { "env", COMMAND_ENV, none, NULL },
	{ "state", COMMAND_STATE, state_options, NULL },   { "fault", COMMAND_FAULT, none, "JSON" },
	{ "advance", COMMAND_ADVANCE, none, "SECONDS" },   { "help", COMMAND_HELP, none, NULL },
};

void options_help(FILE *out)
{
	fputs("gpucloud-sim: a simulated cloud on this computer. No account, no machine, no "
	      "money.\n"
	      "\n"
	      "usage: gpucloud-sim COMMAND [OPTIONS]\n"
	      "\n"
	      "  start            listen on 127.0.0.1 until Ctrl-C, or in the background:\n"
	      "    --detach         return once it answers\n"
	      "    --port N         that port (default: a free one)\n"
	      "    --market PATH    recorded prices: a folder of TYPE_ZONE.csv, or one such "
	      "file\n"
	      "    --as-of TIME     which recorded time is now, e.g. 2020-03-20 (default: the "
	      "last)\n"
	      "    --seed N         the same ids, prices and accidents in every run\n"
	      "    --scenario FILE  faults to inject (JSON)\n"
	      "    --boot-ms N      how long a machine is pending (default: about 2000)\n"
	      "    --plain-http     no TLS\n"
	      "    --machines KIND  what instances run: sshd (an own SSH server each), fake (a\n"
	      "                     console only) or none (default: sshd where it is installed)\n"
	      "    --machine-fault KIND   swap-host-key, hang or refuse: all machines, from boot on\n"
	      "    --machine-addresses N  so few that they are used again\n"
	      "  stop             end it, and wait until it is gone\n"
	      "  status [--json]  is one running, and what does it cost\n"
	      "  env              variables for clients of its clouds: eval \"$(gpucloud-sim env)\"\n"
	      "  state [--json]   everything ever made, and how often each action was called\n"
	      "  fault JSON       inject one fault now\n"
	      "  advance SECONDS  move simulated time on\n"
	      "  --help, --version\n"
	      "\n"
	      "Each runtime folder has one simulator: GPUCLOUD_SIMULATOR_DIR, else\n"
	      "XDG_RUNTIME_DIR/gpucloud-sim, else /tmp/gpucloud-UID/sim.\n"
	      "\n"
	      "examples:\n"
	      "  gpucloud-sim start --detach\n"
	      "  gpucloud --profile sim launch --spot --bid 51%\n"
	      "  gpucloud-sim fault '{\"kind\":\"no-capacity\",\"zone\":\"us-east-1a\"}'\n"
	      "  gpucloud-sim state --json\n"
	      "  gpucloud-sim stop\n",
	      out);
}

static int number(const char *text, const char *what, int64_t min, int64_t max, int64_t *ret,
		  struct error *err)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || n < min || n > max)
		return error_set(err, ERROR_USAGE, "%s: '%.40s' is not a number from %lld to %lld",
				 what, text, (long long)min, (long long)max);
	*ret = n;
	return 0;
}

static int machine_option(struct options *options, int c, const char *value, struct error *err)
{
	int64_t n = 0;
	int bits;

	switch (c) {
	case OPT_MACHINES:
		return machine_kind_parse(value, &options->server.machines, err);
	case OPT_MACHINE_FAULT:
		bits = machine_fault_parse(value);
		if (bits <= 0 || bits == MACHINE_DISCONNECT) {
			error_set(err, ERROR_USAGE, "--machine-fault: unknown kind '%.40s'", value);
			return error_hint(err, "swap-host-key, hang or refuse");
		}
		options->server.machine_faults |= (unsigned)bits;
		return 0;
	case OPT_MACHINE_ADDRESSES:
		if (number(value, "--machine-addresses", 1, 1000000, &n, err))
			return -1;
		options->server.machine_addresses = (unsigned)n;
		return 0;
	default:
		return error_set(err, ERROR_USAGE, "unknown option");
	}
}

static int option(struct options *options, int c, const char *value, struct error *err)
{
	int64_t n = 0;

	switch (c) {
	case OPT_HELP:
		options->command = COMMAND_HELP;
		return 0;
	case OPT_DETACH:
		options->detach = true;
		return 0;
	case OPT_JSON:
		options->json = true;
		return 0;
	case OPT_PLAIN_HTTP:
		options->server.plain_http = true;
		return 0;
	case OPT_MARKET:
		options->server.market = value;
		return 0;
	case OPT_SCENARIO:
		options->server.scenario = value;
		return 0;
	case OPT_AS_OF:
		return time_parse(value, "--as-of", &options->server.as_of, err);
	case OPT_PORT:
		if (number(value, "--port", 0, 65535, &n, err))
			return -1;
		options->server.port = (uint16_t)n;
		return 0;
	case OPT_SEED:
		if (number(value, "--seed", 0, INT64_MAX, &n, err))
			return -1;
		options->server.seed = (uint64_t)n;
		options->server.has_seed = true;
		return 0;
	case OPT_BOOT_MS:
		if (number(value, "--boot-ms", 0, 3600000, &n, err))
			return -1;
		options->server.boot_ms = n ? n : 1; /* 0 is the model's word for its default */
		return 0;
	default:
		return machine_option(options, c, value, err);
	}
}

static int unknown_command(const char *name, struct error *err)
{
	const char *near = NULL;
	size_t best = 3; /* letters wrong: more is another word */

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		size_t wrong = text_distance(commands[i].name, name);

		if (wrong < best) {
			best = wrong;
			near = commands[i].name;
		}
	}
	error_set(err, ERROR_USAGE, "unknown command '%.40s'", name);
	return near ? error_hint(err, "did you mean 'gpucloud-sim %s'?", near)
		    : error_hint(err, "gpucloud-sim --help");
}

/* What stands after the options. */
static int arguments(struct options *options, const struct command_spec *spec, int argc,
		     char **argv, struct error *err)
{
	if (options->command == COMMAND_HELP)
		return 0;
	if (argc > (spec->argument ? 1 : 0))
		return error_set(err, ERROR_USAGE, "%s: unexpected argument '%.80s'", spec->name,
				 argv[argc - 1]);
	if (spec->argument && argc == 0)
		return error_set(err, ERROR_USAGE, "%s: missing argument %s", spec->name,
				 spec->argument);
	if (options->command == COMMAND_FAULT)
		options->fault = argv[0];
	if (options->command == COMMAND_ADVANCE)
		return number(argv[0], "advance", 0, INT64_C(316224000), &options->advance_s, err);
	if (options->server.as_of && !options->server.market)
		return error_set(err, ERROR_USAGE, "--as-of needs --market");
	return 0;
}

static int command_line(struct options *options, const struct command_spec *spec, int argc,
			char **argv, struct error *err)
{
	int c;

	options->command = spec->command;
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":", spec->options, NULL)) != -1) {
		if (c == '?' || c == ':') {
			error_set(err, ERROR_USAGE,
				  c == '?' ? "%s: unknown option '%.80s'"
					   : "%s: '%.80s' needs a value",
				  spec->name, argv[optind - 1]);
			return error_hint(err, "gpucloud-sim --help");
		}
		if (option(options, c, optarg, err))
			return -1;
	}
	return arguments(options, spec, argc - optind, argv + optind, err);
}

int options_parse(struct options *ret, int argc, char **argv, struct error *err)
{
	struct options options = { .command = COMMAND_HELP,
				   .server.machines = machine_kind_best() };

	if (argc < 2) {
		error_set(err, ERROR_USAGE, "which command?");
		return error_hint(err, "gpucloud-sim --help");
	}
	if (strcmp(argv[1], "--version") == 0) {
		options.command = COMMAND_VERSION;
	} else if (strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0) {
		size_t i = 0;

		while (i < ARRAY_SIZE(commands) && strcmp(commands[i].name, argv[1]) != 0)
			i++;
		if (i == ARRAY_SIZE(commands))
			return unknown_command(argv[1], err);
		if (command_line(&options, &commands[i], argc - 1, argv + 1, err))
			return -1;
	}
	*ret = options;
	return 0;
}
