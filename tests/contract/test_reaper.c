/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass of the reaper over a cloud made by hand: what it must leave alone, and what changes
 * between its first look at the tags and the end. No machine answers here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "fleet/reaper.h"
#include "tests/contract/fake_provider.h"

#define OVER  "1599999000" /* before FAKE_START */
#define LATER "1600090000"

struct cloud {
	struct fake fake;
	struct provider_ops ops;
	struct tag tags[FAKE_MAX][4]; /* of each instance */
	size_t nr_tags[FAKE_MAX];
	unsigned asked;		       /* how often it was listed */
	void (*again)(struct cloud *); /* before it is asked the second time */
	bool second_fails, hidden_again;
};

static struct cloud *cloud; /* the slots have no context of their own */
static int (*fake_instances)(struct provider *p, const struct instance_query *query,
			     struct instance_list *ret, struct error *err);

static int instances(struct provider *p, const struct instance_query *query,
		     struct instance_list *ret, struct error *err)
{
	if (cloud->asked++ == 1) {
		if (cloud->again)
			cloud->again(cloud);
		if (cloud->second_fails)
			return error_set(err, ERROR_NETWORK, "no answer");
	}
	if (fake_instances(p, query, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < ret->nr; i++)
		for (size_t k = 0; k < cloud->fake.state->nr; k++)
			if (strcmp(ret->v[i].id, cloud->fake.state->v[k].id) == 0) {
				ret->v[i].tags = cloud->tags[k];
				ret->v[i].nr_tags = cloud->nr_tags[k];
				ret->v[i].public_ip = "";
				if (ret->v[i].state == INSTANCE_UNKNOWN)
					ret->v[i].state = INSTANCE_RUNNING;
			}
	if (cloud->asked == 2 && cloud->hidden_again)
		ret->nr = 0;
	return 0;
}

static int open_again(const struct provider_env *env, struct provider **ret, struct error *err)
{
	(void)env;
	(void)err;
	*ret = cloud->fake.p;
	return 0;
}

static void close_again(struct provider *p)
{
	(void)p;
}

static int set_tag(struct provider *p, const char *region, const char *id, const struct tag *tag,
		   struct error *err)
{
	(void)p;
	(void)region;
	(void)id;
	(void)tag;
	return error_set(err, ERROR_AUTH, "tags may not be set");
}

static void open_cloud(struct cloud *c)
{
	memset(c, 0, sizeof(*c));
	cloud = c;
	fake_open(&c->fake);
	c->fake.paths.data = xasprintf("%s/data", c->fake.dir);
	c->ops = *c->fake.fleet.ops;
	fake_instances = c->ops.instances;
	c->ops.instances = instances;
	c->ops.open = open_again;
	c->ops.close = close_again;
	c->ops.tag = set_tag;
}

static void close_cloud(struct cloud *c)
{
	char *data = c->fake.paths.data;

	fake_close(&c->fake);
	free(data);
}

static struct fake_instance *add(struct cloud *c, const char *launch_id, const char *key,
				 const char *value)
{
	struct fake_instance *one = fake_instance_add(&c->fake, launch_id, 7200);
	size_t i = (size_t)(one - c->fake.state->v);

	if (key)
		c->tags[i][c->nr_tags[i]++] = (struct tag){ key, value };
	return one;
}

static void tag(struct cloud *c, size_t i, const char *key, const char *value)
{
	for (size_t k = 0; k < c->nr_tags[i]; k++)
		if (strcmp(c->tags[i][k].key, key) == 0) {
			c->tags[i][k].value = value;
			return;
		}
	c->tags[i][c->nr_tags[i]++] = (struct tag){ key, value };
}

/* One pass; how many were ended. */
static unsigned pass(struct cloud *c, bool all_owners, struct reap_report *report)
{
	const struct provider_ops *before = c->fake.fleet.ops;
	const struct reap_options options = { .all_owners = all_owners, .period_s = 300 };
	const struct reap_events events = { 0 };
	struct error err = ERROR_INIT;

	c->asked = 0;
	c->fake.fleet.ops = &c->ops;
	if (reap_pass(&c->fake.fleet, &options, &events, report, &err) < 0)
		fail_msg("%s", err.message);
	c->fake.fleet.ops = before;
	return c->fake.state->terminates;
}

static void expired_is_ended(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	open_cloud(&c);
	struct fake_instance *one = add(&c, "l1", TAG_EXPIRES, OVER);
	assert_int_equal(pass(&c, false, &report), 1);
	assert_true(one->gone && report.v[0].confirmed);
	assert_int_equal(report.v[0].decision.verdict, REAP_TERMINATE);
	reap_report_release(&report);
	assert_int_equal(pass(&c, false, &report), 1); /* and no second time */
	assert_int_equal(report.nr, 0);
	reap_report_release(&report);
	close_cloud(&c);
}

static void what_is_not_ours(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	open_cloud(&c);
	struct fake_instance *untagged = add(&c, "", TAG_EXPIRES, OVER);
	struct fake_instance *foreign = add(&c, "l2", TAG_EXPIRES, OVER);
	struct fake_instance *nobodys = add(&c, "l3", TAG_EXPIRES, OVER);
	snprintf(foreign->owner, sizeof(foreign->owner), "other");
	nobodys->owner[0] = '\0';
	assert_int_equal(pass(&c, false, &report), 0);
	reap_report_release(&report);
	assert_int_equal(pass(&c, true, &report), 1);
	assert_true(foreign->gone && !untagged->gone && !nobodys->gone);
	reap_report_release(&report);
	close_cloud(&c);
}

/* Half of what r2 holds was told before it fell silent: none of it is touched, r1 is. */
static void half_a_listing(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	open_cloud(&c);
	struct fake_instance *here = add(&c, "l1", TAG_EXPIRES, OVER);
	struct fake_instance *there = add(&c, "l2", TAG_EXPIRES, OVER);
	snprintf(there->region, sizeof(there->region), "r2");
	c.fake.state->region_down = true;
	assert_int_equal(pass(&c, false, &report), 1);
	assert_true(here->gone && !there->gone);
	assert_int_equal(report.list.nr_failures, 1);
	assert_string_equal(report.list.failures[0].region, "r2");
	reap_report_release(&report);
	c.fake.state->region_down = false;
	assert_int_equal(pass(&c, false, &report), 2);
	assert_true(there->gone);
	reap_report_release(&report);
	close_cloud(&c);
}

static void protect(struct cloud *c)
{
	tag(c, 0, TAG_PROTECT, "1");
}

static void prolong(struct cloud *c)
{
	tag(c, 0, TAG_EXPIRES, LATER);
}

static void garble(struct cloud *c)
{
	tag(c, 0, TAG_EXPIRES, "\033[2J");
}

static void end_elsewhere(struct cloud *c)
{
	c->fake.state->v[0].gone = true;
}

/* What somebody did while machines were looked at counts. */
static void changed_meanwhile(void **state)
{
	static void (*const changes[])(struct cloud *) = { protect, prolong, garble,
							   end_elsewhere };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct reap_report report;
		struct cloud c;

		open_cloud(&c);
		add(&c, "l1", TAG_EXPIRES, OVER);
		c.again = changes[i];
		assert_int_equal(pass(&c, false, &report), 0);
		assert_int_equal(c.asked, 2);
		assert_int_equal(report.v[0].decision.verdict, REAP_KEEP);
		reap_report_release(&report);
		close_cloud(&c);
	}
}

