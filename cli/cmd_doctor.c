/* SPDX-License-Identifier: Apache-2.0 */
/* gpucloud doctor: is everything in place to launch, and if not, which command repairs it? */
#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/common.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "fleet/doctor.h"

struct telling {
	struct cli *cli;
	cJSON *checks;
	struct error failed; /* of the first check that failed; its kind is set at the end */
};

static void tell(void *ctx, const struct check *check)
{
	struct telling *telling = ctx;
	struct cli *cli = telling->cli;

	progress_end(cli);
	if (check->status == CHECK_FAIL && !telling->failed.message[0]) {
		error_set(&telling->failed, ERROR_CONFIG, "a launch would fail: %s: %s",
			  check->name, check->detail);
		if (check->repair[0])
			error_hint(&telling->failed, "%s", check->repair);
	}
	if (cli->json) {
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "name", check->name);
		cJSON_AddStringToObject(one, "status", check_status_name(check->status));
		cJSON_AddStringToObject(one, "detail", check->detail);
		cJSON_AddStringToObject(one, "repair", check->repair);
		cJSON_AddItemToArray(telling->checks, one);
		return;
	}
	cli_line(cli, "%-4s  %-22s %s", check_status_name(check->status), check->name,
		 check->detail);
	if (check->repair[0])
		cli_line(cli, "      try: %s", check->repair);
}

static const char *origin_name(enum setting_origin origin)
{
	static const char *const names[] = {
		[SETTING_DEFAULT] = "default",
		[SETTING_PROFILE] = "profile",
		[SETTING_ENV] = "env",
		[SETTING_FLAG] = "flag",
		[SETTING_SIMULATOR] = "simulator",
	};

	return names[origin];
}

/* Every setting in force and who set it; secrets only as "***". */
static cJSON *config_json(const struct settings *settings)
{
	cJSON *array = cJSON_CreateArray();

	for (const struct setting_spec *spec = settings_specs; spec->key; spec++) {
		struct setting setting;

		if (!settings_find(settings, spec->key, &setting))
			continue;
		cJSON *one = cJSON_CreateObject();
		cJSON_AddStringToObject(one, "name", spec->key);
		cJSON_AddStringToObject(one, "value", spec->secret ? "***" : setting.value);
		cJSON_AddStringToObject(one, "origin", origin_name(setting.origin));
		cJSON_AddStringToObject(one, "where", setting.where ? setting.where : "");
		cJSON_AddItemToArray(array, one);
	}
	return array;
}

static void config_text(struct cli *cli)
{
	for (const struct setting_spec *spec = settings_specs; spec->key; spec++) {
		struct setting setting;

		if (settings_find(cli->settings, spec->key, &setting) &&
		    setting.origin != SETTING_DEFAULT)
			cli_line(cli, "ok    %-22s %s (%s)", spec->key,
				 spec->secret ? "***" : setting.value,
				 setting.where ? setting.where : origin_name(setting.origin));
	}
}

static void tell_error(struct telling *telling, const char *name, const struct error *err)
{
	struct check check = { .name = name, .status = CHECK_FAIL };

	snprintf(check.detail, sizeof(check.detail), "%.380s", err->message);
	snprintf(check.repair, sizeof(check.repair), "%.250s", err->hint);
	tell(telling, &check);
}

static int doctor_command(struct cli *cli, void *data, int argc, const char **argv)
{
	struct telling telling = { .cli = cli, .checks = cJSON_CreateArray() };
	const struct doctor_report report = { &telling, tell };
	struct fleet fleet = { 0 };
	struct arena arena = { 0 };
	const char *key_file = NULL, *key;
	enum error_kind first = ERROR_NONE;

	(void)data;
	(void)argc;
	(void)argv;
	progress_start(cli, "looking");
	if (cli_open_fleet(cli, &fleet, false) < 0) {
		first = cli->error.kind;
		tell_error(&telling, "config", &cli->error);
	} else {
		if (!cli->json) {
			progress_end(cli);
			config_text(cli);
		}
		enum error_kind bad_key = ERROR_NONE;

		if (cli_ssh_key(cli, NULL, &arena, &key_file, &key) < 0) {
			bad_key = cli->error.kind;
			tell_error(&telling, "ssh key", &cli->error);
		}
		first = doctor_run(&fleet, NULL, key_file, &report);
		if (bad_key != ERROR_NONE)
			first = bad_key;
	}
	progress_end(cli);
	int code = first == ERROR_NONE ? 0 : cli_exit_code(first);
	if (cli->json) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddBoolToObject(object, "healthy", code == 0);
		cJSON_AddItemToObject(object, "config", config_json(cli->settings));
		cJSON_AddItemToObject(object, "checks", telling.checks);
		cli_json_print(cli, object);
	} else {
		cJSON_Delete(telling.checks);
		cli_line(cli, code ? "a launch would fail" : "ready to launch");
	}
	error_clear(&cli->error);
	/* Who reads the text has read it above. */
	if (code && cli->json) {
		cli->error = telling.failed;
		cli->error.kind = first;
		fflush(cli->out);
		cli_report(cli, code);
	}
	fleet_close(&fleet);
	arena_release(&arena);
	return code;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.group = "Look",
	.summary = "check credentials, permissions, quotas and clock",
	.usage = "gpucloud doctor",
	.details =
		"Makes nothing: a cloud that can say whether a launch would be allowed is asked.\n"
		"Each finding comes with the command that repairs it.",
	.examples = "gpucloud doctor\n"
		    "gpucloud --json doctor --region eu-west-1\n",
	.exits = "4 credentials or configuration\n",
	.run = doctor_command,
};
