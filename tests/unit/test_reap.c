/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of an instance, from its tags to what becomes of it: most cases must keep it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/money.h"
#include "fleet/reap.h"
#include "fleet/spent.h"

#define NOW INT64_C(1700000000)

static void tags_are_read(void **state)
{
	const struct tag tags[] = {
		{ TAG_EXPIRES, "1700003600" }, { TAG_IDLE, "1800-stop" },
		{ TAG_BUDGET, "2050" },	       { TAG_HOLD, "1700001800" },
		{ TAG_PROTECT, "1" },	       { TAG_STOPPED, "1699999999" },
	};
	const struct instance instance = { .tags = tags, .nr_tags = 6 };
	const struct instance none = { .id = "i-1" };
	struct reap_policy policy;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(reap_policy_read(&instance, &policy, &err), 0);
	assert_int_equal(policy.expires, NOW + 3600);
	assert_int_equal(policy.idle_s, 1800);
	assert_true(policy.stop_first);
	assert_int_equal(policy.budget, 20500000);
	assert_int_equal(policy.hold, NOW + 1800);
	assert_int_equal(policy.stopped, NOW - 1);
	assert_true(policy.protected);
	assert_int_equal(reap_policy_read(&none, &policy, &err), 0);
	assert_int_equal(policy.expires + policy.idle_s + policy.budget + policy.hold, 0);
	assert_false(policy.protected);
}

/* One bad tag is told, and never read as a reason to end anything. */
static void bad_tags(void **state)
{
	static const char *const values[] = { "",     "-1",   "0",	  "1e9",
					      "soon", " 5",   "5 ",	  "99999999999999",
					      "0x10", "5;rm", "1800-halt" };
	static const char *const keys[] = { TAG_EXPIRES, TAG_IDLE, TAG_BUDGET, TAG_HOLD,
					    TAG_STOPPED };

	(void)state;
	for (size_t k = 0; k < 5; k++) {
		for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
			const struct tag tags[] = { { keys[k], values[i] }, { TAG_PROTECT, "0" } };
			const struct instance instance = { .tags = tags, .nr_tags = 2 };
			struct reap_policy policy;
			struct error err = ERROR_INIT;

			/* "0" takes a hold back, and says that it runs again. */
			if (strcmp(values[i], "0") == 0 && k >= 3) {
				assert_int_equal(reap_policy_read(&instance, &policy, &err), 0);
				continue;
			}
			if (reap_policy_read(&instance, &policy, &err) == 0)
				fail_msg("%s '%s' was read", keys[k], values[i]);
			assert_int_equal(err.kind, ERROR_PROTOCOL);
			assert_non_null(strstr(err.message, keys[k]));
			assert_int_equal(policy.expires + policy.idle_s + policy.budget +
						 policy.hold + policy.stopped,
					 0);
		}
	}
}

/* Whoever mends one must learn of the others. */
static void all_bad_tags_are_named(void **state)
{
	const struct tag tags[] = { { TAG_HOLD, "soon" },
				    { TAG_EXPIRES, "1700003600" },
				    { TAG_IDLE, "1800-halt" },
				    { TAG_BUDGET, "-1" } };
	const struct instance instance = { .tags = tags, .nr_tags = 4 };
	struct reap_policy policy;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(reap_policy_read(&instance, &policy, &err), -1);
	assert_int_equal(policy.expires, NOW + 3600);
	assert_non_null(strstr(err.message, TAG_HOLD " 'soon'"));
	assert_non_null(strstr(err.message, TAG_IDLE " '1800-halt'"));
	assert_non_null(strstr(err.message, TAG_BUDGET " '-1'"));
	assert_null(strstr(err.message, TAG_EXPIRES));
}

static const struct instance running = { .id = "i-1", .state = INSTANCE_RUNNING };
static const struct instance stopped = { .id = "i-1", .state = INSTANCE_STOPPED };
static const struct instance ending = { .id = "i-1", .state = INSTANCE_ENDING };
static const struct instance started = { .id = "i-1",
					 .state = INSTANCE_RUNNING,
					 .launched = NOW - REAP_FRESH_S + 1 };
static const struct instance started_before = { .id = "i-1",
						.state = INSTANCE_RUNNING,
						.launched = NOW - REAP_FRESH_S };
