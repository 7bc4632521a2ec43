/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace: what the account is, and what it may choose from. */
#include <string.h>

#include <cjson/cJSON.h>

#include "simulator/cloud/fault.h"
#include "simulator/cloud/paperspace.h"

#define ACCOUNT_AGE_MS (INT64_C(400) * 86400 * 1000)

static const char *const by_name[] = { "name", NULL };
static const char *const by_name_or_age[] = { "dtCreated", "name", NULL };

static int64_t before_ms(const struct paperspace *ps)
{
	return ps->cloud->config.start * 1000 - ACCOUNT_AGE_MS;
}

/* --- templates ----------------------------------------------------------------------------- */

static const void *template_at(const struct paperspace *ps, size_t i)
{
	return &ps->templates[i];
}

static bool template_in(const struct paper_page *page, const struct rest_call *call,
			const void *item)
{
	const struct paper_template *template = item;
	const char *name = rest_query(call, "name");

	return !paper_template_gone(page->ps, template) && (!name || !strcmp(name, template->name));
}

static const char *template_key(const void *item, const char *by)
{
	(void)by;
	return ((const struct paper_template *)item)->name;
}

static bool anywhere(const struct cloud *cloud, const struct paper_type *type)
{
	for (int i = 0; i < PAPER_REGIONS; i++) {
		if (paper_available(cloud, type, (enum paper_region)i))
			return true;
	}
	return false;
}

static struct cJSON *template_out(const struct paperspace *ps, const void *item)
{
	const struct paper_template *template = item;
	cJSON *node = cJSON_CreateObject(), *list;
	const struct paper_type *types;
	size_t nr;

	cJSON_AddStringToObject(node, "id", template->id);
	cJSON_AddStringToObject(node, "name", template->name);
	cJSON_AddStringToObject(node, "agentType", "LinuxHeadless");
	cJSON_AddStringToObject(node, "operatingSystemLabel", template->os);
	cJSON_AddNumberToObject(node, "defaultSizeGb", template->default_gb);
	paper_out_time(node, "dtCreated", before_ms(ps));
	list = cJSON_AddArrayToObject(node, "availableMachineTypes");
	types = paper_types(&nr);
	for (size_t i = 0; i < nr; i++) {
		cJSON *one;

		if ((types[i].gpus > 0) != template->gpu)
			continue;
		one = cJSON_CreateObject();
		cJSON_AddStringToObject(one, "machineTypeLabel", types[i].name);
		cJSON_AddBoolToObject(one, "isAvailable", anywhere(ps->cloud, &types[i]));
		cJSON_AddItemToArray(list, one);
	}
	return node;
}

void paper_list_os_templates(void *self, struct rest_call *call)
{
	struct paper_page page = { .ps = self,
				   .name = "templates",
				   .filters = by_name,
				   .orders = by_name,
				   .nr = PAPER_TEMPLATES,
				   .item = template_at,
				   .in = template_in,
				   .key = template_key,
				   .out = template_out };

	paper_list(&page, call);
}

/* The account has none of these, and they cannot be made here. */
void paper_list_custom_templates(void *self, struct rest_call *call)
{
	static const char *const filters[] = { "name", "machineId", NULL };
	struct paper_page page = {
		.ps = self, .name = "custom", .filters = filters, .orders = by_name_or_age
	};

	paper_list(&page, call);
}

void paper_list_networks(void *self, struct rest_call *call)
{
	static const char *const filters[] = { "name", "region", NULL };
	struct paper_page page = {
		.ps = self, .name = "networks", .filters = filters, .orders = by_name_or_age
	};

	paper_list(&page, call);
}

/* --- snapshots ----------------------------------------------------------------------------- */

static const void *snapshot_at(const struct paperspace *ps, size_t i)
{
	return ps->snapshots[i];
}

static bool snapshot_in(const struct paper_page *page, const struct rest_call *call,
			const void *item)
{
	const struct paper_snapshot *snapshot = item;
	const char *id = rest_query(call, "machineId");

	(void)page;
	return !snapshot->ended_ms && (!id || strcmp(id, snapshot->machine->id) == 0);
}

static const char *snapshot_key(const void *item, const char *by)
{
	return strcmp(by, "name") == 0 ? ((const struct paper_snapshot *)item)->machine->name
				       : NULL;
}

static struct cJSON *snapshot_out(const struct paperspace *ps, const void *item)
{
	const struct paper_snapshot *snapshot = item;
	cJSON *node = cJSON_CreateObject();

	(void)ps;
	cJSON_AddStringToObject(node, "id", snapshot->id);
	cJSON_AddStringToObject(node, "machineId", snapshot->machine->id);
	cJSON_AddStringToObject(node, "name", snapshot->machine->name);
	cJSON_AddBoolToObject(node, "isAutoSnapshot", false);
	return node;
}

