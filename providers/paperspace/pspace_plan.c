/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked before anything is made: whether the team may, whether there is one left, what of,
 * and how large a disk. A dry run asks the same.
 */
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

#define GB_DEFAULT 50 /* what the vendor's own machines have */

/* --- may we, and is there one left ------------------------------------------------------------ */

static int read_standing(const struct rest_call *call, struct error *err)
{
	const struct cJSON *root = call->json.root, *messages = json_get(root, "messages");
	const struct cJSON *first = messages ? json_first(messages) : NULL;
	struct arena arena = { 0 };
	bool good, locked = false;

	/* Not everybody who may make machines may look at bills. */
	if (call->rc < 0 && call->err.http_status == 403)
		return 0;
	if (call->rc < 0) {
		*err = call->err;
		return -1;
	}
	if (json_bool(root, "isInGoodStanding", &good, err) < 0 ||
	    (json_get(root, "isAdminLocked") && json_bool(root, "isAdminLocked", &locked, err) < 0))
		return error_prefix(err, "%s: the reply", call->what);
	if (good && !locked)
		return 0;
	error_set(err, ERROR_AUTH, "Paperspace makes no machines for this team: %.300s",
		  first && json_text(first) ? text_escaped(&arena, json_text(first))
		  : locked		    ? "the account is locked"
					    : "it is not in good standing");
	arena_release(&arena);
	return error_hint(err, "see https://console.paperspace.com, under billing");
}

static int read_availability(const struct pspace_plan *plan, const struct rest_call *call,
			     struct error *err)
{
	bool available;

	if (call->rc < 0) {
		*err = call->err;
		return -1;
	}
	if (json_bool(call->json.root, "available", &available, err) < 0)
		return error_prefix(err, "%s: the reply", call->what);
	if (available)
		return 0;
	error_set(err, ERROR_CAPACITY, "Paperspace has no %s left in %s", plan->request->type,
		  plan->region);
	return error_hint(err, "gpucloud price --all-regions --type %s", plan->request->type);
}

/* Both questions at once. */
static int ask_leave(struct pspace_plan *plan, struct error *err)
{
	struct provider *p = plan->p;
	struct rest_call standing, availability;
	struct rest_call *const calls[] = { &standing, &availability };
	int rc;

	rest_begin(&standing, &p->rest, REST_READ, "GET", REST_PATH("billing", "account-standing"),
		   "cannot look at the account");
	rest_begin(&availability, &p->rest, REST_READ, "GET", REST_PATH("machine-availability"),
		   "cannot ask whether there is a %s in %s", plan->request->type, plan->region);
	rest_query(&availability, "machineType", plan->request->type);
	rest_query(&availability, "region", pspace_region_label(p, plan->region));
	rest_send_all(calls, 2);
	rc = read_standing(&standing, err);
	if (rc == 0)
		rc = read_availability(plan, &availability, err);
	rest_release(&standing);
	rest_release(&availability);
	return rc;
}

static int check_leave(struct pspace_plan *plan, struct error *err)
{
	struct error why = ERROR_INIT;

	if (ask_leave(plan, &why) == 0 ||
	    (pspace_region_respell(plan->p, &why) && ask_leave(plan, &why) == 0))
		return 0;
	*err = why;
	return -1;
}

/* --- of what ---------------------------------------------------------------------------------- */

/* Of the vendor's first; what is said may be one of the team's own. */
static int find_template(struct pspace_plan *plan, struct error *err)
{
	const struct launch_request *request = plan->request;
	struct pspace_templates own = { .nr = 0 };
	struct error why = ERROR_INIT, ignored = ERROR_INIT;

	if (pspace_templates_list(plan->p, "os-templates", &plan->templates, err) < 0)
		return -1;
	plan->template =
		pspace_template_choose(&plan->templates, request->image, request->type, &why);
	if (plan->template)
		return 0;
	if (request->image && why.kind == ERROR_NOT_FOUND) {
		if (pspace_templates_list(plan->p, "custom-templates", &own, err) < 0)
			return -1;
		plan->template =
			pspace_template_choose(&own, request->image, request->type, &ignored);
		if (plan->template || ignored.kind == ERROR_CONFLICT) {
			pspace_templates_release(&plan->templates);
			plan->templates = own;
		} else {
			pspace_templates_release(&own);
		}
		if (plan->template)
			return 0;
		if (ignored.kind == ERROR_CONFLICT)
			why = ignored;
	}
	*err = why;
	return -1;
}

/* Disks come in a few sizes only: the next that holds what is wanted. */
static int find_disk(struct pspace_plan *plan, struct error *err)
{
	static const unsigned sizes[] = { 50, 100, 250, 500, 1000, 2000 };
	const struct launch_request *request = plan->request;
	unsigned own = plan->template->default_gb ? plan->template->default_gb : GB_DEFAULT;
	unsigned wanted = request->disk_gib ? request->disk_gib : own;

	if (request->disk_gib && request->disk_gib < plan->template->default_gb)
		return error_set(
			err, ERROR_USAGE,
			"a disk of %u GB is too small for template %s (%.80s), which takes "
			"%u",
			request->disk_gib, plan->template->id, plan->template->name,
			plan->template->default_gb);
	if (!request->disk_gib && request->disk_more_gib < sizes[ARRAY_SIZE(sizes) - 1])
		wanted += request->disk_more_gib;
	else if (!request->disk_gib)
		wanted = sizes[ARRAY_SIZE(sizes) - 1] + 1;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (wanted <= sizes[i]) {
			plan->gb = sizes[i];
			return 0;
		}
	return error_set(err, ERROR_USAGE, "Paperspace's largest disk has %u GB",
			 sizes[ARRAY_SIZE(sizes) - 1]);
}

int pspace_plan_check(struct pspace_plan *plan, struct error *err)
{
	if (check_leave(plan, err) < 0 || find_template(plan, err) < 0)
		return -1;
	return find_disk(plan, err);
}
