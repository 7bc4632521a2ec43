/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/doctor.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/money.h"
#include "core/timefmt.h"
#include "fleet/journal.h"
#include "fleet/launch.h"

#define SKEW_WARN_MS 60000

struct doctor {
	struct fleet *fleet;
	const struct doctor_report *report;
	enum error_kind first;
};

const char *check_status_name(enum check_status status)
{
	static const char *const names[] = { "ok", "warn", "fail", "skip" };

	return names[status];
}

static void tell(struct doctor *doctor, const char *name, enum check_status status,
		 const char *repair, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void tell(struct doctor *doctor, const char *name, enum check_status status,
		 const char *repair, const char *fmt, ...)
{
	struct check check = { .name = name, .status = status };
	va_list args;

	va_start(args, fmt);
	vsnprintf(check.detail, sizeof(check.detail), fmt, args);
	va_end(args);
	snprintf(check.repair, sizeof(check.repair), "%s", repair);
	doctor->report->check(doctor->report->ctx, &check);
}

static void tell_error(struct doctor *doctor, const char *name, const struct error *err,
		       const char *repair)
{
	if (doctor->first == ERROR_NONE)
		doctor->first = err->kind;
	tell(doctor, name, CHECK_FAIL, err->hint[0] ? err->hint : repair, "%s", err->message);
}

static void check_journal(struct doctor *doctor)
{
	struct launch_rows rows = { 0 };
	struct error err = ERROR_INIT;

	if (fleet_journal(doctor->fleet, &err) < 0 ||
	    journal_launches(doctor->fleet->journal, LAUNCH_OPEN, NULL, &rows, &err) < 0) {
		tell_error(doctor, "journal", &err, "");
		return;
	}
	if (rows.nr)
		tell(doctor, "journal", CHECK_WARN, "gpucloud list",
		     "%zu interrupted launch%s in %s", rows.nr, rows.nr == 1 ? "" : "es",
		     doctor->fleet->paths->state);
	else
		tell(doctor, "journal", CHECK_OK, "", "%s", doctor->fleet->paths->state);
	launch_rows_release(&rows);
}

static void check_ssh_key(struct doctor *doctor, const char *ssh_key)
{
	if (ssh_key)
		tell(doctor, "ssh key", CHECK_OK, "", "%s", ssh_key);
	else
		tell(doctor, "ssh key", CHECK_OK, "",
		     "none of yours: 'gpucloud ssh' logs in with its own, %s/id_ed25519",
		     doctor->fleet->paths->data);
}

/* Credentials, account and clock in one request that needs no permission. */
static bool check_account(struct doctor *doctor)
{
	struct account account = { 0 };
	struct error err = ERROR_INIT;
	struct fleet *fleet = doctor->fleet;
	char text[TIME_TEXT_MAX];

	if (fleet->ops->account(fleet->provider, &account, &err) < 0) {
		tell_error(doctor, "credentials", &err, "");
		tell(doctor, "clock", CHECK_SKIP, "", "needs working credentials");
		return false;
	}
	tell(doctor, "credentials", CHECK_OK, "", "%s: %s (account %s)%s%s", account.source,
	     account.principal, account.id, account.expires ? ", until " : "",
	     account.expires ? time_format(text, account.expires) : "");
	tell(doctor, "endpoint", CHECK_OK, "", "%s", account.endpoint);
	if (llabs(account.skew_ms) > SKEW_WARN_MS)
		tell(doctor, "clock", CHECK_WARN, "timedatectl set-ntp true",
		     "this clock is %s %s the cloud's; requests are signed with the cloud's time",
		     duration_format(text, llabs(account.skew_ms) / 1000),
		     account.skew_ms > 0 ? "behind" : "ahead of");
	else
		tell(doctor, "clock", CHECK_OK, "", "within %lld s of the cloud's",
		     (long long)(llabs(account.skew_ms) / 1000 + 1));
	account_release(&account);
	return true;
}

static void check_quota(struct doctor *doctor, const char *region, const char *type, unsigned vcpus,
			bool spot)
{
	struct fleet *fleet = doctor->fleet;
	struct quota quota = { 0 };
	struct error err = ERROR_INIT;
	char name[48];

	snprintf(name, sizeof(name), "quota %.*s %s", (int)strcspn(type, "."), type,
		 spot ? "spot" : "on demand");
	if (fleet->ops->quota(fleet->provider, region, type, vcpus, spot, &quota, &err) < 0) {
		tell(doctor, name, CHECK_WARN, err.hint, "not known: %s", err.message);
		return;
	}
	if (!quota.known) {
		tell(doctor, name, CHECK_WARN, "", "the cloud does not say (%s)", quota.code);
		return;
	}
	char repair[160] = "";
	if (strcmp(fleet->ops->name, "aws") == 0)
		snprintf(repair, sizeof(repair),
			 "aws service-quotas request-service-quota-increase --service-code ec2 "
			 "--quota-code %s --desired-value %u --region %s",
			 quota.code, vcpus, region);
	else
		snprintf(repair, sizeof(repair), "ask %s for more: %s", fleet->ops->title,
			 quota.code);
	bool enough = quota.limit >= quota.need;
	tell(doctor, name, enough ? CHECK_OK : CHECK_WARN, enough ? "" : repair,
	     "%s in %s: %.0f %s, one %s needs %.0f", quota.name, region, quota.limit, quota.unit,
	     type, quota.need);
}

/* The cloud itself is asked whether a launch would be allowed; it makes nothing. */
static void check_permission(struct doctor *doctor, const char *region)
{
	struct fleet *fleet = doctor->fleet;
	struct launch_plan plan = { 0 };
	struct error err = ERROR_INIT;
	const struct plan_options options = { .region = region, .on_demand = MONEY_UNKNOWN };
	const struct launch_options launch = { .ssh_port = 22 };
	const struct launch_events events = { 0 };
	char repair[80];

	snprintf(repair, sizeof(repair), "docs/%s.md says what rights it needs", fleet->ops->name);
	if (strcmp(fleet->ops->name, "aws") == 0)
		snprintf(repair, sizeof(repair),
			 "docs/aws-policy.json holds the least policy it needs");
	if (launch_plan_make(fleet, &options, &plan, &err) < 0 ||
	    launch_rehearse(fleet, &plan, &launch, &events, &err) < 0)
		tell_error(doctor, "permission", &err, repair);
	else
		tell(doctor, "permission", CHECK_OK, "", "launching %s in %s would be allowed",
		     plan.offer.type, region);
	launch_plan_release(&plan);
}

/* A small one and a large one; where the cloud has other types, its cheapest. */
static void check_quotas(struct doctor *doctor, const char *region)
{
	static const struct {
		const char *type;
		unsigned vcpus;
	} samples[] = { { "g4dn.xlarge", 4 }, { "p3.2xlarge", 8 } };
	unsigned caps = doctor->fleet->ops->caps;

	if (strcmp(doctor->fleet->ops->name, "aws") == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
			for (int spot = 1; spot >= 0; spot--)
				check_quota(doctor, region, samples[i].type, samples[i].vcpus,
					    spot);
		return;
	}
	struct launch_plan plan = { 0 };
	struct error err = ERROR_INIT;
	const struct plan_options options = { .region = region, .on_demand = MONEY_UNKNOWN };
	if (launch_plan_make(doctor->fleet, &options, &plan, &err) == 0)
		for (int spot = (caps & PROVIDER_CAP_SPOT) != 0; spot >= 0; spot--)
			check_quota(doctor, region, plan.offer.type, plan.offer.vcpus, spot);
	launch_plan_release(&plan);
}

/* Nothing can be rehearsed there: that it answers with what it offers is what can be seen. */
static void check_offers(struct doctor *doctor, const char *region)
{
	struct fleet *fleet = doctor->fleet;
	struct launch_plan plan = { 0 };
	struct error err = ERROR_INIT;
	const struct plan_options options = { .region = region, .on_demand = MONEY_UNKNOWN };
	char price[MONEY_TEXT_MAX];

	if (launch_plan_make(fleet, &options, &plan, &err) < 0)
		tell_error(doctor, "offers", &err, "gpucloud price");
	else
		tell(doctor, "offers", CHECK_OK, "",
		     "cheapest with a GPU in %s: %s, $%s/h; whether a launch would be allowed, %s "
		     "does not say before",
		     region, plan.offer.type,
		     plan.offer.on_demand == MONEY_UNKNOWN
			     ? "?"
			     : money_format(price, plan.offer.on_demand, 4),
		     fleet->ops->title);
	launch_plan_release(&plan);
}

/* Where the time limit alone leaves something that bills, somebody must run `reap`. */
static void check_ends(struct doctor *doctor)
{
	const struct provider_ops *ops = doctor->fleet->ops;

	if (ops->time_limit == TIME_LIMIT_STOPS)
		tell(doctor, "time limit", CHECK_WARN, "gpucloud reap, from cron: docs/reap.md",
		     "%s turns a machine off at its time limit; its disk bills on until 'reap' or "
		     "'terminate'",
		     ops->title);
	else if (ops->time_limit == TIME_LIMIT_NONE)
		tell(doctor, "time limit", CHECK_WARN, "gpucloud reap, from cron: docs/reap.md",
		     "with %s a machine that is off bills as before: only 'reap' or 'terminate' "
		     "ends it",
		     ops->title);
	if (!(ops->caps & PROVIDER_CAP_TAGS))
		tell(doctor, "policies", CHECK_OK, "",
		     "%s keeps no tags: what is to become of an instance is in this computer's "
		     "journal",
		     ops->title);
}

enum error_kind doctor_run(struct fleet *fleet, const char *region, const char *ssh_key,
			   const struct doctor_report *report)
{
	struct doctor doctor = { .fleet = fleet, .report = report };
	struct error err = ERROR_INIT;

	check_journal(&doctor);
	check_ssh_key(&doctor, ssh_key);
	if (!region && fleet->ops->default_region(fleet->provider, &region, &err) < 0)
		tell_error(&doctor, "region", &err, "");
	else
		tell(&doctor, "region", CHECK_OK, "", "%s", region);
	bool known = check_account(&doctor);
	if (!known || !region)
		return doctor.first;
	if (fleet->ops->caps & PROVIDER_CAP_QUOTA)
		check_quotas(&doctor, region);
	if (fleet->ops->caps & PROVIDER_CAP_DRY_RUN)
		check_permission(&doctor, region);
	else
		check_offers(&doctor, region);
	check_ends(&doctor);
	return doctor.first;
}
