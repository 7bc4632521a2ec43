/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/idle.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "core/timefmt.h"

#define APART_MIN_S INT64_C(900)

static const char *const names[] = {
	[IDLE_BUSY] = "busy", [IDLE_UNKNOWN] = "unknown", [IDLE_IDLE] = "idle"
};

const char *idle_verdict_name(enum idle_verdict verdict)
{
	return names[(unsigned)verdict < ARRAY_SIZE(names) ? verdict : IDLE_UNKNOWN];
}

struct idle_policy idle_policy_default(int64_t window_s)
{
	return (struct idle_policy){
		.window_s = window_s,
		.samples = 3,
		.most_apart_s = window_s / 2 > APART_MIN_S ? window_s / 2 : APART_MIN_S,
		.gpu_percent = 5,
		.gpu_process_cpu_percent = 5,
		.load_percent = 10,
		.net_bytes_s = 50000,
		.disk_bytes_s = 200000,
		.young_s = 600,
	};
}

void idle_judgement_release(struct idle_judgement *judgement)
{
	arena_release(&judgement->arena);
	memset(judgement, 0, sizeof(*judgement));
}

/* What is being judged: one look, with the one before it or NULL. */
struct judging {
	const struct idle_policy *policy;
	struct idle_judgement *ret; /* facts are kept where it is set */
	size_t cap;
	const struct probe *look, *before;
	enum idle_verdict worst; /* of this look */
};

/* Busy weighs more than unknown: one sign of work is enough, whatever else is not known. */
static void say(struct judging *j, enum idle_verdict verdict, const char *name, const char *value)
{
	struct idle_judgement *ret = j->ret;

	if (verdict < j->worst)
		j->worst = verdict;
	if (!ret)
		return;
	ret->facts = arena_grow(&ret->arena, ret->facts, ret->nr, &j->cap, sizeof(*ret->facts));
	ret->facts[ret->nr++] = (struct idle_fact){
		.name = arena_strdup(&ret->arena, name),
		.value = arena_strdup(&ret->arena, value),
		.verdict = verdict,
	};
}

static void judge_gpus(struct judging *j)
{
	const struct probe *look = j->look;
	char name[32], value[96];

	if (!look->gpus_known) {
		say(j, IDLE_UNKNOWN, "GPUs", "not known");
		return;
	}
	for (size_t i = 0; i < look->nr_gpus; i++) {
		const struct probe_gpu *gpu = &look->gpus[i];
		bool known = gpu->busy_percent >= 0;

		snprintf(name, sizeof(name), "GPU %zu", i);
		if (known)
			snprintf(value, sizeof(value), "%lld %%", (long long)gpu->busy_percent);
		else
			snprintf(value, sizeof(value), "not known%s",
				 gpu->mig ? ": divided by MIG" : "");
		say(j,
		    !known					  ? IDLE_UNKNOWN
		    : gpu->busy_percent >= j->policy->gpu_percent ? IDLE_BUSY
								  : IDLE_IDLE,
		    name, value);
	}
}

static void judge_load(struct judging *j)
{
	const struct probe *look = j->look;
	char value[96];

	if (look->load_milli < 0 || look->cpus < 1) {
		say(j, IDLE_UNKNOWN, "load", "not known");
		return;
	}
	int64_t percent = look->load_milli / 10 / look->cpus;
	snprintf(value, sizeof(value), "%lld.%02lld on %lld CPUs",
		 (long long)(look->load_milli / 1000), (long long)(look->load_milli % 1000 / 10),
		 (long long)look->cpus);
	say(j, percent >= j->policy->load_percent ? IDLE_BUSY : IDLE_IDLE, "load", value);
}

static void judge_users(struct judging *j)
{
	const struct probe *look = j->look;

	if (!look->users_known) {
		say(j, IDLE_UNKNOWN, "users", "not known");
		return;
	}
	for (size_t i = 0; i < look->nr_users; i++) {
		const struct probe_user *user = &look->users[i];
		char name[96], span[TIME_TEXT_MAX];

		snprintf(name, sizeof(name), "user %s on %s", user->name, user->tty);
		if (user->idle_s < 0) {
			say(j, IDLE_UNKNOWN, name, "idle time not known");
			continue;
		}
		say(j, user->idle_s < j->policy->window_s ? IDLE_BUSY : IDLE_IDLE, name,
		    user->idle_s ? duration_format(span, user->idle_s) : "typing now");
	}
}

static void judge_job(struct judging *j)
{
	static const char *const texts[] = {
		[PROBE_JOB_UNKNOWN] = "not known", [PROBE_JOB_NONE] = "none",
		[PROBE_JOB_SETUP] = "set-up runs", [PROBE_JOB_RUNNING] = "running",
		[PROBE_JOB_DONE] = "done",
	};
	enum probe_job job = j->look->job;

	say(j,
	    job == PROBE_JOB_NONE || job == PROBE_JOB_DONE ? IDLE_IDLE
	    : job == PROBE_JOB_UNKNOWN			   ? IDLE_UNKNOWN
							   : IDLE_BUSY,
	    "job", texts[(unsigned)job < ARRAY_SIZE(texts) ? job : PROBE_JOB_UNKNOWN]);
}

/* A counter of both looks as a rate a second; -1 where one of them is missing or it ran backwards. */
static int64_t rate(const struct judging *j, int64_t before, int64_t after)
{
	int64_t seconds = j->look->taken - j->before->taken;

	if (before < 0 || after < before || seconds <= 0)
		return -1;
	return (after - before) / seconds;
}

