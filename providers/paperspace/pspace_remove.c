/* SPDX-License-Identifier: Apache-2.0 */
/* What belonged to a launch goes. */
#include <string.h>

#include <cjson/cJSON.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

#define RELEASE_MS 30000 /* a machine that was deleted a moment ago may hold on to its script */
#define RETRY_MS   3000

int pspace_address_release(struct provider *p, const char *ip, bool assigned, struct error *err)
{
	struct error why = ERROR_INIT;
	struct rest_call call;
	int rc = 0;

	if (assigned) {
		cJSON *body = cJSON_CreateObject();

		cJSON_AddNullToObject(body, "machineId");
		rest_begin(&call, &p->rest, REST_CHANGE, "PUT", REST_PATH("public-ips", ip),
			   "cannot take address '%s' from its machine", ip);
		rest_body(&call, body);
		rc = rest_send(&call, &why);
		rest_release(&call);
		if (rc < 0 && why.kind == ERROR_NOT_FOUND)
			return 0;
	}
	if (rc == 0)
		rc = pspace_delete(p, REST_PATH("public-ips", ip), "cannot release the address",
				   &why);
	if (rc >= 0)
		return 0;
	*err = why;
	return -1;
}

static int delete_script(struct provider *p, const char *id, struct error *err)
{
	return pspace_delete(p, REST_PATH("startup-scripts", id),
			     "cannot delete the startup script", err);
}

/* The address that an interrupted end had taken from its machine, and not released yet. The script
 * that names it goes only after it. One that hangs on a machine again is in use. 1: released; 0; -1. */
static int release_noted(struct provider *p, const struct pspace_script *script, struct error *err)
{
	struct pspace_addresses addresses = { .nr = 0 };
	const char *ip = script->name.address;
	int rc = 0;

	if (!*ip)
		return 0;
	if (pspace_addresses_list(p, &addresses, err) < 0)
		return -1;
	for (size_t i = 0; i < addresses.nr && rc == 0; i++)
		if (!strcmp(addresses.v[i].ip, ip) && !addresses.v[i].machine[0])
			rc = pspace_address_release(p, ip, false, err) < 0 ? -1 : 1;
	pspace_addresses_release(&addresses);
	return rc;
}

/* What hangs on a machine cannot go, whatever the cloud would say to it. */
static int check_free(const struct leftover *leftover, struct error *err)
{
	if (!leftover->attached[0])
		return 0;
	return error_set(err, ERROR_CONFLICT, "%s '%s' hangs on machine '%s'",
			 leftover_kind_name(leftover->kind), leftover->id, leftover->attached);
}

static int remove_address(struct provider *p, const struct leftover *leftover, struct error *err)
{
	if (leftover->launch_id[0])
		return check_free(leftover, err) < 0
			       ? -1
			       : pspace_address_release(p, leftover->id, false, err);
	error_set(err, ERROR_UNSUPPORTED,
		  "address '%.60s' hangs on no machine, and nothing says who claimed it",
		  leftover->id);
	return error_hint(err, "if it is yours: pspace public-ip release %.60s", leftover->id);
}

static int remove_script(struct provider *p, const struct leftover *leftover, struct error *err)
{
	struct pspace_scripts scripts = { .nr = 0 };
	int rc = pspace_scripts_list(p, leftover->launch_id, &scripts, err);

	for (size_t i = 0; i < scripts.nr && rc == 0; i++)
		if (!strcmp(scripts.v[i].id, leftover->id) &&
		    release_noted(p, &scripts.v[i], err) < 0)
			rc = -1;
	if (rc == 0 && delete_script(p, leftover->id, err) < 0)
		rc = -1;
	pspace_scripts_release(&scripts);
	return rc;
}

int pspace_remove(struct provider *p, const struct leftover *leftover, struct error *err)
{
	if (leftover->kind == LEFTOVER_ADDRESS)
		return remove_address(p, leftover, err);
	if (leftover->kind != LEFTOVER_SCRIPT)
		return error_set(err, ERROR_UNSUPPORTED, "there is no %s on Paperspace",
				 leftover_kind_name(leftover->kind));
	if (!pspace_id_ok(leftover->id))
		return error_set(err, ERROR_USAGE, "'%.60s' is no startup script's id",
				 leftover->id);
	if (check_free(leftover, err) < 0)
		return -1;
	return remove_script(p, leftover, err);
}

/* 1: gone; 0: something holds on to it; -1. */
static int release_script(struct provider *p, const struct pspace_script *script, int64_t deadline,
			  struct release_result *result, struct error *err)
{
	int noted = release_noted(p, script, err);

	if (noted < 0)
		return -1;
	result->addresses += (unsigned)noted;
	for (;;) {
		struct error why = ERROR_INIT;
		int rc = delete_script(p, script->id, &why);

		if (rc >= 0) {
			result->scripts += (unsigned)rc;
			return 0;
		}
		if (why.kind != ERROR_CONFLICT) {
			*err = why;
			return -1;
		}
		if (clock_mono_ms(p->env.clock) + RETRY_MS > deadline) {
			result->left++;
			return 0;
		}
		if (pspace_sleep(p, RETRY_MS, err) < 0)
			return -1;
	}
}

/* The address went before its machine (pspace_end.c): once that is gone, only a note tells it. */
int pspace_release(struct provider *p, const char *region, const char *launch_id,
		   struct release_result *ret, struct error *err)
{
	int64_t deadline = clock_mono_ms(p->env.clock) + RELEASE_MS;
	struct release_result result = { 0 };
	struct pspace_scripts scripts = { .nr = 0 };
	struct error why;
	int rc = 0;

	(void)region;
	if (!pspace_launch_id_ok(launch_id))
		return error_set(err, ERROR_USAGE, "'%.60s' is no launch's id", launch_id);
	if (pspace_scripts_list(p, launch_id, &scripts, err) < 0)
		return -1;
	/* What fails does not stop the rest. */
	for (size_t i = 0; i < scripts.nr; i++)
		if (release_script(p, &scripts.v[i], deadline, &result, rc ? &why : err) < 0)
			rc = -1;
	pspace_scripts_release(&scripts);
	if (rc == 0)
		*ret = result;
	return rc;
}
