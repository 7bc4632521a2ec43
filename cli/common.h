/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands share: opening the fleet, showing money and instances. */
#ifndef GPUCLOUD_CLI_COMMON_H
#define GPUCLOUD_CLI_COMMON_H

#include "cli/command.h"
#include "fleet/cost.h"
#include "fleet/fleet.h"

struct cJSON;

/* Loads the profile, opens the fleet, and lets it settle what an interrupted command left open
 * (told on stderr). Close with fleet_close. */
int cli_open_fleet(struct cli *cli, struct fleet *fleet, bool settle);

/* The settling alone, where a command has something to refuse before. */
void cli_settle(struct cli *cli, struct fleet *fleet);

/* The regions named by --region on this command line; none: nr_named is 0. *value keeps them. */
struct region_choice cli_named_regions(struct cli *cli, const char **value);

/* Texts for tables and lines; they live in the arena. */
const char *text_money(struct arena *arena, int64_t micros); /* "0.9000", "?" */
const char *text_percent(struct arena *arena, double share); /* 0.51 -> "51.0%" */

/* A price given on the command line; absent (NULL) stays MONEY_UNKNOWN; 0 is refused. */
int cli_price_option(const char *text, const char *what, int64_t *ret, struct error *err);

/*
 * Which public key a launch installs: the option, the setting, or ~/.ssh/id_ed25519.pub. *ret is
 * the file and *ret_line its key, in the arena; both NULL for "none" or where there is none.
 */
int cli_ssh_key(struct cli *cli, const char *option, struct arena *arena, const char **ret,
		const char **ret_line);

/* Members of JSON objects. */
void json_add_money(struct cJSON *object, const char *name, int64_t micros);
void json_add_time(struct cJSON *object, const char *name, int64_t s); /* 0 is null */
struct cJSON *json_of_instance(const struct instance *instance);
void json_add_cost(struct cJSON *object, const struct cost *cost);
void json_add_failures(struct cJSON *object, const struct region_failure *failures, size_t nr);

/* A warning for each region that did not answer. */
void cli_warn_failures(struct cli *cli, const struct region_failure *failures, size_t nr);

#endif
