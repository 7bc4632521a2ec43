/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace's static addresses: claimed, assigned, released. They outlive their machines. */
#include <string.h>

#include <cjson/cJSON.h>

#include "simulator/cloud/paperspace.h"

static const void *address_at(const struct paperspace *ps, size_t i)
{
	return ps->addresses[i];
}

static bool address_in(const struct paper_page *page, const struct rest_call *call,
		       const void *item)
{
	const struct paper_address *address = item;

	(void)call;
	return !address->ended_ms && !address->hidden &&
	       (page->region < 0 || page->region == (int)address->region);
}

static struct cJSON *address_out(const struct paperspace *ps, const void *item)
{
	const struct paper_address *address = item;
	cJSON *node = cJSON_CreateObject();

	cJSON_AddStringToObject(node, "ip", address->ip);
	cJSON_AddStringToObject(node, "region", paper_region_name(address->region));
	if (address->machine && paper_machine_shown(ps, address->machine))
		cJSON_AddStringToObject(node, "assignedMachineId", address->machine->id);
	paper_out_time(node, "dtCreated", address->began_ms);
	return node;
}

void paper_list_ips(void *self, struct rest_call *call)
{
	static const char *const filters[] = { "region", NULL };
	static const char *const orders[] = { "dtCreated", NULL };
	struct paperspace *ps = self;
	struct paper_page page = { .ps = ps,
				   .name = "ips",
				   .filters = filters,
				   .orders = orders,
				   .nr = ps->nr_addresses,
				   .item = address_at,
				   .in = address_in,
				   .out = address_out };

	paper_list(&page, call);
}

void paper_claim_ip(void *self, struct rest_call *call)
{
	static const char *const known[] = { "region", NULL };
	struct paperspace *ps = self;
	struct paper_input in = { .call = call };
	const char *text = NULL;
	int region = -1;

	if (rest_known_query(call, NULL) || rest_known_body(call, known))
		return;
	if (paper_text(&in, "region", 60, true, &text)) {
		region = paper_region_parse(ps->cloud, text);
		if (region < 0)
			paper_issue(&in, "region", "There is no region '%.60s'", text);
	}
	if (paper_good(&in))
		return;
	rest_reply(call, 200,
		   address_out(ps, paper_address_new(ps, (enum paper_region)region, NULL)));
}

/* The path's address; NULL with the error written. */
static struct paper_address *address_of(const struct paperspace *ps, const struct rest_call *call)
{
	for (size_t i = 0; i < ps->nr_addresses; i++) {
		struct paper_address *address = ps->addresses[i];

		if (!address->ended_ms && !address->hidden &&
		    strcmp(address->ip, call->segment[1]) == 0)
			return address;
	}
	rest_error(call, 404, NULL, "Public IP '%.40s' not found", call->segment[1]);
	return NULL;
}

void paper_assign_ip(void *self, struct rest_call *call)
{
	static const char *const known[] = { "machineId", NULL };
	struct paperspace *ps = self;
	struct paper_input in = { .call = call };
	const cJSON *node = cJSON_GetObjectItemCaseSensitive(call->body, "machineId");
	struct paper_machine *machine = NULL;
	struct paper_address *address;
	const char *id = NULL;

	if (rest_known_query(call, NULL) || rest_known_body(call, known))
		return;
	if (!cJSON_IsNull(node)) /* which takes it from its machine */
		paper_text(&in, "machineId", 40, true, &id);
	if (paper_good(&in))
		return;
	address = address_of(ps, call);
	if (!address)
		return;
	machine = id ? paper_machine_find(ps, id) : NULL;
	if (id && !machine)
		rest_error(call, 404, NULL, "Machine '%.40s' not found", id);
	else if (machine && machine->region != address->region)
		paper_error_issue(call->reply, "machineId",
				  "The machine is in another region than the address");
	else if (machine && address->machine && address->machine != machine)
		rest_error(call, 409, NULL, "Public IP '%s' is assigned to machine '%s'",
			   address->ip, address->machine->id);
	else if (machine && address->machine == machine)
		rest_reply(call, 200, address_out(ps, address));
	else {
		paper_address_assign(ps, address, machine);
		rest_reply(call, 200, address_out(ps, address));
	}
}

void paper_release_ip(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	struct paper_address *address;
	cJSON *body;

	if (rest_known_query(call, NULL) || rest_known_body(call, NULL))
		return;
	address = address_of(ps, call);
	if (!address)
		return;
	if (address->machine) {
		rest_error(call, 412, NULL, "Public IP '%s' is assigned to machine '%s'",
			   address->ip, address->machine->id);
		return;
	}
	address->ended_ms = ps->cloud->now_ms;
	body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "ip", address->ip);
	rest_reply(call, 200, body);
}
