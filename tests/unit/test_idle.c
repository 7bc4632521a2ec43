/* SPDX-License-Identifier: Apache-2.0 */
/* Idle or not: every case starts from an idle machine and changes one thing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/idle.h"

#define START  INT64_C(1700000000)
#define MINUTE INT64_C(60)
#define LOOKS  8

/* Seen every five minutes, doing nothing; the last look is `now`. */
static void idle_machine(struct probe *looks, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct probe *look = &looks[i];

		memset(look, 0, sizeof(*look));
		*look = (struct probe){
			.taken = START + (int64_t)i * 5 * MINUTE,
			.whole = true,
			.boot_id = "0b4c5a52-2f4e-4d0e-8d7c-1f3a7a3b9c11",
			.uptime_s = 7200 + (int64_t)i * 5 * MINUTE,
			.gpus_known = true,
			.nr_gpus = 8,
			.gpu_processes = 1,
			.gpu_process_cpu_ms = 5000,
			.cpus = 8,
			.load_milli = 20,
			.cpu_busy_ms = 1000,
			.net_bytes = 1000000 + (int64_t)i * 60000,
			.disk_bytes = 5000000,
			.users_known = true,
			.job = PROBE_JOB_NONE,
			.ttl_left_s = 3600,
		};
	}
}

static const int64_t last = START + (LOOKS - 1) * 5 * MINUTE;

struct change {
	const char *what;
	enum idle_verdict verdict;
	const char *says; /* in the reason */
	void (*change)(struct probe *looks);
};

static void nothing(struct probe *looks)
{
	(void)looks;
}

static void one_gpu_of_eight(struct probe *looks)
{
	looks[LOOKS - 1].gpus[7].busy_percent = 97;
}

static void gpu_at_threshold(struct probe *looks)
{
	looks[LOOKS - 1].gpus[0].busy_percent = 5;
}

static void gpu_below_threshold(struct probe *looks)
{
	for (size_t i = 0; i < LOOKS; i++)
		looks[i].gpus[0].busy_percent = 4;
}

static void gpu_busy_before(struct probe *looks)
{
	looks[LOOKS - 3].gpus[2].busy_percent = 50;
}

static void gpu_busy_long_before(struct probe *looks)
{
	looks[0].gpus[2].busy_percent = 50;
}

static void smi_hung(struct probe *looks)
{
	looks[LOOKS - 1].gpus_known = false;
	looks[LOOKS - 1].whole = false;
	snprintf(looks[LOOKS - 1].trouble, sizeof(looks->trouble), "nvidia-smi timed out");
}

static void mig(struct probe *looks)
{
	for (size_t i = 0; i < LOOKS; i++) {
		looks[i].gpus[0].busy_percent = PROBE_UNKNOWN;
		looks[i].gpus[0].mig = true;
	}
}

static void mig_and_busy_cpu(struct probe *looks)
{
	mig(looks);
	looks[LOOKS - 1].load_milli = 7900;
}

static void busy_cpu(struct probe *looks)
{
	looks[LOOKS - 1].load_milli = 800;
}

static void load_unknown(struct probe *looks)
{
	looks[LOOKS - 1].load_milli = PROBE_UNKNOWN;
}

static void no_cpus(struct probe *looks)
{
	looks[LOOKS - 1].cpus = 0;
}

static void gpu_process_computes(struct probe *looks)
{
	/* 20 s of CPU in 300 s: a data loader between two steps, while the GPU reads 0 %. */
	looks[LOOKS - 1].gpu_process_cpu_ms += 20000;
}

static void gpu_process_naps(struct probe *looks)
{
	for (size_t i = 0; i < LOOKS; i++)
		looks[i].gpu_process_cpu_ms += (int64_t)i * 3000; /* 1 % of a CPU: a notebook */
}

static void gpu_process_new(struct probe *looks)
{
	for (size_t i = 0; i < LOOKS - 1; i++) {
		looks[i].gpu_processes = 0;
		looks[i].gpu_process_cpu_ms = 0;
	}
	looks[LOOKS - 1].gpu_process_cpu_ms = 60000;
}

static void processes_unknown(struct probe *looks)
{
	looks[LOOKS - 1].gpu_processes = PROBE_UNKNOWN;
}

static void total_fell(struct probe *looks)
{
	looks[LOOKS - 1].gpu_process_cpu_ms = 10; /* the old process ended, another began */
}

static void typing(struct probe *looks)
{
	looks[LOOKS - 1].nr_users = 1;
	looks[LOOKS - 1].users[0] = (struct probe_user){ "ada", "pts/0", 0 };
}