static void cannot_be_asked_again(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		open_cloud(&c);
		struct fake_instance *one = add(&c, "l1", TAG_EXPIRES, OVER);
		c.second_fails = i == 0;
		c.hidden_again = i == 1;
		assert_int_equal(pass(&c, false, &report), 0);
		assert_false(one->gone);
		assert_int_not_equal(report.v[0].err.kind, ERROR_NONE);
		reap_report_release(&report);
		close_cloud(&c);
	}
}

/* An idle limit, and nobody who answers: kept, told once a day. */
static void unreachable_is_kept(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	open_cloud(&c);
	struct fake_instance *one = add(&c, "l1", TAG_IDLE, "1800");
	for (int i = 0; i < 20; i++) {
		assert_int_equal(pass(&c, false, &report), 0);
		assert_false(report.v[0].look->reached);
		assert_int_equal(report.v[0].judgement.verdict, IDLE_UNKNOWN);
		assert_true(report.v[0].trouble[0]);
		assert_int_equal(report.v[0].tell, i == 0);
		reap_report_release(&report);
		c.fake.state->now_ms += INT64_C(600000);
	}
	c.fake.state->now_ms += INT64_C(86400000);
	pass(&c, false, &report);
	assert_true(report.v[0].tell && !one->gone);
	reap_report_release(&report);
	close_cloud(&c);
}

