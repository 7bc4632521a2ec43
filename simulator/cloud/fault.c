/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/fault.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/money.h"
#include "core/text.h"
#include "simulator/cloud/model.h"

static const char *const kind_names[FAULT_KIND_COUNT] = {
	[FAULT_ERROR] = "error",
	[FAULT_HTML] = "html",
	[FAULT_DELAY] = "delay",
	[FAULT_CUT] = "cut",
	[FAULT_LOST] = "lost",
	[FAULT_TRUNCATE] = "truncate",
	[FAULT_EVENT_STUCK] = "event-stuck",
	[FAULT_EVENT_ERROR] = "event-error",
	[FAULT_NO_CAPACITY] = "no-capacity",
	[FAULT_PRICE] = "price",
	[FAULT_INTERRUPT] = "interrupt",
	[FAULT_NO_IMAGE] = "no-image",
	[FAULT_SHORT_REGIONS] = "short-regions",
	[FAULT_FULL_REGIONS] = "full-regions",
	[FAULT_BAD_STANDING] = "bad-standing",
};

const char *fault_kind_name(enum fault_kind kind)
{
	return kind_names[kind];
}

static const char *keep(struct fault_entry *entry, size_t slot, const char *text)
{
	entry->strings[slot] = text ? xstrdup(text) : NULL;
	return entry->strings[slot];
}

void cloud_fault_add(struct cloud *cloud, const struct fault *fault)
{
	struct fault_entry *entry;

	cloud->faults = xgrow(cloud->faults, cloud->nr_faults, &cloud->cap_faults, sizeof(*entry));
	entry = &cloud->faults[cloud->nr_faults++];
	memset(entry, 0, sizeof(*entry));
	entry->fault = *fault;
	if (fault->kind == FAULT_ERROR) {
		entry->fault.status = fault->status ? fault->status : 500;
		entry->fault.code = fault->code ? fault->code : "InternalError";
		entry->fault.message =
			fault->message ? fault->message : "An error made by the scenario.";
	}
	if (fault->kind == FAULT_EVENT_ERROR && !fault->message)
		entry->fault.message = "The scenario let this fail.";
	entry->fault.service = keep(entry, 0, fault->service);
	entry->fault.action = keep(entry, 1, fault->action);
	entry->fault.code = keep(entry, 2, entry->fault.code);
	entry->fault.message = keep(entry, 3, entry->fault.message);
	entry->fault.zone = keep(entry, 4, fault->zone);
	entry->fault.type = keep(entry, 5, fault->type);
	cloud_recheck_prices(cloud);
}

void cloud_faults_release(struct cloud *cloud)
{
	for (size_t i = 0; i < cloud->nr_faults; i++) {
		for (size_t n = 0; n < ARRAY_SIZE(cloud->faults[i].strings); n++)
			free(cloud->faults[i].strings[n]);
	}
	free(cloud->faults);
	cloud->faults = NULL;
	cloud->nr_faults = cloud->cap_faults = 0;
}

static bool is_reply_fault(const struct fault *fault)
{
	return fault->kind < FAULT_NO_CAPACITY;
}

static bool in_window(const struct fault *fault, int64_t t_ms)
{
	return t_ms >= fault->from_ms && (fault->until_ms == 0 || t_ms < fault->until_ms);
}

static bool same_or_any(const char *pattern, const char *text)
{
	return !pattern || text_glob(pattern, text);
}

/* Takes one turn of an entry; true when the fault strikes. */
static bool strikes(struct cloud *cloud, struct fault_entry *entry, const char *service,
		    const char *action)
{
	const struct fault *fault = &entry->fault;
	uint64_t first = fault->first ? fault->first : 1;

	if (!is_reply_fault(fault) || !same_or_any(fault->service, service) ||
	    !same_or_any(fault->action, action) || !in_window(fault, cloud->now_ms))
		return false;
	entry->turns++;
	if (entry->turns < first || (fault->count && entry->turns >= first + fault->count))
		return false;
	if (fault->probability <= 0 || fault->probability >= 1)
		return true;
	return rng_unit(&cloud->rng) < fault->probability;
}

