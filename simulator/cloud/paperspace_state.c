/* SPDX-License-Identifier: Apache-2.0 */
/* What requests and time do to Paperspace's machines, and what their operations come to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "simulator/cloud/fault.h"
#include "simulator/cloud/paperspace.h"

#define HOUR_MS (INT64_C(3600) * 1000)

static const char *const state_names[] = {
	[PAPER_OFF] = "off",
	[PAPER_STARTING] = "starting",
	[PAPER_STOPPING] = "stopping",
	[PAPER_RESTARTING] = "restarting",
	[PAPER_SERVICEREADY] = "serviceready",
	[PAPER_READY] = "ready",
	[PAPER_UPGRADING] = "upgrading",
	[PAPER_PROVISIONING] = "provisioning",
};

const char *paper_state_name(enum paper_state state)
{
	return state_names[state];
}

bool paper_is_on(const struct paper_machine *machine)
{
	if (machine->state == PAPER_PROVISIONING)
		return machine->start;
	return machine->state != PAPER_OFF && machine->state != PAPER_UPGRADING;
}

bool paper_available(const struct cloud *cloud, const struct paper_type *type,
		     enum paper_region region)
{
	return (type->regions & 1U << region) &&
	       !fault_holds(cloud, PAPER_SERVICE, FAULT_NO_CAPACITY, type->name,
			    paper_region_name(region));
}

struct paper_machine *paper_machine_new(struct paperspace *ps)
{
	struct paper_machine *machine = xcalloc(1, sizeof(*machine));
	unsigned n = ps->cloud->next_private++ % 60000 + 10;

	paper_new_id(ps, "ps", 10, machine->id);
	snprintf(machine->private_ip, sizeof(machine->private_ip), "10.64.%u.%u", n / 256, n % 256);
	machine->began_ms = machine->modified_ms = ps->cloud->now_ms;
	machine->visible_ms = ps->cloud->now_ms + ps->cloud->config.visible_after_ms;
	ps->machines = xgrow(ps->machines, ps->nr_machines, &ps->cap_machines, sizeof(machine));
	ps->machines[ps->nr_machines++] = machine;
	return machine;
}

/* --- operations ---------------------------------------------------------------------------- */

static void finish(struct paperspace *ps, struct paper_event *event, enum paper_progress progress)
{
	event->progress = progress;
	event->finished_ms = ps->cloud->now_ms;
	event->begin_ms = event->act_ms = event->end_ms = NEVER_MS;
}

/* How long it takes until the machine has changed: what boots takes as long as a boot. */
static int64_t delay_of(struct paperspace *ps, const char *name)
{
	int64_t boot = ps->cloud->config.boot_ms;

	if (strcmp(name, "create") != 0 && strcmp(name, "start") != 0 &&
	    strcmp(name, "restart") != 0)
		return ps->cloud->config.end_ms;
	return boot + (int64_t)rng_below(&ps->cloud->rng, (uint64_t)boot / 2 + 1);
}

struct paper_event *paper_begin(struct paperspace *ps, struct paper_machine *machine,
				const char *name, enum paper_state state,
				const struct fault_turn *turn)
{
	struct paper_event *event = xcalloc(1, sizeof(*event));
	int64_t now = ps->cloud->now_ms, delay = delay_of(ps, name);
	bool stuck = turn && turn->event_stuck;

	paper_new_id(ps, "ev", 12, event->id);
	memcpy(event->machine_id, machine->id, sizeof(machine->id));
	event->name = name;
	event->created_ms = now;
	event->begin_ms = now + delay / 4;
	event->act_ms = stuck ? NEVER_MS : now + delay;
	event->end_ms = stuck ? NEVER_MS : now + delay + delay / 8;
	event->error = turn && turn->event_error && !stuck ? xstrdup(turn->event_error) : NULL;
	ps->events = xgrow(ps->events, ps->nr_events, &ps->cap_events, sizeof(event));
	ps->events[ps->nr_events++] = event;
	if (machine->op)
		finish(ps, machine->op, PAPER_CANCELLED);
	else
		machine->resume = machine->state; /* one that is being made: off */
	machine->op = event;
	machine->state = state;
	machine->modified_ms = now;
	cloud_wake(ps->cloud, event->begin_ms);
	return event;
}

/* --- addresses ----------------------------------------------------------------------------- */

static bool ip_taken(const struct paperspace *ps, const char *ip)
{
	for (size_t i = 0; i < ps->nr_addresses; i++) {
		if (!ps->addresses[i]->ended_ms && strcmp(ps->addresses[i]->ip, ip) == 0)
			return true;
	}
	return false;
}

struct paper_address *paper_address_new(struct paperspace *ps, enum paper_region region,
					struct paper_machine *machine)
{
	struct paper_address *address = xcalloc(1, sizeof(*address));

