/* SPDX-License-Identifier: Apache-2.0 */
/* Every command, by hand. Those of one group stand together; help shows them in this order. */
#include "cli/command.h"

#include <string.h>

#include "core/error.h"
#include "core/text.h"

/* clang-format off */
const struct command *const commands[] = {
	&cmd_launch,
	&cmd_run,
	&cmd_stop,
	&cmd_start,
	&cmd_restart,
	&cmd_terminate,
	&cmd_hold,
	&cmd_reap,
	&cmd_ssh,
	&cmd_exec,
	&cmd_push,
	&cmd_pull,
	&cmd_logs,
	&cmd_attach,
	&cmd_cancel,
	&cmd_top,
	&cmd_tunnel,
	&cmd_ssh_config,
	&cmd_selftest,
	&cmd_price,
	&cmd_history,
	&cmd_bid,
	&cmd_list,
	&cmd_show,
	&cmd_cost,
	&cmd_idle,
	&cmd_sweep,
	&cmd_journal,
	&cmd_doctor,
	&cmd_help,
	&cmd_version,
	NULL,
};
/* clang-format on */

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

const char *command_suggest(const char *name)
{
	const char *nearest = NULL;
	size_t best = 3; /* two slips of the finger */

	for (size_t i = 0; commands[i]; i++) {
		size_t distance = text_distance(name, commands[i]->name);

		/* Of a short word, two slips leave nothing. */
		if (distance < best && distance < strlen(commands[i]->name) - 1) {
			best = distance;
			nearest = commands[i]->name;
		}
	}
	return nearest;
}

int command_unknown(const char *name, struct error *err)
{
	const char *nearest = command_suggest(name);

	if (!nearest) {
		error_set(err, ERROR_USAGE, "unknown command '%s'", name);
		return error_hint(err, "gpucloud help");
	}
	error_set(err, ERROR_USAGE, "unknown command '%s', did you mean '%s'?", name, nearest);
	return error_hint(err, "gpucloud help %s", nearest);
}
