/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace's startup scripts: what a machine is told when it boots. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/mem.h"
#include "simulator/cloud/paperspace.h"

static const void *script_at(const struct paperspace *ps, size_t i)
{
	return ps->scripts[i];
}

static bool script_in(const struct paper_page *page, const struct rest_call *call, const void *item)
{
	const struct paper_script *script = item;
	const char *name = rest_query(call, "name");

	(void)page;
	return !script->ended_ms && (!name || strcmp(name, script->name) == 0);
}

static const char *script_key(const void *item, const char *by)
{
	return strcmp(by, "name") == 0 ? ((const struct paper_script *)item)->name : NULL;
}

/* The text is never shown again. */
static struct cJSON *script_out(const struct paperspace *ps, const void *item)
{
	const struct paper_script *script = item;
	cJSON *node = cJSON_CreateObject(), *list;

	cJSON_AddStringToObject(node, "id", script->id);
	cJSON_AddStringToObject(node, "name", script->name);
	cJSON_AddNullToObject(node, "description");
	cJSON_AddBoolToObject(node, "isEnabled", script->enabled);
	cJSON_AddBoolToObject(node, "isRunOnce", script->run_once);
	list = cJSON_AddArrayToObject(node, "assignedMachineIds");
	for (size_t i = 0; i < ps->nr_machines; i++) {
		if (ps->machines[i]->script == script && paper_machine_shown(ps, ps->machines[i]))
			cJSON_AddItemToArray(list, cJSON_CreateString(ps->machines[i]->id));
	}
	paper_out_time(node, "dtCreated", script->began_ms);
	paper_out_time(node, "dtDeleted", script->ended_ms);
	return node;
}

void paper_list_scripts(void *self, struct rest_call *call)
{
	static const char *const filters[] = { "name", NULL };
	static const char *const orders[] = { "dtCreated", "name", NULL };
	struct paperspace *ps = self;
	struct paper_page page = { .ps = ps,
				   .name = "scripts",
				   .filters = filters,
				   .orders = orders,
				   .nr = ps->nr_scripts,
				   .item = script_at,
				   .in = script_in,
				   .key = script_key,
				   .out = script_out };

	paper_list(&page, call);
}

/* The path's script; NULL with the error written. */
static struct paper_script *script_of(const struct paperspace *ps, const struct rest_call *call)
{
	struct paper_script *script = paper_script_find(ps, call->segment[1]);

	if (!script)
		rest_error(call, 404, NULL, "Startup script '%.40s' not found", call->segment[1]);
	return script;
}

void paper_get_script(void *self, struct rest_call *call)
{
	struct paper_script *script;

	if (rest_known_query(call, NULL))
		return;
	script = script_of(self, call);
	if (script)
		rest_reply(call, 200, script_out(self, script));
}

void paper_create_script(void *self, struct rest_call *call)
{
	static const char *const known[] = { "isRunOnce", "name", "script", NULL };
	struct paperspace *ps = self;
	struct paper_input in = { .call = call };
	const char *name = NULL, *text = NULL;
	struct paper_script *script;
	bool once = false;

	if (rest_known_query(call, NULL) || rest_known_body(call, known))
		return;
	paper_text(&in, "name", PAPER_NAME_MAX, true, &name);
	paper_text(&in, "script", CLOUD_BODY_MAX, true, &text);
	paper_flag(&in, "isRunOnce", &once);
	if (paper_good(&in))
		return;
	script = xcalloc(1, sizeof(*script));
	paper_new_id(ps, "sc", 8, script->id);
	script->name = xstrdup(name);
	script->text = xstrdup(text);
	script->run_once = once;
	script->enabled = true;
	script->began_ms = ps->cloud->now_ms;
	ps->scripts = xgrow(ps->scripts, ps->nr_scripts, &ps->cap_scripts, sizeof(script));
	ps->scripts[ps->nr_scripts++] = script;
	rest_reply(call, 200, script_out(ps, script));
}

static void replace(char **old, const char *text)
{
	if (!text)
		return;
	free(*old);
	*old = xstrdup(text);
}

void paper_update_script(void *self, struct rest_call *call)
{
	static const char *const known[] = { "isEnabled", "isRunOnce", "name", "script", NULL };
	struct paper_input in = { .call = call };
	struct paper_script *script = script_of(self, call);
	const char *name = NULL, *text = NULL;
	bool once, enabled;

	if (!script || rest_known_query(call, NULL) || rest_known_body(call, known))
		return;
	once = script->run_once;
	enabled = script->enabled;
	paper_text(&in, "name", PAPER_NAME_MAX, false, &name);
	paper_text(&in, "script", CLOUD_BODY_MAX, false, &text);
	paper_flag(&in, "isRunOnce", &once);
	paper_flag(&in, "isEnabled", &enabled);
	if (paper_good(&in))
		return;
	replace(&script->name, name);
	replace(&script->text, text);
	script->run_once = once;
	script->enabled = enabled;
	rest_reply(call, 200, script_out(self, script));
}

void paper_delete_script(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	struct paper_script *script;

	if (rest_known_query(call, NULL) || rest_known_body(call, NULL))
		return;
	script = script_of(ps, call);
	if (!script)
		return;
	script->ended_ms = ps->cloud->now_ms;
	for (size_t i = 0; i < ps->nr_machines; i++) {
		if (ps->machines[i]->script == script)
			ps->machines[i]->script = NULL;
	}
	rest_reply(call, 200, script_out(ps, script));
}

/* The script of the path and the machine of the body: -1 with the error written. */
static int read_pair(struct paperspace *ps, struct rest_call *call, struct paper_script **script,
		     struct paper_machine **machine)
{
	static const char *const known[] = { "machineId", NULL };
	struct paper_input in = { .call = call };
	const char *id = NULL;

	if (rest_known_query(call, NULL) || rest_known_body(call, known))
		return -1;
	paper_text(&in, "machineId", 40, true, &id);
	if (paper_good(&in))
		return -1;
	*script = script_of(ps, call);
	if (!*script)
		return -1;
	*machine = paper_machine_find(ps, id);
	if (*machine)
		return 0;
	rest_error(call, 404, NULL, "Machine '%.40s' not found", id);
	return -1;
}

/* From its next boot on; a machine has one. */
void paper_assign_script(void *self, struct rest_call *call)
{
	struct paper_script *script;
	struct paper_machine *machine;

	if (read_pair(self, call, &script, &machine))
		return;
	if (machine->script != script)
		machine->script_ran = false;
	machine->script = script;
	rest_reply(call, 200, script_out(self, script));
}

void paper_unassign_script(void *self, struct rest_call *call)
{
	struct paper_script *script;
	struct paper_machine *machine;

	if (read_pair(self, call, &script, &machine))
		return;
	if (machine->script != script) {
		rest_error(call, 409, NULL, "Startup script '%s' is not assigned to machine '%s'",
			   script->id, machine->id);
		return;
	}
	machine->script = NULL;
	rest_reply(call, 200, script_out(self, script));
}