static void away(struct probe *looks)
{
	for (size_t i = 0; i < LOOKS; i++) {
		looks[i].nr_users = 1;
		looks[i].users[0] = (struct probe_user){ "ada", "tmux", 8 * 3600 };
	}
}

static void tty_unknown(struct probe *looks)
{
	looks[LOOKS - 1].nr_users = 1;
	looks[LOOKS - 1].users[0] = (struct probe_user){ "ada", "pts/0", PROBE_UNKNOWN };
}

static void users_unknown(struct probe *looks)
{
	looks[LOOKS - 1].users_known = false;
}

static void downloading(struct probe *looks)
{
	looks[LOOKS - 1].net_bytes += INT64_C(1) << 30;
}

static void writing(struct probe *looks)
{
	looks[LOOKS - 1].disk_bytes += INT64_C(10) << 30;
}

static void counter_backwards(struct probe *looks)
{
	looks[LOOKS - 1].net_bytes = 5;
}

static void counter_missing(struct probe *looks)
{
	looks[LOOKS - 2].disk_bytes = PROBE_UNKNOWN;
}

static void setting_up(struct probe *looks)
{
	looks[LOOKS - 1].job = PROBE_JOB_SETUP;
}

static void job_running(struct probe *looks)
{
	looks[LOOKS - 1].job = PROBE_JOB_RUNNING;
}

static void job_done(struct probe *looks)
{
	for (size_t i = 0; i < LOOKS; i++)
		looks[i].job = PROBE_JOB_DONE;
}

static void job_unknown(struct probe *looks)
{
	looks[LOOKS - 1].job = PROBE_JOB_UNKNOWN;
}

static void young(struct probe *looks)
{
	looks[LOOKS - 1].uptime_s = 599;
}

static void uptime_unknown(struct probe *looks)
{
	looks[LOOKS - 1].uptime_s = PROBE_UNKNOWN;
}

static void partial(struct probe *looks)
{
	looks[LOOKS - 1].whole = false;
	snprintf(looks[LOOKS - 1].trouble, sizeof(looks->trouble), "the answer was cut");
}

static void rebooted(struct probe *looks)
{
	snprintf(looks[LOOKS - 1].boot_id, sizeof(looks->boot_id), "another");
}

static void gap(struct probe *looks)
{
	/* Nobody looked for 40 minutes: what happened then is not known. */
	for (size_t i = 0; i < LOOKS - 2; i++)
		looks[i].taken -= 40 * MINUTE;
}

static void future(struct probe *looks)
{
	for (size_t i = 0; i < LOOKS; i++)
		looks[i].taken += 86400;
}

static void backwards(struct probe *looks)
{
	for (size_t i = 0; i + 1 < LOOKS; i++)
		looks[i].taken = last + 1; /* all but the newest are worth nothing */
}

static void stale(struct probe *looks)
{
	for (size_t i = 0; i < LOOKS; i++)
		looks[i].taken -= 3600;
}

static void no_gpus(struct probe *looks)
{
	for (size_t i = 0; i < LOOKS; i++)
		looks[i].nr_gpus = 0;
}

