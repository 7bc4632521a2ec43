/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace's replies: machines, events, and pages of lists. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/mem.h"
#include "core/timefmt.h"
#include "simulator/cloud/paperspace.h"

#define GIB	  1073741824.0
#define GB	  1e9
#define LIMIT	  20 /* unless said */
#define LIMIT_MAX 120
#define USED_GB	  18 /* what the system fills of a disk */

void paper_out_time(struct cJSON *node, const char *name, int64_t ms)
{
	char text[TIME_TEXT_MAX], all[TIME_TEXT_MAX + 8];

	if (!ms) {
		cJSON_AddNullToObject(node, name);
		return;
	}
	time_format(text, ms / 1000);
	text[strlen(text) - 1] = '\0'; /* its Z */
	snprintf(all, sizeof(all), "%s.%03dZ", text, (int)(ms % 1000));
	cJSON_AddStringToObject(node, name, all);
}

static void text_or_null(cJSON *node, const char *name, const char *text)
{
	if (text && *text)
		cJSON_AddStringToObject(node, name, text);
	else
		cJSON_AddNullToObject(node, name);
}

static void out_accelerators(cJSON *node, const struct paper_type *type)
{
	cJSON *list, *one;

	if (!type->gpus) {
		cJSON_AddNullToObject(node, "accelerators");
		return;
	}
	list = cJSON_AddArrayToObject(node, "accelerators");
	one = cJSON_CreateObject();
	cJSON_AddStringToObject(one, "name", type->accelerator);
	cJSON_AddNumberToObject(one, "memory", type->gpu_gib * GIB);
	cJSON_AddNumberToObject(one, "count", type->gpus);
	cJSON_AddItemToArray(list, one);
}

/* What it costs by the hour: the only place where the API says so. */
static void out_rates(cJSON *node, const struct paper_machine *machine)
{
	cJSON_AddNumberToObject(node, "usageRate", (double)machine->type->usd_per_hour / 1e6);
	cJSON_AddNumberToObject(node, "storageRate",
				(double)paper_disk_price(machine->disk_gb) / 1e6);
	cJSON_AddNumberToObject(node, "storageTotal", machine->disk_gb * GB);
	cJSON_AddNumberToObject(node, "storageUsed", USED_GB * GB);
}

static void out_policy(cJSON *node, const struct paper_machine *machine)
{
	cJSON_AddBoolToObject(node, "autoShutdownEnabled", machine->auto_off);
	if (machine->auto_hours) {
		cJSON_AddNumberToObject(node, "autoShutdownTimeout", (double)machine->auto_hours);
		cJSON_AddBoolToObject(node, "autoShutdownForce", machine->auto_force);
	} else {
		cJSON_AddNullToObject(node, "autoShutdownTimeout");
		cJSON_AddNullToObject(node, "autoShutdownForce");
	}
	cJSON_AddBoolToObject(node, "autoSnapshotEnabled", false);
	cJSON_AddNullToObject(node, "autoSnapshotFrequency");
	cJSON_AddNullToObject(node, "autoSnapshotSaveCount");
	cJSON_AddBoolToObject(node, "restorePointEnabled", false);
	cJSON_AddNullToObject(node, "restorePointFrequency");
	cJSON_AddNullToObject(node, "restorePointSnapshotId");
}

struct cJSON *paper_out_machine(const struct paperspace *ps, const struct paper_machine *machine)
{
	static const char *const ip_types[] = { "static", "dynamic", "none" };
	cJSON *node = cJSON_CreateObject();

	cJSON_AddStringToObject(node, "id", machine->id);
	cJSON_AddStringToObject(node, "name", machine->name);
	cJSON_AddStringToObject(node, "state", paper_state_name(machine->state));
	cJSON_AddStringToObject(node, "os", machine->template->os);
	cJSON_AddStringToObject(node, "machineType", machine->type->name);
	cJSON_AddStringToObject(node, "agentType", "LinuxHeadless");
	cJSON_AddNumberToObject(node, "cpus", machine->type->cpus);
	cJSON_AddNumberToObject(node, "ram", machine->type->ram_gib * GIB);
	out_accelerators(node, machine->type);
	cJSON_AddStringToObject(node, "region", paper_region_label(ps->cloud, machine->region));
	cJSON_AddNullToObject(node, "networkId");
	cJSON_AddStringToObject(node, "privateIp", machine->private_ip);
	text_or_null(node, "publicIp", machine->public_ip);
	cJSON_AddStringToObject(node, "publicIpType", ip_types[machine->ip_type]);
	out_rates(node, machine);
	out_policy(node, machine);
	cJSON_AddBoolToObject(node, "updatesPending", false);
	cJSON_AddNullToObject(node, "reservation");
	paper_out_time(node, "dtCreated", machine->began_ms);
	paper_out_time(node, "dtModified", machine->modified_ms);
	paper_out_time(node, "dtDeleted", machine->ended_ms);
	return node;
}

struct cJSON *paper_out_event(const struct paper_event *event)
{
	static const char *const names[] = { [PAPER_NEW] = "new",
					     [PAPER_IN_PROGRESS] = "in progress",
					     [PAPER_DONE] = "done",
					     [PAPER_ERROR] = "error",
					     [PAPER_CANCELLED] = "cancelled" };
	cJSON *node = cJSON_CreateObject();

