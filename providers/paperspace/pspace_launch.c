/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch, step by step: is the token listed already; may we, and is there one left; template; then
 * the startup script, and the machine. The request that makes the machine is sent once: there is no
 * token that would make a second one harmless.
 * https://docs.digitalocean.com/reference/paperspace/api-reference/machines/
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/buf.h"
#include "core/interrupt.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

static int check_request(struct pspace_plan *plan, struct error *err)
{
	const struct launch_request *request = plan->request;
	const char *zone = request->zone;

	if (pspace_region(plan->p, request->region, &plan->region, err) < 0 ||
	    pspace_name_machine(request, plan->name, err) < 0)
		return -1;
	pspace_name_script(request->owner, request->launch_id, plan->script_name);
	if (!pspace_type_name_ok(request->type))
		return error_set(err, ERROR_USAGE, "'%.80s' is no machine type",
				 request->type ? request->type : "");
	if (zone && pspace_region_find(zone) != plan->region)
		return error_set(err, ERROR_USAGE, "'%.80s' is no zone of %s", zone, plan->region);
	if (request->spot)
		return error_set(err, ERROR_UNSUPPORTED, "Paperspace has no spot machines");
	if (request->subnet && !pspace_id_ok(request->subnet))
		return error_set(err, ERROR_USAGE, "'%.80s' is no private network's id",
				 request->subnet);
	return pspace_script_text(request, &plan->text, err);
}

static int done(const struct pspace_plan *plan, const char *kind, const char *name, const char *id,
		struct error *err)
{
	const struct launch_steps *steps = plan->steps;

	return steps && steps->done ? steps->done(steps->ctx, kind, name, id, err) : 0;
}

static int intend(const struct pspace_plan *plan, const char *kind, const char *name,
		  const char *hash, struct error *err)
{
	const struct launch_steps *steps = plan->steps;

	return steps && steps->intend ? steps->intend(steps->ctx, kind, name, hash, err) : 0;
}

/* --- is it there already ---------------------------------------------------------------------- */

/* 1: it is, and *ret filled; 0: it is not; -1. */
static int find_token(struct pspace_plan *plan, struct launch_result *ret, struct error *err)
{
	const struct instance_query query = { .regions = &plan->region,
					      .nr_regions = 1,
					      .token = plan->request->token };
	struct instance_list list = { 0 };

	if (pspace_instances(plan->p, &query, &list, err) < 0)
		return error_prefix(err, "cannot tell whether '%s' was launched already",
				    plan->request->name);
	if (!list.nr) {
		instance_list_release(&list);
		return 0;
	}
	ret->arena = list.arena;
	ret->instance = list.v[0];
	ret->image = list.v[0].image;
	ret->image_name = list.v[0].image;
	return 1;
}

/* --- the machine ------------------------------------------------------------------------------ */

static void begin_create(const struct pspace_plan *plan, const char *region, const char *script,
			 struct rest_call *call)
{
	const struct launch_request *request = plan->request;
	cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "name", plan->name);
	cJSON_AddStringToObject(body, "machineType", request->type);
	cJSON_AddStringToObject(body, "templateId", plan->template->id);
	cJSON_AddNumberToObject(body, "diskSize", plan->gb);
	cJSON_AddStringToObject(body, "region", region);
	cJSON_AddStringToObject(body, "publicIpType",
				request->static_address ? "static" : "dynamic");
	if (request->subnet)
		cJSON_AddStringToObject(body, "networkId", request->subnet);
	if (*script)
		cJSON_AddStringToObject(body, "startupScriptId", script);
	pspace_limit_add(body, request->ttl_s);
	cJSON_AddBoolToObject(body, "startOnCreate", true);
	cJSON_AddBoolToObject(body, "emailPassword", false); /* the default is true */
	cJSON_AddBoolToObject(body, "takeInitialSnapshot", false);
	rest_begin(call, &plan->p->rest, REST_CREATE, "POST", REST_PATH("machines"),
		   "cannot launch '%s' in %s", request->name, plan->region);
	rest_body(call, body);
}

/*
 * Of what is asked for, in words of ours: a script's id and the spelling of a region may differ when
 * the same launch is tried again, what the script says may not.
 */
static void hash_request(const struct pspace_plan *plan, char out[SHA256_HEX_MAX])
{
	char script[SHA256_HEX_MAX] = "";
	struct rest_call call;

	if (plan->text.len)
		sha256_hex(plan->text.data, plan->text.len, script);
	begin_create(plan, plan->region, script, &call);
	rest_sha256(&call, out);
	rest_release(&call);
}

static int read_made(const struct pspace_plan *plan, const struct rest_call *call,
		     struct launch_result *ret, struct error *err)
{
	const struct cJSON *data = json_get(call->json.root, "data");
	struct launch_result result = { 0 };
	struct pspace_machine machine;

