/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/common.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "cli/out.h"
#include "core/buf.h"
#include "core/file.h"
#include "core/host.h"
#include "core/text.h"
#include "fleet/journal_keep.h"
#include "fleet/recover.h"

#define KEY_MAX 8192

static void told(void *ctx, const char *line)
{
	struct cli *cli = ctx;

	cli_note(cli, "%s", line);
}

/* Without one, what runs is found by its tags; but nobody must think that all is well. */
static bool journal_works(struct cli *cli, struct fleet *fleet)
{
	char *path = journal_path(cli->paths.state);
	bool there = access(path, F_OK) == 0;
	struct error err = ERROR_INIT;

	free(path);
	if (!there || fleet_journal(fleet, &err) == 0)
		return true;
	cli_warning(cli, "%s; what an interrupted command left open is not seen to%s%s",
		    err.message, err.hint[0] ? ": " : "", err.hint);
	return false;
}

int cli_open_fleet(struct cli *cli, struct fleet *fleet, bool settle)
{
	struct error *err = &cli->error;

	if (fleet_load_profile(cli->settings, &cli->paths, &host_system, err) < 0 ||
	    fleet_open(fleet, cli->settings, &cli->paths, err) < 0)
		return -1;
	if (settle)
		cli_settle(cli, fleet);
	return 0;
}

void cli_settle(struct cli *cli, struct fleet *fleet)
{
	if (journal_works(cli, fleet))
		recover_all(fleet, told, cli);
}

struct region_choice cli_named_regions(struct cli *cli, const char **value)
{
	struct setting setting = { 0 };
	struct region_choice choice = { 0 };

	if (settings_find(cli->settings, "region", &setting) && setting.origin == SETTING_FLAG) {
		*value = setting.value;
		choice.named = value;
		choice.nr_named = 1;
	}
	return choice;
}

const char *text_money(struct arena *arena, int64_t micros)
{
	char text[MONEY_TEXT_MAX];

	return micros == MONEY_UNKNOWN ? "?" : arena_strdup(arena, money_format(text, micros, 4));
}

const char *text_percent(struct arena *arena, double share)
{
	return arena_printf(arena, "%.1f%%", share * 100);
}

int cli_price_option(const char *text, const char *what, int64_t *ret, struct error *err)
{
	int64_t micros = MONEY_UNKNOWN;

	if (text && money_parse(text, what, &micros, err) < 0)
		return -1;
	if (micros == 0)
		return error_set(err, ERROR_USAGE, "%s must be above 0", what);
	*ret = micros;
	return 0;
}

static int read_key(struct cli *cli, const char *path, struct buf *text)
{
	if (file_read(path, KEY_MAX, text, &cli->error) < 0)
		return error_prefix(&cli->error, "--ssh-key");
	text->data[strcspn(text->data, "\r\n")] = '\0';
	if (text_starts_with(text->data, "ssh-") || text_starts_with(text->data, "ecdsa-"))
		return 0;
	error_set(&cli->error, ERROR_USAGE, "'%s' holds no OpenSSH public key", path);
	return error_hint(&cli->error, "name the .pub file: --ssh-key ~/.ssh/id_ed25519.pub");
}

int cli_ssh_key(struct cli *cli, const char *option, struct arena *arena, const char **ret,
		const char **ret_line)
{
	struct buf text = BUF_INIT_MAX(KEY_MAX);
	const char *path = option ? option : settings_get(cli->settings, "ssh_key");
	bool guessed = !path;

	*ret = *ret_line = NULL;
	if (path && strcmp(path, "none") == 0)
		return 0;
	if (guessed)
		path = arena_printf(arena, "%s/.ssh/id_ed25519.pub", cli->paths.home);
	int rc = read_key(cli, path, &text);
	if (rc == 0) {
		*ret = path;
		*ret_line = arena_strdup(arena, text.data);
	} else if (guessed && cli->error.kind == ERROR_NOT_FOUND) {
		error_clear(&cli->error);
		rc = 0;
	}
	buf_release(&text);
	return rc;
}

void json_add_money(struct cJSON *object, const char *name, int64_t micros)
{
	cJSON_AddItemToObject(object, name, out_money(micros));
}

void json_add_time(struct cJSON *object, const char *name, int64_t s)
{
	cJSON_AddItemToObject(object, name, out_time(s ? s : -1));
}

struct cJSON *json_of_instance(const struct instance *instance)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "provider", instance->provider);
	cJSON_AddStringToObject(object, "id", instance->id);
	cJSON_AddStringToObject(object, "name", instance->name);
	cJSON_AddStringToObject(object, "owner", instance->owner);
	cJSON_AddStringToObject(object, "launch", instance->launch_id);
	cJSON_AddStringToObject(object, "state", instance_state_name(instance->state));
	cJSON_AddStringToObject(object, "reason", instance->reason);
	cJSON_AddStringToObject(object, "type", instance->type);
	cJSON_AddStringToObject(object, "region", instance->region);
	cJSON_AddStringToObject(object, "zone", instance->zone.name);
	cJSON_AddStringToObject(object, "zone_id", instance->zone.id);
	cJSON_AddBoolToObject(object, "spot", instance->spot);
	cJSON_AddStringToObject(object, "spot_request", instance->spot_request);
	cJSON_AddStringToObject(object, "public_ip", instance->public_ip);
	cJSON_AddStringToObject(object, "private_ip", instance->private_ip);
	cJSON_AddStringToObject(object, "image", instance->image);
	json_add_time(object, "launched", instance->launched);
	bool over = instance->state == INSTANCE_ENDING || instance->state == INSTANCE_GONE;
	json_add_time(object, "ended", over ? instance->ended : 0);
	json_add_time(object, "expires", instance->expires);
	cJSON_AddBoolToObject(object, "policy_unknown", instance->policy_unknown);
	return object;
}

void json_add_cost(struct cJSON *object, const struct cost *cost)
{
	cJSON_AddNumberToObject(object, "seconds", (double)cost->seconds);
	json_add_money(object, "usd_per_hour", cost->price);
	json_add_money(object, "usd_total", cost->total);
	json_add_money(object, "on_demand_per_hour", cost->on_demand);
	json_add_money(object, "on_demand_total", cost->on_demand_total);
}

void json_add_failures(struct cJSON *object, const struct region_failure *failures, size_t nr)
{
	cJSON *array = cJSON_AddArrayToObject(object, "failures");

	for (size_t i = 0; i < nr; i++) {
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "region", failures[i].region);
		cJSON_AddStringToObject(one, "kind", error_kind_name(failures[i].err.kind));
		cJSON_AddStringToObject(one, "message", failures[i].err.message);
		cJSON_AddItemToArray(array, one);
	}
}

void cli_warn_failures(struct cli *cli, const struct region_failure *failures, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		cli_warning(cli, "%s could not be asked: %s", failures[i].region,
			    failures[i].err.message);
}