static const struct instance stopping = { .id = "i-1", .state = INSTANCE_STOPPING };
static const struct instance pending = { .id = "i-1", .state = INSTANCE_PENDING };
static const struct idle_judgement idle = { .verdict = IDLE_IDLE, .reason = "idle for 40 min" };
static const struct idle_judgement busy = { .verdict = IDLE_BUSY, .reason = "GPU 0: 80 %" };
static const struct idle_judgement unknown = { .verdict = IDLE_UNKNOWN, .reason = "no answer" };

struct case_ {
	const char *what;
	enum reap_verdict verdict;
	const char *says;
	struct reap_facts facts;
};

#define FACTS(inst, ...)                                                      \
	{                                                                     \
		.now = NOW, .instance = &(inst), .period_s = 300, __VA_ARGS__ \
	}
#define USD(x) ((int64_t)((x)*1000000))

static const struct case_ cases[] = {
	/* Kept. */
	{ "no policy", REAP_KEEP, "no idle limit", FACTS(running, .idle = &idle) },
	{ "busy", REAP_KEEP, "80 %", FACTS(running, .policy.idle_s = 1800, .idle = &busy) },
	{ "nobody knows", REAP_KEEP, "no answer",
	  FACTS(running, .policy.idle_s = 1800, .idle = &unknown, .warned = NOW - 9999) },
	{ "not reached", REAP_UNKNOWN, "busy", FACTS(running, .policy.idle_s = 1800) },
	{ "not reached, though warned", REAP_UNKNOWN, "busy",
	  FACTS(running, .policy.idle_s = 1800, .warned = NOW - 9999) },
	{ "held", REAP_KEEP, "held until",
	  FACTS(running, .policy = { .idle_s = 1800, .hold = NOW + 1 }, .idle = &idle,
		.warned = NOW - 600) },
	{ "protected", REAP_KEEP, "protected",
	  FACTS(running,
		.policy = { .idle_s = 1800,
			    .expires = NOW - 99,
			    .budget = USD(1),
			    .protected = true },
		.idle = &idle, .cost = USD(5), .rate = USD(1)) },
	{ "one second left", REAP_KEEP, "no idle limit",
	  FACTS(running, .policy.expires = NOW + 1) },
	{ "warned a moment ago", REAP_KEEP, "moment",
	  FACTS(running, .policy.idle_s = 1800, .idle = &idle, .warned = NOW - REAP_WARN_S + 1) },
	{ "ending", REAP_KEEP, "ending", FACTS(ending, .policy.expires = NOW - 99) },
	{ "stopped by hand", REAP_KEEP, "stopped", FACTS(stopped, .policy.idle_s = 1800) },
	{ "stopped by hand, time over", REAP_KEEP, "not by 'reap'",
	  FACTS(stopped, .policy.expires = NOW - 99999) },
	{ "stopping by hand, time over", REAP_KEEP, "not by 'reap'",
	  FACTS(stopping, .policy.expires = NOW - 99999) },
	{ "stopped by hand, budget passed", REAP_KEEP, "not by 'reap'",
	  FACTS(stopped, .policy.budget = USD(1), .cost = USD(5), .rate = USD(1)) },
	{ "stopped by us an hour ago", REAP_KEEP, "stopped for being idle; ends at",
	  FACTS(stopped, .policy = { .idle_s = 1800, .stopped = NOW - 3600 }) },
	{ "stopped by us an hour ago, time over", REAP_KEEP, "stopped for being idle",
	  FACTS(stopped, .policy = { .idle_s = 300, .stopped = NOW - 3600, .expires = NOW - 1 }) },
	{ "stopped by us a day ago, held", REAP_KEEP, "held until",
	  FACTS(stopped, .policy = { .stopped = NOW - REAP_STOPPED_S, .hold = NOW + 1 }) },
	{ "time over before it started", REAP_UNKNOWN, "before it started",
	  FACTS(started, .policy.expires = NOW - REAP_FRESH_S) },
	{ "time over before it started, and not reached", REAP_UNKNOWN, "before it started",
	  FACTS(started, .policy = { .expires = NOW - 99999, .idle_s = 1800 }) },
	{ "time over before it started, and busy", REAP_UNKNOWN, "before it started",
	  FACTS(started, .policy = { .expires = NOW - 99999, .idle_s = 1800 }, .idle = &busy) },
	{ "budget far", REAP_KEEP, "no idle limit",
	  FACTS(running, .policy.budget = USD(20), .cost = USD(5), .rate = USD(1)) },
	{ "budget, rate not known, not spent", REAP_KEEP, "no idle limit",
	  FACTS(running, .policy.budget = USD(20), .cost = USD(19.9), .rate = MONEY_UNKNOWN) },
	{ "cost not known", REAP_UNKNOWN, "not known",
	  FACTS(running, .policy.budget = USD(20), .cost = MONEY_UNKNOWN, .rate = USD(1)) },
	/* What nobody saw run may have been spent, or not. */
	{ "most of it not sure", REAP_UNKNOWN,
	  "$5.00 of its budget of $20.00 is spent, and perhaps $25.00",
	  FACTS(running, .policy.budget = USD(20), .cost = USD(25), .unsure = USD(20),
		.rate = USD(1)) },
	{ "not sure, and within all the same", REAP_KEEP, "no idle limit",
	  FACTS(running, .policy.budget = USD(20), .cost = USD(19), .unsure = USD(18),
		.rate = USD(1)) },
	{ "not sure, and busy", REAP_UNKNOWN, "perhaps",
	  FACTS(running, .policy = { .budget = USD(20), .idle_s = 1800 }, .idle = &busy,
		.cost = USD(25), .unsure = USD(20), .rate = USD(1)) },
	{ "booting", REAP_UNKNOWN, "busy", FACTS(pending, .policy.idle_s = 1800) },

	/* Warned. */
	{ "idle, not warned, cost not known", REAP_WARN, "idle",
	  FACTS(running, .policy = { .idle_s = 1800, .budget = USD(20) }, .idle = &idle,
		.cost = MONEY_UNKNOWN, .rate = MONEY_UNKNOWN) },
	{ "idle, not warned", REAP_WARN, "idle",
	  FACTS(running, .policy.idle_s = 1800, .idle = &idle) },
	{ "budget near", REAP_WARN, "budget",
	  FACTS(running, .policy.budget = USD(20), .cost = USD(19.85), .rate = USD(1)) },

	/* Ended. */
	{ "time over", REAP_TERMINATE, "time ended", FACTS(running, .policy.expires = NOW) },
	{ "time over, held", REAP_TERMINATE, "time ended",
	  FACTS(running, .policy = { .expires = NOW - 1, .hold = NOW + 9999 }) },
	{ "time over, nobody can look", REAP_TERMINATE, "time ended",
	  FACTS(running, .policy = { .expires = NOW - 1, .idle_s = 1800 }, .idle = &unknown) },
	{ "time over after it started", REAP_TERMINATE, "time ended",
	  FACTS(started, .policy.expires = NOW - 1) },
	{ "time over before it started, a while ago", REAP_TERMINATE, "time ended",
	  FACTS(started_before, .policy.expires = NOW - 99999) },
	{ "time over before it started, budget passed", REAP_TERMINATE, "budget",
	  FACTS(started, .policy = { .expires = NOW - 99999, .budget = USD(1) }, .cost = USD(2),
		.rate = USD(1)) },
	/* That what it costs is not known switches no other rule off. */
	{ "idle, warned, cost not known", REAP_TERMINATE, "idle",
	  FACTS(running, .policy = { .idle_s = 1800, .budget = USD(20) }, .idle = &idle,
		.warned = NOW - REAP_WARN_S, .cost = MONEY_UNKNOWN, .rate = MONEY_UNKNOWN) },
	{ "time over, cost not known", REAP_TERMINATE, "time ended",
	  FACTS(running, .policy = { .expires = NOW, .budget = USD(20) }, .cost = MONEY_UNKNOWN,
		.rate = MONEY_UNKNOWN) },
	{ "idle, warned", REAP_TERMINATE, "idle",
	  FACTS(running, .policy.idle_s = 1800, .idle = &idle, .warned = NOW - REAP_WARN_S) },
	{ "idle, warned, to be stopped", REAP_STOP, "idle",
	  FACTS(running, .policy = { .idle_s = 1800, .stop_first = true }, .idle = &idle,
		.warned = NOW - 600) },
	{ "hold over", REAP_TERMINATE, "idle",
	  FACTS(running, .policy = { .idle_s = 1800, .hold = NOW }, .idle = &idle,
		.warned = NOW - 600) },
	{ "stopped by us a day ago", REAP_TERMINATE, "a day ago",
	  FACTS(stopped, .policy = { .idle_s = 1800, .stopped = NOW - REAP_STOPPED_S }) },
	{ "budget passed", REAP_TERMINATE, "$20.01",
	  FACTS(running, .policy.budget = USD(20), .cost = USD(20.01), .rate = USD(1)) },
	{ "budget passed, and more is not sure", REAP_TERMINATE, "$20.01",
	  FACTS(running, .policy.budget = USD(20), .cost = USD(25), .unsure = USD(4.99),
		.rate = USD(1)) },
	{ "not sure of the budget, and idle", REAP_TERMINATE, "idle",
	  FACTS(running, .policy = { .budget = USD(20), .idle_s = 1800 }, .idle = &idle,
		.warned = NOW - 600, .cost = USD(25), .unsure = USD(20), .rate = USD(1)) },
	{ "budget passed by the next pass", REAP_TERMINATE, "budget",
	  FACTS(running, .policy.budget = USD(20), .cost = USD(19.95), .rate = USD(1)) },
	{ "budget passed, held", REAP_TERMINATE, "budget",
	  FACTS(running, .policy = { .budget = USD(20), .hold = NOW + 9999 }, .cost = USD(21),
		.rate = USD(1)) },
};