static void write_html(const struct fault *fault, struct cloud_reply *reply)
{
	reply->status = fault->status ? fault->status : 503;
	reply->content_type = "text/html";
	buf_clear(&reply->body);
	buf_addf(&reply->body,
		 "<html>\n<head><title>%d Service Trouble</title></head>\n"
		 "<body><h1>%d Service Trouble</h1><hr>gateway<br></body>\n</html>\n",
		 reply->status, reply->status);
}

bool fault_begin(struct cloud *cloud, const char *service, const char *action,
		 struct fault_turn *turn, const struct fault **ret, struct cloud_reply *reply)
{
	bool replaced = false;

	memset(turn, 0, sizeof(*turn));
	*ret = NULL;
	for (size_t i = 0; i < cloud->nr_faults; i++) {
		const struct fault *fault = &cloud->faults[i].fault;

		/* every fault takes its turn, also behind one that has struck */
		if (!strikes(cloud, &cloud->faults[i], service, action))
			continue;
		turn->delay_ms += fault->delay_ms;
		turn->lost |= fault->kind == FAULT_LOST;
		turn->truncate |= fault->kind == FAULT_TRUNCATE;
		turn->event_stuck |= fault->kind == FAULT_EVENT_STUCK;
		if (fault->kind == FAULT_EVENT_ERROR)
			turn->event_error = fault->message;
		if (replaced)
			continue;
		if (fault->kind == FAULT_ERROR) {
			*ret = fault;
			replaced = true;
		} else if (fault->kind == FAULT_HTML) {
			write_html(fault, reply);
			replaced = true;
		} else if (fault->kind == FAULT_CUT) {
			reply->status = 503;
			turn->lost = true;
			replaced = true;
		}
	}
	return replaced;
}

void fault_end(const struct fault_turn *turn, struct cloud_reply *reply)
{
	reply->delay_ms += turn->delay_ms;
	if (turn->lost) {
		reply->cut = true;
		reply->cut_after = 0;
	} else if (turn->truncate) {
		reply->cut = true;
		reply->cut_after = reply->body.len / 2 ? reply->body.len / 2 : 1;
	}
}

bool fault_applies(const struct fault *fault, enum fault_kind kind, const char *type,
		   const char *zone)
{
	return fault->kind == kind && same_or_any(fault->service, "ec2") &&
	       same_or_any(fault->type, type) && same_or_any(fault->zone, zone);
}

const struct fault *fault_holds(const struct cloud *cloud, const char *service,
				enum fault_kind kind, const char *type, const char *zone)
{
	for (size_t i = 0; i < cloud->nr_faults; i++) {
		const struct fault *fault = &cloud->faults[i].fault;

		if (fault->kind == kind && same_or_any(fault->service, service) &&
		    same_or_any(fault->type, type) && same_or_any(fault->zone, zone) &&
		    in_window(fault, cloud->now_ms))
			return fault;
	}
	return NULL;
}

bool fault_no_capacity(const struct cloud *cloud, const char *type, const char *zone, int64_t t_ms)
{
	for (size_t i = 0; i < cloud->nr_faults; i++) {
		const struct fault *fault = &cloud->faults[i].fault;

		if (fault_applies(fault, FAULT_NO_CAPACITY, type, zone) && in_window(fault, t_ms))
			return true;
	}
	return false;
}

int64_t fault_price(const struct cloud *cloud, const char *type, const char *zone, int64_t t_ms,
		    int64_t price)
{
	for (size_t i = 0; i < cloud->nr_faults; i++) {
		const struct fault *fault = &cloud->faults[i].fault;

		if (price != MONEY_UNKNOWN && fault_applies(fault, FAULT_PRICE, type, zone) &&
		    in_window(fault, t_ms))
			price = fault->price_micros; /* the last one wins */
	}
	return price;
}
