/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace: a machine is made. */
#include <string.h>

#include "core/mem.h"
#include "simulator/cloud/fault.h"
#include "simulator/cloud/paperspace.h"

/* A body that was read; nothing in it is checked against the account yet. */
struct wanted {
	const char *name, *type, *template, *region, *script, *network;
	int64_t disk_gb, auto_hours;
	int ip;
	bool auto_off, auto_force, start, email, snapshot;
};

static const char *const known[] = {
	"accessorIds",
	"autoShutdownEnabled",
	"autoShutdownForce",
	"autoShutdownTimeout",
	"autoSnapshotEnabled",
	"autoSnapshotFrequency",
	"autoSnapshotSaveCount",
	"diskSize",
	"emailPassword",
	"enableNvlink",
	"machineType",
	"name",
	"networkId",
	"publicIpType",
	"region",
	"restorePointEnabled",
	"restorePointFrequency",
	"startOnCreate",
	"startupScriptId",
	"takeInitialSnapshot",
	"templateId",
	NULL,
};

static int read_body(struct rest_call *call, struct wanted *ret)
{
	static const char *const ip_types[] = { "static", "dynamic", "none", NULL };
	struct paper_input in = { .call = call };

	*ret = (struct wanted){ .ip = PAPER_IP_NONE, .start = true, .email = true };
	paper_text(&in, "name", PAPER_NAME_MAX, true, &ret->name);
	paper_text(&in, "machineType", 40, true, &ret->type);
	paper_text(&in, "templateId", 40, true, &ret->template);
	paper_count(&in, "diskSize", 1, 100000, true, &ret->disk_gb);
	paper_text(&in, "region", 60, true, &ret->region);
	paper_text(&in, "networkId", 40, false, &ret->network);
	paper_text(&in, "startupScriptId", 40, false, &ret->script);
	paper_word(&in, "publicIpType", ip_types, &ret->ip);
	paper_flag(&in, "autoShutdownEnabled", &ret->auto_off);
	paper_flag(&in, "autoShutdownForce", &ret->auto_force);
	paper_count(&in, "autoShutdownTimeout", 1, 8760, false, &ret->auto_hours);
	paper_flag(&in, "startOnCreate", &ret->start);
	paper_flag(&in, "emailPassword", &ret->email);
	paper_flag(&in, "takeInitialSnapshot", &ret->snapshot);
	paper_unsupported(&in, "autoSnapshotEnabled");
	paper_unsupported(&in, "autoSnapshotFrequency");
	paper_unsupported(&in, "autoSnapshotSaveCount");
	paper_unsupported(&in, "restorePointEnabled");
	paper_unsupported(&in, "restorePointFrequency");
	paper_unsupported(&in, "enableNvlink");
	paper_unsupported(&in, "accessorIds");
	if (ret->auto_off && !ret->auto_hours && !in.issues)
		paper_issue(&in, "autoShutdownTimeout", "Required with autoShutdownEnabled");
	return paper_good(&in);
}

/* The wish, held against what there is. */
struct found {
	const struct paper_type *type;
	const struct paper_template *template;
	struct paper_script *script;
	int region;
};

static int look_up(const struct paperspace *ps, struct rest_call *call, const struct wanted *wanted,
		   struct found *ret)
{
	struct paper_input in = { .call = call };
	int64_t least;

	ret->region = paper_region_parse(ps->cloud, wanted->region);
	ret->type = paper_type_find(wanted->type);
	ret->template = paper_template_find(ps, wanted->template);
	ret->script = wanted->script ? paper_script_find(ps, wanted->script) : NULL;
	if (ret->region < 0)
		paper_issue(&in, "region", "There is no region '%.60s'", wanted->region);
	if (!ret->type)
		paper_issue(&in, "machineType", "There is no machine type '%.40s'", wanted->type);
	least = ret->template ? ret->template->default_gb : 1;
	if (paper_disk_price(wanted->disk_gb) < 0)
		paper_issue(&in, "diskSize", "Expected 50 | 100 | 250 | 500 | 1000 | 2000");
	else if (wanted->disk_gb < least)
		paper_issue(&in, "diskSize", "The template needs at least %lld", (long long)least);
	if (ret->type && ret->template && (ret->type->gpus > 0) != ret->template->gpu)
		paper_issue(&in, "templateId", "The template is not available on %s",
			    ret->type->name);
	if (ret->type && ret->region >= 0 && !(ret->type->regions & 1U << ret->region))
		paper_issue(&in, "machineType", "%s is not available in this region",
			    ret->type->name);
	if (paper_good(&in))
		return -1;
	if (!ret->template)
		rest_error(call, 404, NULL, "Template '%.40s' not found", wanted->template);
	else if (wanted->script && !ret->script)
		rest_error(call, 404, NULL, "Startup script '%.40s' not found", wanted->script);
	else if (wanted->network)
		rest_error(call, 404, NULL, "Private network '%.40s' not found", wanted->network);
	else
		return 0;
	return -1;
}

/* What may be refused although the wish is a good one. */
static int may_have(const struct paperspace *ps, struct rest_call *call, const struct found *found)
{
	const struct fault *debt =
		fault_holds(ps->cloud, PAPER_SERVICE, FAULT_BAD_STANDING, "", "");
	size_t living = 0;

	for (size_t i = 0; i < ps->nr_machines; i++)
		living += !ps->machines[i]->ended_ms;
	if (debt)
		rest_error(call, 403, NULL, "%s",
			   debt->message ? debt->message : "The account is not in good standing");
	else if (living >= PAPER_MACHINES_MAX)
		rest_error(call, 403, NULL,
			   "The team has reached its maximum number of machines (%d)",
			   PAPER_MACHINES_MAX);
	else if (!paper_available(ps->cloud, found->type, (enum paper_region)found->region))
		rest_error(call, 400, NULL,
			   "We are currently out of capacity for the selected VM type. Try again "
			   "later, or select another one.");
	else
		return 0;
	return -1;
}

void paper_create_machine(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	struct paper_machine *machine;
	struct paper_event *event;
	struct wanted wanted;
	struct found found;

	if (rest_known_query(call, NULL) || rest_known_body(call, known) ||
	    read_body(call, &wanted) || look_up(ps, call, &wanted, &found) ||
	    may_have(ps, call, &found))
		return;
	machine = paper_machine_new(ps);
	machine->name = xstrdup(wanted.name);
	machine->type = found.type;
	machine->template = found.template;
	machine->region = (enum paper_region)found.region;
	machine->disk_gb = (unsigned)wanted.disk_gb;
	machine->script = found.script;
	machine->ip_type = (enum paper_ip)wanted.ip;
	machine->auto_off = wanted.auto_off;
	machine->auto_force = wanted.auto_force;
	machine->auto_hours = wanted.auto_hours;
	machine->start = wanted.start;
	machine->snapshot = wanted.snapshot;
	event = paper_begin(ps, machine, "create", PAPER_PROVISIONING, call->turn);
	paper_network(ps, machine);
	if (wanted.email) /* the machine's password, in clear text, by e-mail */
		cloud_count(ps->cloud, PAPER_SERVICE, "EmailPassword");
	paper_reply_op(ps, call, machine, event);
}