	cJSON_AddStringToObject(node, "id", event->id);
	cJSON_AddStringToObject(node, "name", event->name);
	cJSON_AddStringToObject(node, "state", names[event->progress]);
	cJSON_AddStringToObject(node, "machineId", event->machine_id);
	text_or_null(node, "error", event->progress == PAPER_ERROR ? event->error : NULL);
	paper_out_time(node, "dtCreated", event->created_ms);
	paper_out_time(node, "dtStarted", event->started_ms);
	paper_out_time(node, "dtFinished", event->finished_ms);
	return node;
}

void paper_reply_op(const struct paperspace *ps, const struct rest_call *call,
		    const struct paper_machine *machine, const struct paper_event *event)
{
	cJSON *body = cJSON_CreateObject();

	cJSON_AddItemToObject(body, "data", paper_out_machine(ps, machine));
	if (event)
		cJSON_AddItemToObject(body, "event", paper_out_event(event));
	rest_reply(call, 200, body);
}

/* --- pages --------------------------------------------------------------------------------- */

/* What the four parameters of every list say. */
struct paging {
	size_t limit;
	const char *by;
	bool up;
	bool has_after;
	size_t after; /* the last one that was seen */
};

static int wrong(const struct rest_call *call, const char *name, const char *message)
{
	paper_error_issue(call->reply, name, message);
	return -1;
}

static bool whole(const char *text, int base, size_t max, size_t *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, base);
	*ret = n;
	return *text && strspn(text, "0123456789abcdef") == strlen(text) && !*end && !errno &&
	       n <= max;
}

static int read_paging(const struct paper_page *page, const struct rest_call *call,
		       struct paging *ret)
{
	const char *after = rest_query(call, "after"), *limit = rest_query(call, "limit");
	const char *by = rest_query(call, "orderBy"), *order = rest_query(call, "order");
	size_t n = strlen(page->name), i = 0;

	*ret = (struct paging){ .limit = LIMIT, .by = page->orders[0] };
	if (limit && (!whole(limit, 10, LIMIT_MAX, &ret->limit) || ret->limit == 0))
		return wrong(call, "limit", "Number must be whole, and from 1 to 120");
	while (by && page->orders[i] && strcmp(page->orders[i], by) != 0)
		i++;
	if (!page->orders[i])
		return wrong(call, "orderBy", "The list cannot be ordered by this");
	ret->by = page->orders[i];
	if (order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0)
		return wrong(call, "order", "Expected 'asc' | 'desc'");
	ret->up = order && strcmp(order, "asc") == 0;
	if (!after)
		return 0;
	ret->has_after = true;
	if (strncmp(after, page->name, n) != 0 || after[n] != '-' ||
	    !whole(after + n + 1, 16, page->nr ? page->nr - 1 : 0, &ret->after) || !page->nr)
		return wrong(call, "after", "The cursor is none of this list");
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct paper_row *left = a, *right = b;
	int order = left->key ? strcmp(left->key, right->key) : 0;

	return order ? order : left->index < right->index ? -1 : left->index > right->index;
}

static struct paper_row row_of(const struct paper_page *page, const char *by, size_t i)
{
	struct paper_row row = { .index = i, .item = page->item(page->ps, i) };

	row.key = page->key ? page->key(row.item, by) : NULL;
	return row;
}

/* Everything in the list that comes after the cursor, ordered. */
static size_t gather(const struct paper_page *page, const struct rest_call *call,
		     const struct paging *paging, struct paper_row *rows)
{
	struct paper_row last = { 0 };
	size_t nr = 0;

	if (paging->has_after)
		last = row_of(page, paging->by, paging->after);
	for (size_t i = 0; i < page->nr; i++) {
		struct paper_row row = row_of(page, paging->by, i);
		int side = paging->has_after ? by_key(&row, &last) : 0;

		if (paging->has_after && (paging->up ? side <= 0 : side >= 0))
			continue;
		if (page->in(page, call, row.item))
			rows[nr++] = row;
	}
	qsort(rows, nr, sizeof(*rows), by_key);
	for (size_t i = 0; !paging->up && i < nr / 2; i++) {
		struct paper_row other = rows[i];

		rows[i] = rows[nr - 1 - i];
		rows[nr - 1 - i] = other;
	}
	return nr;
}

static int known_query(const struct paper_page *page, const struct rest_call *call)
{
	const char *known[12] = { "after", "limit", "orderBy", "order" };
	size_t nr = 4;

	for (size_t i = 0; page->filters[i]; i++)
		known[nr++] = page->filters[i];
	return rest_known_query(call, known);
}

void paper_list(struct paper_page *page, struct rest_call *call)
{
	const char *region = rest_query(call, "region");
	struct paging paging;
	struct paper_row *rows;
	cJSON *body, *items;
	size_t nr;

	page->region = region ? paper_region_parse(page->ps->cloud, region) : -1;
	if (known_query(page, call) || read_paging(page, call, &paging))
		return;
	if (region && page->region < 0) {
		wrong(call, "region", "There is no such region");
		return;
	}
	rows = xcalloc(page->nr + 1, sizeof(*rows));
	nr = gather(page, call, &paging, rows);
	body = cJSON_CreateObject();
	cJSON_AddBoolToObject(body, "hasMore", nr > paging.limit);
	items = cJSON_AddArrayToObject(body, "items");
	for (size_t i = 0; i < nr && i < paging.limit; i++)
		cJSON_AddItemToArray(items, page->out(page->ps, rows[i].item));
	if (nr > paging.limit) {
		char *next = xasprintf("%s-%zx", page->name, rows[paging.limit - 1].index);

		cJSON_AddStringToObject(body, "nextPage", next);
		free(next);
	}
	free(rows);
	rest_reply(call, 200, body);
}
