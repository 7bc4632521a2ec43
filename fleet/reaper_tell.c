/* SPDX-License-Identifier: Apache-2.0 */
/* Why a policy cannot be followed, or what bills though nothing ends it: told once a day. */
#include <inttypes.h>
#include <stdio.h>

#include "core/money.h"
#include "fleet/idle_store.h"
#include "fleet/reaper_internal.h"
#include "fleet/stop.h"

#define BOOTING_S    INT64_C(900) /* one that does not answer for so long is no trouble yet */
#define TELL_EVERY_S INT64_C(86400)
#define CENT	     (USD_MICROS / 100)
#define OTHERS_KEY   "others" /* no instance's id: marks of what is not ours */

/* Once a day. */
static bool is_to_tell(struct pass *pass, const struct instance *instance, int64_t now)
{
	int64_t told = pass_marked(pass, instance, IDLE_MARK_TROUBLE);

	if (told && told <= now && now - told < TELL_EVERY_S)
		return false;
	pass_mark(pass, instance, IDLE_MARK_TROUBLE, now);
	return true;
}

void pass_trouble(struct pass *pass, struct reap_item *item, const char *text)
{
	if (item->trouble[0])
		return;
	snprintf(item->trouble, sizeof(item->trouble), "%.390s", text);
	item->tell = is_to_tell(pass, &item->instance, item->facts.now);
}

static const char *per_day(char text[MONEY_TEXT_MAX], int64_t per_hour)
{
	return money_format(text, (per_hour * 24 + CENT / 2) / CENT * CENT, 2);
}

/* What its disks cost is asked for when it is told, and no oftener. */
static void tell_disks(struct pass *pass, struct reap_item *item)
{
	char price[MONEY_TEXT_MAX], size[32] = "";
	uint64_t gib = 0;
	int64_t per_hour = stop_disk_price(pass->fleet, &item->instance, &gib);

	if (per_hour == MONEY_UNKNOWN)
		return;
	if (gib)
		snprintf(size, sizeof(size), " (%" PRIu64 " GiB)", gib);
	snprintf(item->trouble, sizeof(item->trouble),
		 "stopped, but not by 'reap', and left so; its disks%s bill on, about $%s a day. "
		 "To end it: gpucloud terminate %s",
		 size, per_day(price, per_hour), item->instance.id);
}

/* Being off saves nothing there. */
static void tell_off(struct pass *pass, struct reap_item *item)
{
	char price[MONEY_TEXT_MAX], text[390];

	snprintf(text, sizeof(text),
		 "it is off, which saves nothing with %s: it bills as before%s%s%s. To end it: "
		 "gpucloud terminate %s",
		 pass->fleet->ops->title, item->instance.price > 0 ? ", $" : "",
		 item->instance.price > 0 ? per_day(price, item->instance.price) : "",
		 item->instance.price > 0 ? " a day" : "", item->instance.id);
	pass_trouble(pass, item, text);
}

void pass_tell_stopped(struct pass *pass, struct reap_item *item)
{
	if (item->trouble[0])
		return;
	if (item->facts.off_bills == OFF_BILLS_ALL) {
		tell_off(pass, item);
		return;
	}
	pass_trouble(pass, item, "stopped, but not by 'reap', and left so; its disks bill on");
	if (item->tell || pass->options->dry_run)
		tell_disks(pass, item);
}

/* Nobody here knows what is to become of it: a person does. */
void pass_tell_policy_unknown(struct pass *pass, struct reap_item *item)
{
	char text[390];

	snprintf(text, sizeof(text),
		 "policy unknown: %s keeps no tags, and this computer's journal knows nothing of "
		 "it, so nothing here ends it. Say until when it may run: gpucloud hold %s TIME; "
		 "or end it: gpucloud terminate %s",
		 pass->fleet->ops->title, item->instance.id, item->instance.id);
	pass_trouble(pass, item, text);
}

/* Something that keeps its policy from ever being followed is worth a word. */
void pass_tell_unknown(struct pass *pass, struct reap_item *item)
{
	const struct idle_judgement *judgement = &item->judgement;
	const char *hint = item->look->reached ? "" : item->look->err.hint;
	char text[390];

	if (judgement->verdict != IDLE_UNKNOWN ||
	    item->facts.now - item->instance.launched < BOOTING_S)
		return;
	for (size_t i = 0; i < judgement->nr; i++) {
		if (judgement->facts[i].verdict != IDLE_UNKNOWN)
			continue;
		snprintf(text, sizeof(text),
			 "whether it is idle is not known: %.30s: %.120s%s%.190s",
			 judgement->facts[i].name, judgement->facts[i].value, hint[0] ? "; " : "",
			 hint);
		pass_trouble(pass, item, text);
		return;
	}
}

/* After all that may find one: what is well again is told at once the next time it is not. */
void pass_forget_trouble(struct pass *pass, struct reap_item *item)
{
	if (!item->trouble[0] && pass_marked(pass, &item->instance, IDLE_MARK_TROUBLE))
		pass_mark(pass, &item->instance, IDLE_MARK_TROUBLE, 0);
}

/* Nothing is ours, and others' time is over: where nobody remembers, it is said every time. */
void pass_tell_others(struct pass *pass)
{
	struct reap_report *report = pass->report;
	const struct instance all = { .id = OTHERS_KEY };
	struct error ignored = ERROR_INIT;

	if (idle_store_open(pass->fleet->paths->state, &report->store_set_aside, &pass->store,
			    &ignored) < 0)
		pass->store = NULL;
	report->tell_others = is_to_tell(
		pass, &all, look_now(pass->fleet, pass->fleet->provider, report->list.v[0].region));
	error_clear(&report->store_err);
}