static const struct change changes[] = {
	{ "nothing", IDLE_IDLE, "idle for 35 min, seen by 8 looks", nothing },
	{ "a GPU just below the threshold", IDLE_IDLE, "idle", gpu_below_threshold },
	{ "a notebook that naps", IDLE_IDLE, "idle", gpu_process_naps },
	{ "somebody in tmux, away for hours", IDLE_IDLE, "idle", away },
	{ "a finished job", IDLE_IDLE, "idle", job_done },
	{ "no GPU at all", IDLE_IDLE, "idle", no_gpus },
	{ "busy before the window", IDLE_IDLE, "idle for 30 min", gpu_busy_long_before },

	{ "one of eight GPUs", IDLE_BUSY, "GPU 7: 97 %", one_gpu_of_eight },
	{ "a GPU at the threshold", IDLE_BUSY, "GPU 0: 5 %", gpu_at_threshold },
	{ "busy CPU, idle GPU", IDLE_BUSY, "load", busy_cpu },
	{ "busy CPU, GPU not known", IDLE_BUSY, "load", mig_and_busy_cpu },
	{ "a process with a GPU computes", IDLE_BUSY, "GPU processes", gpu_process_computes },
	{ "a new one", IDLE_BUSY, "GPU processes", gpu_process_new },
	{ "typing", IDLE_BUSY, "user ada on pts/0: typing now", typing },
	{ "downloading", IDLE_BUSY, "network", downloading },
	{ "writing", IDLE_BUSY, "disk", writing },
	{ "set-up", IDLE_BUSY, "job: set-up", setting_up },
	{ "a job", IDLE_BUSY, "job: running", job_running },
	{ "too young", IDLE_BUSY, "up", young },

	{ "busy ten minutes ago", IDLE_UNKNOWN, "so far", gpu_busy_before },
	{ "nvidia-smi hung", IDLE_UNKNOWN, "nvidia-smi timed out", smi_hung },
	{ "MIG", IDLE_UNKNOWN, "MIG", mig },
	{ "load not known", IDLE_UNKNOWN, "load", load_unknown },
	{ "no CPUs", IDLE_UNKNOWN, "load", no_cpus },
	{ "processes not known", IDLE_UNKNOWN, "GPU processes", processes_unknown },
	{ "CPU time fell", IDLE_UNKNOWN, "GPU processes", total_fell },
	{ "terminal not known", IDLE_UNKNOWN, "user ada", tty_unknown },
	{ "users not known", IDLE_UNKNOWN, "users", users_unknown },
	{ "counter ran backwards", IDLE_UNKNOWN, "network", counter_backwards },
	{ "counter missing", IDLE_UNKNOWN, "disk", counter_missing },
	{ "job not known", IDLE_UNKNOWN, "job", job_unknown },
	{ "uptime not known", IDLE_UNKNOWN, "up", uptime_unknown },
	{ "partial", IDLE_UNKNOWN, "the answer was cut", partial },
	{ "rebooted a moment ago", IDLE_UNKNOWN, "so far", rebooted },
	{ "a gap", IDLE_UNKNOWN, "so far", gap },
	{ "looks from the future", IDLE_UNKNOWN, "nobody", future },
	{ "times out of order", IDLE_UNKNOWN, "so far", backwards },
	{ "the last look an hour ago", IDLE_UNKNOWN, "the last look", stale },
};

static void each_change(void **state)
{
	const struct idle_policy policy = idle_policy_default(30 * MINUTE);

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct probe looks[LOOKS];
		struct idle_judgement judgement;

		idle_machine(looks, LOOKS);
		changes[i].change(looks);
		idle_judge(looks, LOOKS, &policy, last, &judgement);
		if (judgement.verdict != changes[i].verdict ||
		    !strstr(judgement.reason, changes[i].says))
			fail_msg("%s: %s (%s)", changes[i].what,
				 idle_verdict_name(judgement.verdict), judgement.reason);
		idle_judgement_release(&judgement);
	}
}

/* Both sides of the window and of the number of looks. */
static void bounds(void **state)
{
	struct idle_policy policy = idle_policy_default(35 * MINUTE);
	struct idle_judgement judgement;
	struct probe looks[LOOKS];

	(void)state;
	idle_machine(looks, LOOKS);
	idle_judge(looks, LOOKS, &policy, last, &judgement);
	assert_int_equal(judgement.verdict, IDLE_IDLE);
	assert_int_equal(judgement.looks, LOOKS);
	assert_int_equal(judgement.idle_since, START);
	idle_judgement_release(&judgement);

	policy.window_s++;
	idle_judge(looks, LOOKS, &policy, last, &judgement);
	assert_int_equal(judgement.verdict, IDLE_UNKNOWN);
	idle_judgement_release(&judgement);

	policy = idle_policy_default(5 * MINUTE);
	idle_judge(looks + LOOKS - 2, 2, &policy, last, &judgement);
	assert_int_equal(judgement.verdict, IDLE_UNKNOWN); /* three looks are wanted */
	idle_judgement_release(&judgement);
	idle_judge(looks + LOOKS - 3, 3, &policy, last, &judgement);
	assert_int_equal(judgement.verdict, IDLE_IDLE);
	idle_judgement_release(&judgement);

	idle_judge(NULL, 0, &policy, last, &judgement);
	assert_int_equal(judgement.verdict, IDLE_UNKNOWN);
	idle_judgement_release(&judgement);
}

static void evidence(void **state)
{
	const struct idle_policy policy = idle_policy_default(30 * MINUTE);
	struct idle_judgement judgement;
	struct probe looks[LOOKS];

	(void)state;
	idle_machine(looks, LOOKS);
	typing(looks);
	one_gpu_of_eight(looks);
	idle_judge(looks, LOOKS, &policy, last, &judgement);
	size_t busy = 0, gpus = 0;
	for (size_t i = 0; i < judgement.nr; i++) {
		busy += judgement.facts[i].verdict == IDLE_BUSY;
		gpus += strncmp(judgement.facts[i].name, "GPU ", 4) == 0 &&
			judgement.facts[i].name[4] != 'p';
	}
	assert_int_equal(busy, 2);
	assert_int_equal(gpus, 8);
	idle_judgement_release(&judgement);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change),
		cmocka_unit_test(bounds),
		cmocka_unit_test(evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
