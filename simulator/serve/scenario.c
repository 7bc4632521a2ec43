/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/serve/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/money.h"

#define YEAR_S	   (INT64_C(366) * 86400)
#define DELAY_MAX  (INT64_C(10) * 60 * 1000)
#define TURNS_MAX  INT64_C(1000000000)
#define GIANT_SIZE (INT64_C(1) << 30)
#define GIANT_MAX  (INT64_C(1) << 40)

static int known(const cJSON *node, const char *what, const char *const *names, struct error *err)
{
	if (!cJSON_IsObject(node))
		return error_set(err, ERROR_USAGE, "%s: expected an object", what);
	for (const cJSON *field = json_first(node); field; field = json_next(field)) {
		size_t i = 0;

		while (names[i] && strcmp(names[i], json_name(field)) != 0)
			i++;
		if (!names[i])
			return error_set(err, ERROR_USAGE, "%s: unknown field '%.60s'", what,
					 json_name(field));
	}
	return 0;
}

/* The JSON getters speak of replies; what a person typed is a usage error. */
static int as_usage(int rc, struct error *err)
{
	if (rc)
		err->kind = ERROR_USAGE;
	return rc;
}

static int number(const cJSON *node, const char *name, int64_t min, int64_t max, int64_t def,
		  int64_t *ret, struct error *err)
{
	*ret = def;
	if (!json_get(node, name))
		return 0;
	return as_usage(json_int64(node, name, min, max, ret, err), err);
}

static int text(const cJSON *node, const char *name, size_t max, const char **ret,
		struct error *err)
{
	*ret = NULL;
	return as_usage(json_string_opt(node, name, max, ret, err), err);
}

static int probability(const cJSON *node, double *ret, struct error *err)
{
	*ret = 1;
	if (!json_get(node, "probability"))
		return 0;
	if (as_usage(json_double(node, "probability", ret, err), err))
		return -1;
	if (!(*ret > 0 && *ret <= 1))
		return error_set(err, ERROR_USAGE, "fault: probability must be above 0, at most 1");
	return 0;
}

/* "0.2700", or a plain number of dollars. */
static int price(const cJSON *node, int64_t *ret, struct error *err)
{
	const char *usd;
	struct error why = ERROR_INIT;

	*ret = 0;
	if (text(node, "price", 24, &usd, err))
		return -1;
	if (usd && (money_parse(usd, "price", ret, &why) || *ret <= 0))
		return error_set(err, ERROR_USAGE, "fault: bad price '%s'", usd);
	return 0;
}

static int times(const cJSON *node, int64_t now_ms, struct fault *fault, struct error *err)
{
	int64_t from, until;

	if (number(node, "from_s", -YEAR_S, YEAR_S, 0, &from, err) ||
	    number(node, "until_s", -YEAR_S, YEAR_S, 0, &until, err))
		return -1;
	if (json_get(node, "from_s") || fault->kind == FAULT_INTERRUPT)
		fault->from_ms = now_ms + from * 1000;
	if (json_get(node, "until_s"))
		fault->until_ms = now_ms + until * 1000;
	return 0;
}

static int check_cloud(const struct fault *fault, struct error *err)
{
	/* One cloud really sends errors under status 200. */
	bool hidden =
		fault->status == 200 && fault->service && strcmp(fault->service, "paperspace") == 0;

	if (fault->kind == FAULT_ERROR && (!fault->code || (fault->status < 400 && !hidden)))
		return error_set(err, ERROR_USAGE,
				 "fault: an 'error' needs a 'code' and a 'status' from 400 on (of "
				 "service 'paperspace' also 200)");
	if (fault->kind == FAULT_PRICE && fault->price_micros <= 0)
		return error_set(err, ERROR_USAGE, "fault: a 'price' needs a 'price'");
	if (fault->kind == FAULT_DELAY && fault->delay_ms <= 0)
		return error_set(err, ERROR_USAGE, "fault: a 'delay' needs a 'delay_ms'");
	return 0;
}