	cloud_public_ip(ps->cloud, address->ip);
	address->region = region;
	address->began_ms = ps->cloud->now_ms;
	address->label = machine ? xstrdup(machine->name) : NULL;
	address->machine = machine;
	ps->addresses = xgrow(ps->addresses, ps->nr_addresses, &ps->cap_addresses, sizeof(address));
	ps->addresses[ps->nr_addresses++] = address;
	if (machine)
		machine->address = address;
	return address;
}

void paper_address_assign(struct paperspace *ps, struct paper_address *address,
			  struct paper_machine *machine)
{
	if (address->machine) {
		address->machine->address = NULL;
		address->machine->ip_type = PAPER_IP_NONE;
		address->machine->modified_ms = ps->cloud->now_ms;
		paper_network(ps, address->machine);
	}
	address->machine = machine;
	if (!machine)
		return;
	if (machine->address)
		machine->address->machine = NULL; /* it stays in the account */
	machine->address = address;
	machine->ip_type = PAPER_IP_STATIC;
	machine->modified_ms = ps->cloud->now_ms;
	paper_network(ps, machine);
}

void paper_network(struct paperspace *ps, struct paper_machine *machine)
{
	bool up = machine->state == PAPER_SERVICEREADY || machine->state == PAPER_READY ||
		  machine->state == PAPER_RESTARTING || machine->state == PAPER_STOPPING;

	if (machine->ip_type == PAPER_IP_STATIC) {
		struct paper_address *address = machine->address;

		if (!address) {
			address = paper_address_new(ps, machine->region, machine);
			address->hidden = true;
		}
		/*
		 * Which address a simulated machine answers at is known once it runs. Until then
		 * nobody has been told of the claimed one, so it may become that.
		 */
		if (address->hidden && machine->reach[0] && !ip_taken(ps, machine->reach))
			memcpy(address->ip, machine->reach, sizeof(address->ip));
		if (machine->state != PAPER_PROVISIONING) {
			address->hidden = false;
			memcpy(machine->public_ip, address->ip, sizeof(address->ip));
		}
		return;
	}
	if (machine->address) { /* and that one stays in the account, too */
		machine->address->machine = NULL;
		machine->address->hidden = false;
		machine->address = NULL;
	}
	if (machine->ip_type == PAPER_IP_NONE || !up)
		machine->public_ip[0] = '\0';
	else if (!machine->public_ip[0] && machine->reach[0])
		memcpy(machine->public_ip, machine->reach, sizeof(machine->reach));
	else if (!machine->public_ip[0])
		cloud_public_ip(ps->cloud, machine->public_ip);
}

/* --- what operations come to --------------------------------------------------------------- */

/* No firewall before it: the machine hears everybody. */
static void boot(struct paperspace *ps, struct paper_machine *machine)
{
	static const struct cloud_admit everybody = { 0, 65535, "0.0.0.0/0" };
	const struct cloud_machines *machines = ps->cloud->config.machines;
	const struct paper_script *script = machine->script;
	const struct paper_type *type = machine->type;
	struct cloud_boot order = { .id = machine->id,
				    .gpu = type->gpu,
				    .gpus = type->gpus,
				    .gpu_mem_mib = type->gpu_gib * 1024,
				    .login = "paperspace",
				    .admits = &everybody,
				    .nr_admits = 1 };

	if (script && script->enabled && (!script->run_once || !machine->script_ran)) {
		order.user_data = script->text;
		order.len = strlen(script->text);
		machine->script_ran = true;
	}
	machine->reach[0] = '\0';
	if (machines)
		machines->boot(machines->ctx, &order, machine->reach);
}

static void came_up(struct paperspace *ps, struct paper_machine *machine, int64_t end_ms)
{
	boot(ps, machine);
	machine->on_ms = ps->cloud->now_ms;
	machine->state = PAPER_SERVICEREADY;
	machine->ready_ms = end_ms;
	paper_network(ps, machine);
}

static void take_snapshot(struct paperspace *ps, struct paper_machine *machine)
{
	struct paper_snapshot *snapshot = xcalloc(1, sizeof(*snapshot));

	paper_new_id(ps, "ss", 8, snapshot->id);
	snapshot->machine = machine;
	snapshot->began_ms = ps->cloud->now_ms;
	ps->snapshots =
		xgrow(ps->snapshots, ps->nr_snapshots, &ps->cap_snapshots, sizeof(snapshot));
	ps->snapshots[ps->nr_snapshots++] = snapshot;
	machine->snapshot = false;
}

static void went_off(struct paperspace *ps, struct paper_machine *machine)
{
	machine->state = PAPER_OFF;
	machine->on_ms = 0;
	paper_network(ps, machine);
}