	if (!data)
		error_set(err, ERROR_PROTOCOL, "field 'data' is missing");
	if (!data || pspace_machine_read(data, &result.arena, &machine, err) < 0) {
		arena_release(&result.arena);
		err->unknown = true; /* it was accepted; we only cannot read what came of it */
		return error_prefix(err, "%s: the reply", call->what);
	}
	result.instance = machine.instance;
	result.image = arena_strdup(&result.arena, plan->template->id);
	result.image_name = arena_strdup(&result.arena, plan->template->name);
	result.instance.image = result.image;
	*ret = result;
	return 0;
}

static int send_create(const struct pspace_plan *plan, struct launch_result *ret, struct error *err)
{
	struct rest_call call;
	int rc;

	begin_create(plan, pspace_region_label(plan->p, plan->region), plan->script, &call);
	rc = rest_send(&call, err);
	if (rc == 0)
		rc = read_made(plan, &call, ret, err);
	rest_release(&call);
	return rc;
}

static int make_machine(struct pspace_plan *plan, struct launch_result *ret, struct error *err)
{
	const struct launch_request *request = plan->request;
	struct error why = ERROR_INIT;
	char hash[SHA256_HEX_MAX];

	hash_request(plan, hash);
	if (intend(plan, "instance", request->token, hash, err) < 0)
		return -1;
	/* Once sent it is seen through; after Ctrl-C it is not begun. */
	if (interrupted())
		return error_set(err, ERROR_CANCELLED,
				 "interrupted before the machine was asked for");
	/* A request that was refused for its region's spelling has made nothing. */
	if (send_create(plan, ret, &why) < 0 &&
	    (why.unknown || !pspace_region_respell(plan->p, &why) ||
	     send_create(plan, ret, &why) < 0)) {
		*err = why;
		return -1;
	}
	if (done(plan, "instance", request->token, ret->instance.id, err) < 0) {
		err->unknown = true; /* it is there, and only the journal does not know */
		launch_result_release(ret);
		return -1;
	}
	return 0;
}

static int make_script(struct pspace_plan *plan, struct error *err)
{
	if (!plan->text.len)
		return 0;
	if (intend(plan, "startup-script", plan->script_name, "", err) < 0 ||
	    pspace_script_make(plan->p, plan->request, &plan->text, plan->script, err) < 0)
		return -1;
	return done(plan, "startup-script", plan->script_name, plan->script, err);
}

/* --- dry runs --------------------------------------------------------------------------------- */

/* Nothing is sent that makes anything; what can be known to be refused has been by now. */
static void rehearse(const struct pspace_plan *plan, struct launch_result *ret)
{
	const struct launch_request *request = plan->request;
	struct launch_result result = { 0 };
	struct rest_call call;

	if (plan->text.len) {
		pspace_script_create(plan->p, plan->script_name, &plan->text, &call);
		rest_show(&call, plan->steps);
		rest_release(&call);
	}
	begin_create(plan, pspace_region_label(plan->p, plan->region),
		     plan->text.len ? "(the new script)" : "", &call);
	rest_show(&call, plan->steps);
	rest_release(&call);
	result.image = arena_strdup(&result.arena, plan->template->id);
	result.image_name = arena_strdup(&result.arena, plan->template->name);
	result.instance = (struct instance){
		.provider = "paperspace",
		.region = plan->region,
		.zone = { plan->region, "" },
		.id = "",
		.type = arena_strdup(&result.arena, request->type),
		.reason = "",
		.spot_request = "",
		.public_ip = "",
		.private_ip = "",
		.image = result.image,
		.key_name = "",
		.name = arena_strdup(&result.arena, request->name),
		.owner = arena_strdup(&result.arena, request->owner),
		.launch_id = arena_strdup(&result.arena, request->launch_id),
		.token = "",
		.hostkey = "",
	};
	*ret = result;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int launch(struct pspace_plan *plan, struct launch_result *ret, struct error *err)
{
	int found;

	if (check_request(plan, err) < 0)
		return -1;
	found = plan->request->dry_run ? 0 : find_token(plan, ret, err);
	if (found < 0)
		return -1;
	if (found) {
		if (done(plan, "instance", plan->request->token, ret->instance.id, err) == 0)
			return 0;
		err->unknown = true;
		launch_result_release(ret);
		return -1;
	}
	if (pspace_plan_check(plan, err) < 0)
		return -1;
	if (plan->request->dry_run) {
		rehearse(plan, ret);
		return 0;
	}
	if (make_script(plan, err) < 0)
		return -1;
	return make_machine(plan, ret, err);
}

int pspace_launch(struct provider *p, const struct launch_request *request,
		  const struct launch_steps *steps, struct launch_result *ret, struct error *err)
{
	struct pspace_plan plan = { .p = p,
				    .request = request,
				    .steps = steps,
				    .text = BUF_INIT_MAX(4 * PSPACE_SCRIPT_MAX) };
	struct launch_result result = { 0 };
	struct error why = ERROR_INIT; /* errors that were no obstacle must not be seen */
	int rc = launch(&plan, &result, &why);

	pspace_templates_release(&plan.templates);
	buf_wipe(&plan.text);
	if (rc < 0)
		*err = why;
	else
		*ret = result;
	return rc;
}
