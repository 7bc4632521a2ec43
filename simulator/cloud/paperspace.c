/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace's v1 API: its table of paths, and what rest.c asks of it. */
#include "simulator/cloud/paperspace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/mem.h"
#include "simulator/cloud/fault.h"

static const struct rest_route routes[] = {
	{ "GET", "auth/session", "GetSession", paper_get_session },
	{ "GET", "billing/account-standing", "GetAccountStanding", paper_get_standing },
	{ "GET", "custom-templates", "ListCustomTemplates", paper_list_custom_templates },
	{ "GET", "machine-availability", "GetMachineAvailability", paper_get_availability },
	{ "GET", "machine-events", "ListMachineEvents", paper_list_events },
	{ "GET", "machine-events/{}", "GetMachineEvent", paper_get_event },
	{ "GET", "machines", "ListMachines", paper_list_machines },
	{ "POST", "machines", "CreateMachine", paper_create_machine },
	{ "GET", "machines/{}", "GetMachine", paper_get_machine },
	{ "PUT", "machines/{}", "UpdateMachine", paper_update_machine },
	{ "DELETE", "machines/{}", "DeleteMachine", paper_delete_machine },
	{ "PATCH", "machines/{}/restart", "RestartMachine", paper_restart_machine },
	{ "PATCH", "machines/{}/start", "StartMachine", paper_start_machine },
	{ "PATCH", "machines/{}/stop", "StopMachine", paper_stop_machine },
	{ "GET", "os-templates", "ListOsTemplates", paper_list_os_templates },
	{ "GET", "private-networks", "ListPrivateNetworks", paper_list_networks },
	{ "GET", "public-ips", "ListPublicIps", paper_list_ips },
	{ "POST", "public-ips", "ClaimPublicIp", paper_claim_ip },
	{ "PUT", "public-ips/{}", "AssignPublicIp", paper_assign_ip },
	{ "DELETE", "public-ips/{}", "ReleasePublicIp", paper_release_ip },
	{ "GET", "snapshots", "ListSnapshots", paper_list_snapshots },
	{ "GET", "startup-scripts", "ListStartupScripts", paper_list_scripts },
	{ "POST", "startup-scripts", "CreateStartupScript", paper_create_script },
	{ "GET", "startup-scripts/{}", "GetStartupScript", paper_get_script },
	{ "PUT", "startup-scripts/{}", "UpdateStartupScript", paper_update_script },
	{ "DELETE", "startup-scripts/{}", "DeleteStartupScript", paper_delete_script },
	{ "POST", "startup-scripts/{}/assign", "AssignStartupScript", paper_assign_script },
	{ "POST", "startup-scripts/{}/unassign", "UnassignStartupScript", paper_unassign_script },
	{ NULL, NULL, NULL, NULL },
};

static const struct {
	const char *name, *os;
	unsigned default_gb;
	bool gpu;
} templates[PAPER_TEMPLATES] = {
	{ "ML-in-a-Box", "Ubuntu 22.04", 100, true },
	{ "ML-in-a-Box 20.04", "Ubuntu 20.04", 100, true },
	{ "Ubuntu 22.04 Server", "Ubuntu 22.04", 50, false },
	{ "Ubuntu 22.04 Server GPU", "Ubuntu 22.04", 50, true },
	{ "Ubuntu 20.04 Server", "Ubuntu 20.04", 50, false },
};

void paper_new_id(struct paperspace *ps, const char *prefix, size_t n, char *out)
{
	char token[PAPER_ID_MAX];

	rng_token(&ps->cloud->rng, token, n);
	snprintf(out, PAPER_ID_MAX, "%s%s", prefix, token);
}

