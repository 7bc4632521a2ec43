/* SPDX-License-Identifier: Apache-2.0 */
/* The options that every command takes, before or behind its name. */
#include "cli/cli.h"
#include "cli/opt.h"

#define G struct cli_globals

const struct opt cli_global_opts[] = {
	OPT_STRING_AT(0, "profile", G, profile, "NAME",
		      "section of the config file; 'sim': simulator"),
	OPT_STRING_AT(0, "region", G, region, "REGION", "region, e.g. us-east-1"),
	OPT_STRING_AT(0, "provider", G, provider, "CLOUD", "the cloud to use (aws)"),
	OPT_STRING_AT(0, "endpoint-url", G, endpoint_url, "URL",
		      "base URL for every service of the cloud"),
	OPT_FLAG_AT(0, "json", G, json, "print JSON"),
	OPT_FLAG_AT('n', "dry-run", G, dry_run, "show what would be done, and do nothing"),
	OPT_FLAG_AT('y', "yes", G, yes, "do not ask"),
	OPT_FLAG_AT('q', "quiet", G, quiet, "print results and errors only"),
	OPT_COUNT_AT('v', "verbose", G, verbose, "show each request; -vv: its headers too, masked"),
	OPT_FLAG_AT(0, "no-color", G, no_color, "no bold, no colour"),
	OPT_FLAG_AT('h', "help", G, help, "show help"),
	OPT_FLAG_AT(0, "version", G, version, "print the version"),
	OPT_END,
};
