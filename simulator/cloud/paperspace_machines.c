/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace's machines: looked at, turned on and off, changed, deleted; and their events. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/mem.h"
#include "simulator/cloud/paperspace.h"

static const void *machine_at(const struct paperspace *ps, size_t i)
{
	return ps->machines[i];
}

static bool fits(const struct rest_call *call, const char *name, const char *value)
{
	const char *wanted = rest_query(call, name);

	return !wanted || strcmp(wanted, value) == 0;
}

static bool machine_in(const struct paper_page *page, const struct rest_call *call,
		       const void *item)
{
	const struct paper_machine *machine = item;

	return paper_machine_shown(page->ps, machine) && fits(call, "name", machine->name) &&
	       fits(call, "machineType", machine->type->name) &&
	       fits(call, "agentType", "LinuxHeadless") &&
	       (page->region < 0 || page->region == (int)machine->region);
}

static const char *machine_key(const void *item, const char *by)
{
	const struct paper_machine *machine = item;

	return strcmp(by, "name") == 0	  ? machine->name
	       : strcmp(by, "state") == 0 ? paper_state_name(machine->state)
					  : NULL;
}

static struct cJSON *machine_out(const struct paperspace *ps, const void *item)
{
	return paper_out_machine(ps, item);
}

void paper_list_machines(void *self, struct rest_call *call)
{
	static const char *const filters[] = { "name", "region", "machineType", "agentType", NULL };
	static const char *const orders[] = { "dtCreated", "name", "state", NULL };
	struct paperspace *ps = self;
	struct paper_page page = { .ps = ps,
				   .name = "machines",
				   .filters = filters,
				   .orders = orders,
				   .nr = ps->nr_machines,
				   .item = machine_at,
				   .in = machine_in,
				   .key = machine_key,
				   .out = machine_out };

	paper_list(&page, call);
}

/* The path's machine; NULL with the error written. */
static struct paper_machine *machine_of(const struct paperspace *ps, const struct rest_call *call)
{
	struct paper_machine *machine = paper_machine_find(ps, call->segment[1]);

	if (!machine)
		rest_error(call, 404, NULL, "Machine '%.40s' not found", call->segment[1]);
	return machine;
}

void paper_get_machine(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	struct paper_machine *machine;

	if (rest_known_query(call, NULL))
		return;
	machine = machine_of(ps, call);
	if (machine)
		rest_reply(call, 200, paper_out_machine(ps, machine));
}

/* For an action without parameters: its machine. NULL with the error written. */
static struct paper_machine *plain(struct paperspace *ps, struct rest_call *call)
{
	if (rest_known_query(call, NULL) || rest_known_body(call, NULL))
		return NULL;
	return machine_of(ps, call);
}

static void wrong_state(struct rest_call *call, const struct paper_machine *machine,
			const char *verb, const char *wanted)
{
	rest_error(call, 412, NULL, "Cannot %s machine '%s': it is %s, and must be %s", verb,
		   machine->id, paper_state_name(machine->state), wanted);
}

/* Only a stop may come between: it calls off what is under way. */
static bool busy(struct rest_call *call, const struct paper_machine *machine)
{
	if (machine->op)
		rest_error(call, 409, NULL, "Machine '%s' is busy: its event '%s' is not done",
			   machine->id, machine->op->name);
	return machine->op != NULL;
}

void paper_start_machine(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	struct paper_machine *machine = plain(ps, call);

	if (!machine || busy(call, machine))
		return;
	if (machine->state != PAPER_OFF)
		wrong_state(call, machine, "start", "off");
	else if (!paper_available(ps->cloud, machine->type, machine->region))
		rest_error(call, 400, NULL,
			   "We are currently out of capacity for the selected VM type. Try again "
			   "later.");
	else
		paper_reply_op(ps, call, machine,
			       paper_begin(ps, machine, "start", PAPER_STARTING, call->turn));
}

void paper_stop_machine(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	struct paper_machine *machine = plain(ps, call);

	if (!machine)
		return;
	if (machine->state == PAPER_OFF || machine->state == PAPER_UPGRADING)
		wrong_state(call, machine, "stop", "on");
	else
		paper_reply_op(ps, call, machine,
			       paper_begin(ps, machine, "stop", PAPER_STOPPING, call->turn));
}

void paper_restart_machine(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	struct paper_machine *machine = plain(ps, call);

	if (!machine || busy(call, machine))
		return;
	if (machine->state != PAPER_READY && machine->state != PAPER_SERVICEREADY)
		wrong_state(call, machine, "restart", "ready");
	else
		paper_reply_op(ps, call, machine,
			       paper_begin(ps, machine, "restart", PAPER_RESTARTING, call->turn));
}

/*
 * Paperspace's own pages want a machine turned off before it is deactivated, and do not say what
 * happens otherwise. Refused here, so that nobody relies on it: 412, whose name in their table is
 * that of an unmet condition.
 */
void paper_delete_machine(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	struct paper_machine *machine = plain(ps, call);
	cJSON *body;

	if (!machine || (machine->state == PAPER_OFF && busy(call, machine)))
		return;
	if (machine->state != PAPER_OFF) {
		wrong_state(call, machine, "delete", "off");
		return;
	}
	body = cJSON_CreateObject();
	cJSON_AddItemToObject(
		body, "event",
		paper_out_event(paper_begin(ps, machine, "deactivate", PAPER_OFF, call->turn)));
	cJSON_AddItemToObject(body, "data", paper_out_machine(ps, machine));
	rest_reply(call, 200, body);
}

/* --- changes ------------------------------------------------------------------------------- */

struct change {
	const char *name, *type_name, *network;
	const struct paper_type *type;
	int64_t disk_gb, auto_hours;
	int ip;
	bool auto_off, auto_force;
};