void paper_list_snapshots(void *self, struct rest_call *call)
{
	static const char *const filters[] = { "machineId", NULL };
	struct paperspace *ps = self;
	struct paper_page page = { .ps = ps,
				   .name = "snapshots",
				   .filters = filters,
				   .orders = by_name_or_age,
				   .nr = ps->nr_snapshots,
				   .item = snapshot_at,
				   .in = snapshot_in,
				   .key = snapshot_key,
				   .out = snapshot_out };

	paper_list(&page, call);
}

/* --- what may be had ----------------------------------------------------------------------- */

void paper_get_availability(void *self, struct rest_call *call)
{
	static const char *const known[] = { "machineType", "region", NULL };
	struct paperspace *ps = self;
	const char *type_name = rest_query(call, "machineType"),
		   *place = rest_query(call, "region");
	struct paper_input in = { .call = call };
	const struct paper_type *type = type_name ? paper_type_find(type_name) : NULL;
	int region = place ? paper_region_parse(ps->cloud, place) : -1;
	cJSON *body;

	if (rest_known_query(call, known))
		return;
	if (!type_name)
		paper_issue(&in, "machineType", "Required");
	if (!place)
		paper_issue(&in, "region", "Required");
	else if (region < 0)
		paper_issue(&in, "region", "There is no region '%.60s'", place);
	if (paper_good(&in))
		return;
	body = cJSON_CreateObject();
	cJSON_AddBoolToObject(body, "available",
			      type && paper_available(ps->cloud, type, (enum paper_region)region));
	rest_reply(call, 200, body);
}

void paper_get_standing(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	const struct fault *debt =
		fault_holds(ps->cloud, PAPER_SERVICE, FAULT_BAD_STANDING, "", "");
	cJSON *body, *messages;

	if (rest_known_query(call, NULL))
		return;
	body = cJSON_CreateObject();
	cJSON_AddBoolToObject(body, "isInGoodStanding", !debt);
	cJSON_AddBoolToObject(body, "hasPaymentMethod", !debt);
	cJSON_AddBoolToObject(body, "isAdminLocked", false);
	messages = cJSON_AddArrayToObject(body, "messages");
	if (debt)
		cJSON_AddItemToArray(
			messages, cJSON_CreateString(debt->message ? debt->message
								   : "The account is not in good "
								     "standing"));
	rest_reply(call, 200, body);
}

static cJSON *session_user(const struct paperspace *ps)
{
	cJSON *user = cJSON_CreateObject(), *list, *membership, *team;

	cJSON_AddStringToObject(user, "id", ps->user);
	cJSON_AddNumberToObject(user, "analyticsId", 2);
	cJSON_AddStringToObject(user, "email", "sim@example.com");
	cJSON_AddNullToObject(user, "firstName");
	cJSON_AddNullToObject(user, "lastName");
	cJSON_AddBoolToObject(user, "isPasswordAuthEnabled", true);
	cJSON_AddBoolToObject(user, "isPhoneVerified", false);
	cJSON_AddBoolToObject(user, "isQrCodeBasedMfaConfirmed", false);
	cJSON_AddBoolToObject(user, "isQrCodeBasedMfaEnabled", false);
	cJSON_AddObjectToObject(user, "metadata");
	paper_out_time(user, "dtConfirmed", before_ms(ps));
	paper_out_time(user, "dtCreated", before_ms(ps));
	list = cJSON_AddArrayToObject(user, "teamMemberships");
	membership = cJSON_CreateObject();
	cJSON_AddBoolToObject(membership, "isAdmin", true);
	cJSON_AddBoolToObject(membership, "isOwner", true);
	team = cJSON_AddObjectToObject(membership, "team");
	cJSON_AddStringToObject(team, "id", ps->team);
	cJSON_AddStringToObject(team, "name", "Simulated team");
	cJSON_AddStringToObject(team, "namespace", ps->team);
	cJSON_AddBoolToObject(team, "isUserTeam", true);
	paper_out_time(team, "dtCreated", before_ms(ps));
	cJSON_AddItemToArray(list, membership);
	return user;
}

void paper_get_session(void *self, struct rest_call *call)
{
	struct paperspace *ps = self;
	cJSON *body, *team;

	if (rest_known_query(call, NULL))
		return;
	body = cJSON_CreateObject();
	team = cJSON_AddObjectToObject(body, "team");
	cJSON_AddStringToObject(team, "id", ps->team);
	cJSON_AddNumberToObject(team, "analyticsId", 1);
	cJSON_AddBoolToObject(team, "isPrivate", false);
	cJSON_AddNumberToObject(team, "maxMachines", PAPER_MACHINES_MAX);
	cJSON_AddStringToObject(team, "namespace", ps->team);
	cJSON_AddItemToObject(body, "user", session_user(ps));
	rest_reply(call, 200, body);
}