static void gone(struct paperspace *ps, struct paper_machine *machine)
{
	const struct cloud_machines *machines = ps->cloud->config.machines;

	if (machines)
		machines->end(machines->ctx, machine->id);
	machine->ended_ms = ps->cloud->now_ms;
	machine->public_ip[0] = '\0';
	if (machine->address) { /* which stays, and bills */
		machine->address->machine = NULL;
		machine->address = NULL;
	}
	for (size_t i = 0; i < ps->nr_snapshots; i++) {
		if (ps->snapshots[i]->machine == machine && !ps->snapshots[i]->ended_ms)
			ps->snapshots[i]->ended_ms = ps->cloud->now_ms;
	}
}

/* The machine has changed; its event will say so a little later. */
static void act(struct paperspace *ps, struct paper_machine *machine)
{
	const struct cloud_machines *machines = ps->cloud->config.machines;
	struct paper_event *event = machine->op;
	bool create = strcmp(event->name, "create") == 0;

	machine->op = NULL;
	machine->modified_ms = ps->cloud->now_ms;
	event->act_ms = NEVER_MS;
	if (event->error) {
		/* one that was on goes on, and one that was not yet is not */
		machine->state = machine->resume;
		if (!paper_is_on(machine) || machine->state == PAPER_PROVISIONING)
			went_off(ps, machine);
		return;
	}
	if (create && machine->snapshot)
		take_snapshot(ps, machine);
	if (strcmp(event->name, "start") == 0 || (create && machine->start)) {
		came_up(ps, machine, event->end_ms);
	} else if (strcmp(event->name, "restart") == 0) {
		if (machines)
			machines->reboot(machines->ctx, machine->id);
		machine->state = PAPER_SERVICEREADY;
		machine->ready_ms = event->end_ms;
	} else if (strcmp(event->name, "deactivate") == 0) {
		gone(ps, machine);
	} else {
		if (machines && machine->on_ms)
			machines->halt(machines->ctx, machine->id);
		went_off(ps, machine);
	}
}

/* --- time ---------------------------------------------------------------------------------- */

static int64_t auto_off_ms(const struct paper_machine *machine)
{
	if (!machine->auto_off || !machine->on_ms || machine->ended_ms ||
	    (machine->state != PAPER_READY && machine->state != PAPER_SERVICEREADY))
		return NEVER_MS;
	return machine->on_ms + machine->auto_hours * HOUR_MS;
}

void paper_rethink(struct paperspace *ps, const struct paper_machine *machine)
{
	int64_t due = auto_off_ms(machine);

	cloud_wake(ps->cloud, due < ps->cloud->now_ms ? ps->cloud->now_ms : due);
}

static void step_machine(struct paperspace *ps, struct paper_machine *machine)
{
	int64_t now = ps->cloud->now_ms;

	if (machine->op && machine->op->act_ms <= now)
		act(ps, machine);
	if (machine->ended_ms)
		return;
	if (machine->state == PAPER_SERVICEREADY && machine->ready_ms <= now)
		machine->state = PAPER_READY;
	if (auto_off_ms(machine) <= now)
		paper_begin(ps, machine, machine->auto_force ? "vm-shutdown-force" : "stop",
			    PAPER_STOPPING, NULL);
	if (machine->op)
		cloud_wake(ps->cloud, machine->op->act_ms);
	if (machine->state == PAPER_SERVICEREADY)
		cloud_wake(ps->cloud, machine->ready_ms);
	cloud_wake(ps->cloud, auto_off_ms(machine));
}

static void step_event(struct paperspace *ps, struct paper_event *event)
{
	int64_t now = ps->cloud->now_ms;

	if (event->begin_ms <= now) {
		event->progress = PAPER_IN_PROGRESS;
		event->started_ms = now;
		event->begin_ms = NEVER_MS;
	}
	if (event->end_ms <= now)
		finish(ps, event, event->error ? PAPER_ERROR : PAPER_DONE);
	cloud_wake(ps->cloud, event->begin_ms);
	cloud_wake(ps->cloud, event->end_ms);
}

void paper_step(void *self)
{
	struct paperspace *ps = self;

	/* machines first: an event must not be done before its machine has changed */
	for (size_t i = 0; i < ps->nr_machines; i++) {
		if (!ps->machines[i]->ended_ms)
			step_machine(ps, ps->machines[i]);
	}
	for (size_t i = 0; i < ps->nr_events; i++)
		step_event(ps, ps->events[i]);
}

void paper_machine_off(void *self, const char *id)
{
	struct paperspace *ps = self;

	for (size_t i = 0; i < ps->nr_machines; i++) {
		struct paper_machine *machine = ps->machines[i];

		if (strcmp(machine->id, id) != 0 || machine->ended_ms || !machine->on_ms)
			continue;
		if (machine->op)
			finish(ps, machine->op, PAPER_CANCELLED);
		machine->op = NULL;
		machine->modified_ms = ps->cloud->now_ms;
		went_off(ps, machine);
	}
}