static int read_change(struct rest_call *call, const struct paper_machine *machine,
		       struct change *ret)
{
	static const char *const known[] = { "autoShutdownEnabled",
					     "autoShutdownForce",
					     "autoShutdownTimeout",
					     "autoSnapshotEnabled",
					     "autoSnapshotFrequency",
					     "autoSnapshotSaveCount",
					     "diskSize",
					     "machineType",
					     "name",
					     "networkId",
					     "publicIpType",
					     "restorePointEnabled",
					     "restorePointFrequency",
					     "restorePointSnapshotId",
					     NULL };
	static const char *const ip_types[] = { "static", "dynamic", "none", NULL };
	struct paper_input in = { .call = call };

	*ret = (struct change){ .type = machine->type,
				.disk_gb = machine->disk_gb,
				.auto_hours = machine->auto_hours,
				.ip = (int)machine->ip_type,
				.auto_off = machine->auto_off,
				.auto_force = machine->auto_force };
	if (rest_known_query(call, NULL) || rest_known_body(call, known))
		return -1;
	paper_text(&in, "name", PAPER_NAME_MAX, false, &ret->name);
	if (paper_text(&in, "machineType", 40, false, &ret->type_name))
		ret->type = paper_type_find(ret->type_name);
	paper_text(&in, "networkId", 40, false, &ret->network);
	paper_word(&in, "publicIpType", ip_types, &ret->ip);
	paper_flag(&in, "autoShutdownEnabled", &ret->auto_off);
	paper_flag(&in, "autoShutdownForce", &ret->auto_force);
	paper_count(&in, "autoShutdownTimeout", 1, 8760, false, &ret->auto_hours);
	if (paper_count(&in, "diskSize", 1, 100000, false, &ret->disk_gb) &&
	    paper_disk_price(ret->disk_gb) < 0)
		paper_issue(&in, "diskSize", "Expected 50 | 100 | 250 | 500 | 1000 | 2000");
	else if (ret->disk_gb < machine->disk_gb)
		paper_issue(&in, "diskSize", "A disk cannot become smaller");
	paper_unsupported(&in, "autoSnapshotEnabled");
	paper_unsupported(&in, "autoSnapshotFrequency");
	paper_unsupported(&in, "autoSnapshotSaveCount");
	paper_unsupported(&in, "restorePointEnabled");
	paper_unsupported(&in, "restorePointFrequency");
	paper_unsupported(&in, "restorePointSnapshotId");
	if (!ret->type)
		paper_issue(&in, "machineType", "There is no machine type '%.40s'", ret->type_name);
	else if (!(ret->type->regions & 1U << machine->region))
		paper_issue(&in, "machineType", "%s is not available in this region",
			    ret->type->name);
	if (ret->auto_off && !ret->auto_hours)
		paper_issue(&in, "autoShutdownTimeout", "Required with autoShutdownEnabled");
	return paper_good(&in);
}

void paper_update_machine(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	struct paper_machine *machine = machine_of(ps, call);
	struct paper_event *event = NULL;
	struct change change;
	bool resized;

	if (!machine || read_change(call, machine, &change))
		return;
	if (change.network) {
		rest_error(call, 404, NULL, "Private network '%.40s' not found", change.network);
		return;
	}
	resized = change.type != machine->type || change.disk_gb != machine->disk_gb;
	if (resized && busy(call, machine))
		return;
	if (resized && machine->state != PAPER_OFF) {
		wrong_state(call, machine, "resize", "off");
		return;
	}
	if (change.name) {
		free(machine->name);
		machine->name = xstrdup(change.name);
	}
	machine->type = change.type;
	machine->disk_gb = (unsigned)change.disk_gb;
	machine->auto_off = change.auto_off;
	machine->auto_force = change.auto_force;
	machine->auto_hours = change.auto_hours;
	machine->modified_ms = ps->cloud->now_ms;
	if (change.ip != (int)machine->ip_type) {
		machine->ip_type = (enum paper_ip)change.ip;
		machine->public_ip[0] = '\0';
		paper_network(ps, machine);
	}
	if (resized)
		event = paper_begin(ps, machine, "vm-upgrade", PAPER_UPGRADING, call->turn);
	paper_rethink(ps, machine);
	paper_reply_op(ps, call, machine, event);
}

/* --- events -------------------------------------------------------------------------------- */

static const void *event_at(const struct paperspace *ps, size_t i)
{
	return ps->events[i];
}

static bool event_in(const struct paper_page *page, const struct rest_call *call, const void *item)
{
	const struct paper_event *event = item;

	(void)page;
	return fits(call, "machineId", event->machine_id);
}

static struct cJSON *event_out(const struct paperspace *ps, const void *item)
{
	(void)ps;
	return paper_out_event(item);
}

void paper_list_events(void *self, struct rest_call *call)
{
	static const char *const filters[] = { "machineId", NULL };
	static const char *const orders[] = { "dtCreated", NULL };
	struct paperspace *ps = self;
	struct paper_page page = { .ps = ps,
				   .name = "events",
				   .filters = filters,
				   .orders = orders,
				   .nr = ps->nr_events,
				   .item = event_at,
				   .in = event_in,
				   .out = event_out };

	paper_list(&page, call);
}

void paper_get_event(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;

	if (rest_known_query(call, NULL))
		return;
	for (size_t i = 0; i < ps->nr_events; i++) {
		if (strcmp(ps->events[i]->id, call->segment[1]) == 0) {
			rest_reply(call, 200, paper_out_event(ps->events[i]));
			return;
		}
	}
	rest_error(call, 404, NULL, "Machine event '%.40s' not found", call->segment[1]);
}