static void not_confirmed(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	open_cloud(&c);
	add(&c, "l1", TAG_EXPIRES, OVER);
	c.fake.state->keeps_running = true;
	pass(&c, false, &report);
	assert_true(report.v[0].acted && !report.v[0].confirmed);
	reap_report_release(&report);
	c.fake.state->keeps_running = false;
	c.fake.state->refuses_end = true;
	pass(&c, false, &report);
	assert_true(report.v[0].acted && !report.v[0].confirmed);
	assert_int_equal(report.v[0].err.kind, ERROR_AUTH);
	reap_report_release(&report);
	close_cloud(&c);
}

/* The tag that says when it was stopped cannot be set: it is not stopped, for it would stay so. */
static void stop_needs_its_tag(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	open_cloud(&c);
	struct fake_instance *one = add(&c, "l1", TAG_STOPPED, "1599900000");
	pass(&c, false,
	     &report); /* runs again: the old tag could not be cleared, and that is said */
	assert_true(report.v[0].trouble[0] && !one->gone);
	reap_report_release(&report);
	one->state = INSTANCE_STOPPED; /* stopped by us a day ago */
	assert_int_equal(pass(&c, false, &report), 1);
	reap_report_release(&report);
	assert_int_equal(c.fake.state->stops, 0);
	close_cloud(&c);
}

/* What a person stopped is theirs: told once a day with what its disk bills, and never ended. */
static void stopped_by_hand(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	open_cloud(&c);
	struct fake_instance *one = add(&c, "l1", TAG_EXPIRES, OVER);
	struct fake_leftover *disk = fake_leftover_add(&c.fake, LEFTOVER_VOLUME, "vol", "l1", 100);
	snprintf(disk->attached, sizeof(disk->attached), "%s", one->id);
	tag(&c, 0, TAG_IDLE, "1800-stop");
	tag(&c, 0, TAG_BUDGET, "1");
	one->state = INSTANCE_STOPPED;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pass(&c, false, &report), 0);
		assert_int_equal(report.v[0].decision.verdict, REAP_KEEP);
		assert_int_equal(report.v[0].tell, i != 1);
		assert_non_null(strstr(report.v[0].trouble,
				       i != 1 ? "about $0.24 a day" : "its disks bill on"));
		reap_report_release(&report);
		c.fake.state->now_ms += i == 0 ? INT64_C(86399000) : 1000;
	}
	assert_false(one->gone);
	close_cloud(&c);
}