static void judge_rate(struct judging *j, const char *name, const char *unit, int64_t measured,
		       int64_t limit)
{
	char value[96];

	if (measured < 0) {
		say(j, IDLE_UNKNOWN, name, "not known");
		return;
	}
	snprintf(value, sizeof(value), "%lld %s", (long long)measured, unit);
	say(j, measured >= limit ? IDLE_BUSY : IDLE_IDLE, name, value);
}

/* What happened since the look before. */
static void judge_between(struct judging *j)
{
	const struct probe *a = j->before, *b = j->look;
	int64_t cpu = -1;

	if (b->taken - a->taken > j->policy->most_apart_s) {
		say(j, IDLE_UNKNOWN, "looks", "too far apart to know what was between them");
		return;
	}
	/* Processes that ended took their time with them: a total that fell says nothing. */
	if (b->gpu_processes == 0)
		cpu = 0;
	else if (b->gpu_processes > 0)
		cpu = rate(j, a->gpu_processes > 0 ? a->gpu_process_cpu_ms : 0,
			   b->gpu_process_cpu_ms);
	judge_rate(j, "GPU processes", "ms of CPU a second", cpu,
		   j->policy->gpu_process_cpu_percent * 10);
	judge_rate(j, "network", "bytes/s", rate(j, a->net_bytes, b->net_bytes),
		   j->policy->net_bytes_s);
	judge_rate(j, "disk", "bytes/s", rate(j, a->disk_bytes, b->disk_bytes),
		   j->policy->disk_bytes_s);
}

static enum idle_verdict judge_look(struct judging *j)
{
	const struct probe *look = j->look;
	char span[TIME_TEXT_MAX], value[TIME_TEXT_MAX + 16];

	j->worst = IDLE_IDLE;
	if (!look->whole)
		say(j, IDLE_UNKNOWN, "probe", *look->trouble ? look->trouble : "partial");
	if (look->uptime_s < 0) {
		say(j, IDLE_UNKNOWN, "up", "not known");
	} else if (look->uptime_s < j->policy->young_s) {
		snprintf(value, sizeof(value), "for only %s",
			 duration_format(span, look->uptime_s));
		say(j, IDLE_BUSY, "up", value);
	} else {
		say(j, IDLE_IDLE, "up", duration_format(span, look->uptime_s));
	}
	judge_gpus(j);
	judge_load(j);
	judge_users(j);
	judge_job(j);
	if (j->before)
		judge_between(j);
	return j->worst;
}

/* Looks of one boot, in order, none from the future: indices of the last run of them, newest first. */
static size_t pick(const struct probe *looks, size_t nr, int64_t now, const struct probe **picked)
{
	const struct probe *newest = NULL;
	size_t n = 0;

	for (size_t i = nr; i-- > 0;) {
		const struct probe *look = &looks[i];

		if (look->taken > now || (n && look->taken >= picked[n - 1]->taken))
			continue;
		if (!newest)
			newest = look;
		/* A look that could not tell its boot proves nothing about the ones before it. */
		if (strcmp(look->boot_id, newest->boot_id) != 0)
			break;
		picked[n++] = look;
	}
	return n;
}

static const char *first_fact(struct idle_judgement *ret, enum idle_verdict verdict)
{
	for (size_t i = 0; i < ret->nr; i++)
		if (ret->facts[i].verdict == verdict)
			return arena_printf(&ret->arena, "%s: %s", ret->facts[i].name,
					    ret->facts[i].value);
	return "";
}

static void conclude(struct idle_judgement *ret, const struct idle_policy *policy, int64_t now)
{
	char is[TIME_TEXT_MAX], want[TIME_TEXT_MAX];
	int64_t span = now - ret->idle_since;

	duration_format(is, span > 0 ? span : 0);
	duration_format(want, policy->window_s);
	if (ret->looks >= policy->samples && span >= policy->window_s) {
		ret->verdict = IDLE_IDLE;
		ret->reason =
			arena_printf(&ret->arena, "idle for %s, seen by %zu looks", is, ret->looks);
		return;
	}
	ret->verdict = IDLE_UNKNOWN;
	ret->reason = arena_printf(
		&ret->arena, "idle for %s so far, seen by %zu look%s; %s and %zu are wanted", is,
		ret->looks, ret->looks == 1 ? "" : "s", want, policy->samples);
}

void idle_judge(const struct probe *looks, size_t nr, const struct idle_policy *policy, int64_t now,
		struct idle_judgement *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->verdict = IDLE_UNKNOWN;
	ret->reason = "nobody has looked yet";
	if (nr == 0)
		return;
	const struct probe **picked = arena_alloc(&ret->arena, nr * sizeof(*picked));
	size_t n = pick(looks, nr, now, picked);
	if (n == 0)
		return;
	if (now - picked[0]->taken > policy->most_apart_s) {
		char span[TIME_TEXT_MAX];

		ret->reason = arena_printf(&ret->arena, "the last look was %s ago",
					   duration_format(span, now - picked[0]->taken));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct judging j = { .policy = policy, .look = picked[i] };

		/* Evidence is shown of the newest look, and of the one that ended the idle time. */
		j.before = i + 1 < n ? picked[i + 1] : NULL;
		j.ret = i == 0 ? ret : NULL;
		enum idle_verdict verdict = judge_look(&j);
		if (i == 0 && verdict != IDLE_IDLE) {
			ret->verdict = verdict;
			ret->reason = first_fact(ret, verdict);
			return;
		}
		/* The look itself was idle, but what came before it was not, or nobody knows. */
		if (verdict != IDLE_IDLE) {
			j.before = NULL;
			if (judge_look(&j) != IDLE_IDLE)
				break;
			ret->looks++;
			ret->idle_since = picked[i]->taken;
			break;
		}
		ret->looks++;
		ret->idle_since = picked[i]->taken;
	}
	conclude(ret, policy, now);
}