static void *make(struct cloud *cloud)
{
	struct paperspace *ps = xcalloc(1, sizeof(*ps));
	/* of its own: the ids of what was there before must not depend on who asks what first */
	struct rng_seeded seeded;
	struct rng rng = rng_seeded(&seeded, cloud->config.seed ^ 0x7061706572737063);
	char token[16];

	ps->cloud = cloud;
	ps->key = xstrdup(cloud->config.paperspace_key);
	ps->read_key = xstrdup(cloud->config.paperspace_read_key);
	rng_token(&rng, token, 8);
	snprintf(ps->team, sizeof(ps->team), "te%s", token);
	rng_token(&rng, token, 8);
	snprintf(ps->user, sizeof(ps->user), "us%s", token);
	for (size_t i = 0; i < PAPER_TEMPLATES; i++) {
		struct paper_template *template = &ps->templates[i];

		rng_token(&rng, token, 7);
		snprintf(template->id, sizeof(template->id), "t%s", token);
		template->name = templates[i].name;
		template->os = templates[i].os;
		template->default_gb = templates[i].default_gb;
		template->gpu = templates[i].gpu;
	}
	return ps;
}

static void free_all(void *self)
{
	struct paperspace *ps = self;

	for (size_t i = 0; i < ps->nr_machines; i++) {
		free(ps->machines[i]->name);
		free(ps->machines[i]);
	}
	for (size_t i = 0; i < ps->nr_events; i++) {
		free(ps->events[i]->error);
		free(ps->events[i]);
	}
	for (size_t i = 0; i < ps->nr_scripts; i++) {
		free(ps->scripts[i]->name);
		free(ps->scripts[i]->text);
		free(ps->scripts[i]);
	}
	for (size_t i = 0; i < ps->nr_addresses; i++) {
		free(ps->addresses[i]->label);
		free(ps->addresses[i]);
	}
	for (size_t i = 0; i < ps->nr_snapshots; i++)
		free(ps->snapshots[i]);
	free(ps->machines);
	free(ps->events);
	free(ps->scripts);
	free(ps->addresses);
	free(ps->snapshots);
	free(ps->key);
	free(ps->read_key);
	free(ps);
}

static bool same_key(const char *key, const char *token)
{
	size_t n = strlen(key);

	return strlen(token) == n && bytes_equal(key, token, n);
}

static int admits(void *self, const char *token)
{
	const struct paperspace *ps = self;

	return same_key(ps->key, token) ? 2 : same_key(ps->read_key, token) ? 1 : 0;
}

bool paper_machine_shown(const struct paperspace *ps, const struct paper_machine *machine)
{
	return !machine->ended_ms && ps->cloud->now_ms >= machine->visible_ms;
}

struct paper_machine *paper_machine_find(const struct paperspace *ps, const char *id)
{
	for (size_t i = 0; i < ps->nr_machines; i++) {
		if (strcmp(ps->machines[i]->id, id) == 0)
			return paper_machine_shown(ps, ps->machines[i]) ? ps->machines[i] : NULL;
	}
	return NULL;
}

struct paper_script *paper_script_find(const struct paperspace *ps, const char *id)
{
	for (size_t i = 0; i < ps->nr_scripts; i++) {
		if (strcmp(ps->scripts[i]->id, id) == 0)
			return ps->scripts[i]->ended_ms ? NULL : ps->scripts[i];
	}
	return NULL;
}

bool paper_template_gone(const struct paperspace *ps, const struct paper_template *template)
{
	return fault_holds(ps->cloud, PAPER_SERVICE, FAULT_NO_IMAGE, template->name, "") != NULL;
}

const struct paper_template *paper_template_find(const struct paperspace *ps, const char *id)
{
	for (size_t i = 0; i < PAPER_TEMPLATES; i++) {
		if (strcmp(ps->templates[i].id, id) == 0)
			return paper_template_gone(ps, &ps->templates[i]) ? NULL
									  : &ps->templates[i];
	}
	return NULL;
}

const struct rest_cloud paperspace_cloud = {
	.name = PAPER_SERVICE,
	.prefix = "/paperspace/v1",
	.routes = routes,
	.make = make,
	.free = free_all,
	.admits = admits,
	.error = paper_error,
	.step = paper_step,
	.each_resource = paper_each_resource,
	.machine_off = paper_machine_off,
	.parse_code = "PARSE_ERROR",
	.wants_body = true,
	.issue = paper_error_issue,
};