static int cloud_fault(const cJSON *node, int64_t now_ms, struct fault *ret, struct error *err)
{
	static const char *const names[] = { "kind",	"service",  "action",	   "first",
					     "count",	"status",   "code",	   "message",
					     "zone",	"price",    "probability", "from_s",
					     "until_s", "delay_ms", "type",	   NULL };
	static const char *const of_image[] = { "kind",	  "service", "image",
						"from_s", "until_s", NULL };
	int64_t first, count, status;

	if (known(node, "fault", ret->kind == FAULT_NO_IMAGE ? of_image : names, err) ||
	    text(node, "service", 31, &ret->service, err) ||
	    text(node, "action", 63, &ret->action, err) ||
	    text(node, "code", 79, &ret->code, err) ||
	    text(node, "message", 400, &ret->message, err) ||
	    text(node, "zone", 40, &ret->zone, err) ||
	    text(node, ret->kind == FAULT_NO_IMAGE ? "image" : "type", 60, &ret->type, err) ||
	    number(node, "first", 1, TURNS_MAX, 1, &first, err) ||
	    number(node, "count", 0, TURNS_MAX, 0, &count, err) ||
	    number(node, "status", ret->kind == FAULT_ERROR ? 200 : 400, 599,
		   ret->kind == FAULT_ERROR ? 0 : 503, &status, err) ||
	    number(node, "delay_ms", 0, DELAY_MAX, 0, &ret->delay_ms, err) ||
	    probability(node, &ret->probability, err) || price(node, &ret->price_micros, err) ||
	    times(node, now_ms, ret, err))
		return -1;
	ret->first = (uint64_t)first;
	ret->count = (uint64_t)count;
	ret->status = (int)status;
	return check_cloud(ret, err);
}

static int wire_fault(const cJSON *node, struct wire_fault *ret, struct error *err)
{
	static const char *const names[] = { "kind",  "service",  "action", "first", "count",
					     "bytes", "delay_ms", "skew_s", NULL };
	const char *service, *action;
	int64_t first, count, bytes, skew;

	if (known(node, "fault", names, err) || text(node, "service", 31, &service, err) ||
	    text(node, "action", 63, &action, err) ||
	    number(node, "first", 1, TURNS_MAX, 1, &first, err) ||
	    number(node, "count", 0, TURNS_MAX, 0, &count, err) ||
	    number(node, "bytes", 1, GIANT_MAX, GIANT_SIZE, &bytes, err) ||
	    number(node, "delay_ms", 0, DELAY_MAX, 2000, &ret->delay_ms, err) ||
	    number(node, "skew_s", -YEAR_S, YEAR_S, 0, &skew, err))
		return -1;
	snprintf(ret->service, sizeof(ret->service), "%s", service ? service : "");
	snprintf(ret->action, sizeof(ret->action), "%s", action ? action : "");
	ret->first = (uint64_t)first;
	ret->count = (uint64_t)count;
	ret->bytes = (uint64_t)bytes;
	ret->skew_ms = skew * 1000;
	return 0;
}

static int machine_fault(const cJSON *node, struct machine_fault *ret, struct error *err)
{
	static const char *const names[] = { "kind", "instance", NULL };
	const char *id;

	if (known(node, "fault", names, err) ||
	    text(node, "instance", sizeof(ret->id) - 1, &id, err))
		return -1;
	ret->all = id == NULL;
	snprintf(ret->id, sizeof(ret->id), "%s", id ? id : "");
	return 0;
}