/* Trouble that is found late in a pass is told as seldom as any other. */
static void trouble_once_a_day(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	open_cloud(&c);
	struct fake_instance *one = add(&c, "l1", TAG_BUDGET, "100000");
	one->launched = 0; /* so what it cost is not known */
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pass(&c, false, &report), 0);
		assert_non_null(strstr(report.v[0].trouble, "its cost is not known"));
		assert_int_equal(report.v[0].tell, i == 0);
		reap_report_release(&report);
		c.fake.state->now_ms += 300000;
	}
	/* Well, and unwell again: told at once. */
	tag(&c, 0, TAG_BUDGET, "0");
	c.nr_tags[0] = 0;
	pass(&c, false, &report);
	assert_false(report.v[0].trouble[0]);
	reap_report_release(&report);
	tag(&c, 0, TAG_BUDGET, "100000");
	pass(&c, false, &report);
	assert_true(report.v[0].tell);
	reap_report_release(&report);
	close_cloud(&c);
}

static unsigned tags_set;

static int count_tag(struct provider *p, const char *region, const char *id, const struct tag *tag,
		     struct error *err)
{
	(void)p;
	(void)region;
	(void)id;
	(void)err;
	tags_set += strcmp(tag->key, TAG_STOPPED) == 0 && strcmp(tag->value, "0") == 0;
	return 0;
}

static void mark_anew(struct cloud *c)
{
	tag(c, 0, TAG_STOPPED, "1599999999");
}

static void stop_elsewhere(struct cloud *c)
{
	c->fake.state->v[0].state = INSTANCE_STOPPING;
}

/* Another computer's reap marks it, and stops it a moment later: the mark is not taken off. */
static void a_mark_of_a_moment_ago_stays(void **state)
{
	static const struct {
		const char *mark;
		void (*again)(struct cloud *);
		unsigned cleared;
	} cases[] = {
		{ "1599999999", NULL, 0 },	     { "1599999401", NULL, 0 },
		{ "1599999400", NULL, 1 },	     { "1599999400", mark_anew, 0 },
		{ "1599999400", stop_elsewhere, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reap_report report;
		struct cloud c;

		open_cloud(&c);
		add(&c, "l1", TAG_STOPPED, cases[i].mark);
		c.ops.tag = count_tag;
		c.again = cases[i].again;
		tags_set = 0;
		assert_int_equal(pass(&c, false, &report), 0);
		assert_int_equal(tags_set, cases[i].cleared);
		reap_report_release(&report);
		close_cloud(&c);
	}
}

/* Under another owner's name than they were launched with: that must not look like all is well. */
static void overdue_ones_of_others(void **state)
{
	struct reap_report report;
	struct cloud c;

	(void)state;
	open_cloud(&c);
	for (int i = 0; i < 3; i++)
		snprintf(add(&c, "l1", TAG_EXPIRES, i == 2 ? LATER : OVER)->owner, 64, "%s",
			 i ? "bob" : "alice");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pass(&c, false, &report), 0);
		assert_int_equal(report.others, 3);
		assert_int_equal(report.others_overdue, 2);
		assert_string_equal(report.others_names, "alice, bob");
		assert_int_equal(report.tell_others, i != 1);
		reap_report_release(&report);
		c.fake.state->now_ms += i == 0 ? 300000 : INT64_C(86400000);
	}
	/* With one of ours there, it is run by the right one. */
	add(&c, "l2", NULL, NULL);
	pass(&c, false, &report);
	assert_true(report.others == 3 && !report.tell_others);
	reap_report_release(&report);
	close_cloud(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expired_is_ended),
		cmocka_unit_test(what_is_not_ours),
		cmocka_unit_test(half_a_listing),
		cmocka_unit_test(changed_meanwhile),
		cmocka_unit_test(cannot_be_asked_again),
		cmocka_unit_test(unreachable_is_kept),
		cmocka_unit_test(not_confirmed),
		cmocka_unit_test(stop_needs_its_tag),
		cmocka_unit_test(stopped_by_hand),
		cmocka_unit_test(trouble_once_a_day),
		cmocka_unit_test(overdue_ones_of_others),
		cmocka_unit_test(a_mark_of_a_moment_ago_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