static void spent_tag(void **state)
{
	static const char *const bad[] = { "",
					   "-",
					   "5",
					   "5-",
					   "-5",
					   "5-0",
					   "+5-1700000000",
					   "5-1700000000 ",
					   "5--1700000000",
					   "100000001-1700000000",
					   "5-1700000000000",
					   "0x5-1700000000" };
	int64_t cents, at;

	(void)state;
	assert_true(spent_parse("106-1700000000", &cents, &at));
	assert_int_equal(cents, 106);
	assert_int_equal(at, 1700000000);
	assert_true(spent_parse("0-1", &cents, &at) && cents == 0 && at == 1);
	assert_true(spent_parse("100000000-999999999999", &cents, &at));
	assert_false(spent_parse(NULL, &cents, &at));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (spent_parse(bad[i], &cents, &at))
			fail_msg("'%s' was taken", bad[i]);
}

static void each_case(void **state)
{
	size_t kept = 0, nr = sizeof(cases) / sizeof(*cases);

	(void)state;
	for (size_t i = 0; i < nr; i++) {
		struct reap_decision decision;

		reap_decide(&cases[i].facts, &decision);
		if (decision.verdict != cases[i].verdict || !strstr(decision.reason, cases[i].says))
			fail_msg("%s: %s (%s)", cases[i].what, reap_verdict_name(decision.verdict),
				 decision.reason);
		kept += decision.verdict == REAP_KEEP || decision.verdict == REAP_UNKNOWN;
	}
	assert_true(kept * 2 > nr);
}

/* Of what nobody here knows the policy, nothing follows, whatever can still be read of it. */
static void unknown_policy(void **state)
{
	const struct instance instance = { .id = "i-1",
					   .state = INSTANCE_RUNNING,
					   .policy_unknown = true };
	const struct reap_facts facts = { .now = NOW,
					  .instance = &instance,
					  .policy = { .expires = NOW - 7200, .idle_s = 60 },
					  .cost = MONEY_UNKNOWN,
					  .rate = MONEY_UNKNOWN };
	struct reap_decision decision;

	(void)state;
	reap_decide(&facts, &decision);
	assert_int_equal(decision.verdict, REAP_UNKNOWN);
	assert_non_null(strstr(decision.reason, "not known here"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_policy),
		cmocka_unit_test(tags_are_read),
		cmocka_unit_test(bad_tags),
		cmocka_unit_test(all_bad_tags_are_named),
		cmocka_unit_test(spent_tag),
		cmocka_unit_test(each_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