int fault_parse(const struct cJSON *node, int64_t now_ms, struct any_fault *ret, struct error *err)
{
	static const struct {
		const char *name;
		enum wire_kind kind;
	} wires[] = { { "giant", WIRE_GIANT },
		      { "slow", WIRE_SLOW },
		      { "double", WIRE_DOUBLE },
		      { "skew", WIRE_SKEW } };
	struct any_fault fault = { .is_wire = false };
	const char *kind;

	if (!cJSON_IsObject(node))
		return error_set(err, ERROR_USAGE, "fault: expected an object");
	if (as_usage(json_string(node, "kind", 32, &kind, err), err))
		return error_prefix(err, "fault");
	for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
		if (strcmp(wires[i].name, kind) == 0) {
			fault.is_wire = true;
			fault.wire.kind = wires[i].kind;
			if (wire_fault(node, &fault.wire, err))
				return -1;
			*ret = fault;
			return 0;
		}
	}
	if (machine_fault_parse(kind) >= 0) {
		fault.is_machine = true;
		fault.machine.bits = (unsigned)machine_fault_parse(kind);
		if (machine_fault(node, &fault.machine, err))
			return -1;
		*ret = fault;
		return 0;
	}
	for (int i = 0; i < FAULT_KIND_COUNT; i++) {
		if (strcmp(fault_kind_name((enum fault_kind)i), kind) == 0) {
			fault.cloud.kind = (enum fault_kind)i;
			if (cloud_fault(node, now_ms, &fault.cloud, err))
				return -1;
			*ret = fault;
			return 0;
		}
	}
	error_set(err, ERROR_USAGE, "fault: unknown kind '%s'", kind);
	return error_hint(
		err,
		"error, html, delay, cut, lost, truncate, no-capacity, price, "
		"interrupt, event-stuck, event-error, no-image, short-regions, "
		"full-regions, bad-standing, giant, slow, double, skew, swap-host-key, hang, refuse, "
		"disconnect, heal");
}

static int quotas(const cJSON *root, struct scenario *ret, struct error *err)
{
	static const char *const names[] = { "standard", "g",	   "p", "standard-spot",
					     "g-spot",	 "p-spot", NULL };
	const cJSON *node = json_get(root, "quotas");

	for (int i = 0; i < CLOUD_QUOTA_COUNT; i++)
		ret->quota[i][0] = ret->quota[i][1] = -1;
	if (!node)
		return 0;
	if (known(node, "quotas", names, err))
		return -1;
	for (int i = 0; i < 2 * CLOUD_QUOTA_COUNT; i++) {
		if (number(node, names[i], 0, 1000000, -1,
			   &ret->quota[i % CLOUD_QUOTA_COUNT][i / CLOUD_QUOTA_COUNT], err))
			return -1;
	}
	return 0;
}

static int faults(const cJSON *root, int64_t now_ms, struct scenario *ret, struct error *err)
{
	const cJSON *list = json_get(root, "faults");

	if (!list)
		return 0;
	if (!cJSON_IsArray(list) || json_len(list) > SCENARIO_FAULTS_MAX)
		return error_set(err, ERROR_USAGE, "faults: expected a list of at most %d",
				 SCENARIO_FAULTS_MAX);
	ret->faults = xcalloc(json_len(list) + 1, sizeof(*ret->faults));
	for (const cJSON *node = json_first(list); node; node = json_next(node)) {
		if (fault_parse(node, now_ms, &ret->faults[ret->nr_faults], err))
			return error_prefix(err, "fault %zu", ret->nr_faults + 1);
		ret->nr_faults++;
	}
	return 0;
}

static int parse(const cJSON *root, int64_t now_ms, struct scenario *ret, struct error *err)
{
	static const char *const names[] = { "faults",		 "quotas",	   "boot_ms",
					     "visible_after_ms", "no_default_vpc", NULL };

	if (known(root, "scenario", names, err) || quotas(root, ret, err) ||
	    number(root, "boot_ms", 0, DELAY_MAX, 0, &ret->boot_ms, err) ||
	    number(root, "visible_after_ms", 0, DELAY_MAX, 0, &ret->visible_after_ms, err) ||
	    faults(root, now_ms, ret, err))
		return -1;
	ret->has_boot = json_get(root, "boot_ms") != NULL;
	if (json_get(root, "no_default_vpc"))
		return as_usage(json_bool(root, "no_default_vpc", &ret->no_default_vpc, err), err);
	return 0;
}

int scenario_parse(const char *body, size_t len, const char *name, int64_t now_ms,
		   struct scenario *ret, struct error *err)
{
	struct scenario scenario = { 0 };

	if (as_usage(json_parse(body, len, name, &scenario.json, err), err))
		return -1;
	if (parse(scenario.json.root, now_ms, &scenario, err)) {
		scenario_release(&scenario);
		return error_prefix(err, "'%s'", name);
	}
	*ret = scenario;
	return 0;
}

void scenario_release(struct scenario *scenario)
{
	free(scenario->faults);
	if (scenario->json.root)
		json_release(&scenario->json);
	*scenario = (struct scenario){ 0 };
}
