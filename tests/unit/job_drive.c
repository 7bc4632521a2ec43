/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet/job.h on a real connection, for tests of other languages:
 *
 *   job_drive ADDRESS PORT KEY-FILE HOST-KEY VERB ARGUMENTS
 *
 *   start ID COMMAND [--setup S] [--env NAME=VALUE] [--secret NAME] [--linger SECONDS] [--beside]
 *                    a secret's value comes by standard input
 *   look ID  list  follow ID  tail ID LINES  cancel ID SECONDS
 *
 * look and list print "ID state end code linger"; follow prints what the job prints, connects again where the
 * connection is lost ("cut" on standard error), and ends as the job did; errors end it with 120.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/mem.h"
#include "fleet/job.h"
#include "fleet/machine.h"
#include "ssh/worker.h"

#define FAILED	 120
#define CUTS_MAX 200

static struct ssh_key key;
static const char *host_key;
static struct remote_target target = { .user = "ubuntu", .nr_host_keys = 1, .timeout_ms = 10000 };
static struct machine machine;
static struct error err = ERROR_INIT;

static int fail(void)
{
	fprintf(stderr, "job_drive: %s (%s, %s)\n", err.message, err.code,
		error_kind_name(err.kind));
	return FAILED;
}

static int connect_machine(void)
{
	struct remote_seen seen;

	machine.ops = &remote_ssh;
	return remote_ssh.connect(&target, &machine.remote, &seen, &err);
}

static int print_out(void *ctx, bool err_stream, const char *data, size_t len, struct error *error)
{
	FILE *f = err_stream ? stderr : stdout;

	(void)ctx;
	if (fwrite(data, 1, len, f) != len || fflush(f) != 0)
		return error_errno(error, ERROR_IO, "cannot write");
	return 0;
}

static void show(const struct job *job)
{
	static const char *const states[] = { "starting", "setup", "running", "done", "lost" };
	static const char *const ends[] = { "none", "exit", "signal", "setup", "cancelled" };
	static const char *const lingers[] = { "none", "set", "other", "no-ttl", "failed" };

	printf("%s %s %s %d %s%s\n", job->id, states[job->state], ends[job->end], job->code,
	       lingers[job->linger], job->rebooted ? " rebooted" : "");
}

static int start(char **args, int nr)
{
	struct job_spec spec = { .command = args[1] };
	struct job_pair env[16];
	struct job_secret secret = { .name = NULL };
	char value[4096];
	bool beside = false;

	spec.env = env;
	spec.secrets = &secret;
	for (int i = 2; i < nr; i++) {
		char *next = i + 1 < nr ? args[i + 1] : NULL;

		if (strcmp(args[i], "--beside") == 0) {
			beside = true;
			continue;
		}
		if (!next)
			return FAILED;
		if (strcmp(args[i], "--setup") == 0)
			spec.setup = next;
		else if (strcmp(args[i], "--linger") == 0)
			spec.linger_s = strtol(next, NULL, 10);
		else if (strcmp(args[i], "--env") == 0 && spec.nr_env < ARRAY_SIZE(env)) {
			char *value_of = strchr(next, '=');

			if (!value_of)
				return FAILED;
			*value_of = '\0';
			env[spec.nr_env++] = (struct job_pair){ next, value_of + 1 };
		} else if (strcmp(args[i], "--secret") == 0) {
			secret.name = next;
			secret_set(&secret.value, value, fread(value, 1, sizeof(value), stdin));
			spec.nr_secrets = 1;
		}
		i++;
	}
	int rc = job_start(&machine, args[0], &spec, beside, &err);
	secret_release(&secret.value);
	return rc < 0 ? fail() : 0;
}

static int follow(const char *id)
{
	const struct job_sink sink = { .write = print_out };
	struct job_place place = { 0 };
	struct job job;

	for (int cuts = 0; job_follow(&machine, id, &place, true, &sink, &job, &err) < 0;) {
		if (err.kind != ERROR_NETWORK || ++cuts > CUTS_MAX)
			return fail();
		fprintf(stderr, "cut\n");
		do {
			machine.ops->close(machine.remote);
			machine.remote = NULL;
			clock_sleep_ms(&clock_system, 50);
			error_clear(&err);
		} while (connect_machine() < 0 && err.kind == ERROR_NETWORK && ++cuts < CUTS_MAX);
		if (!machine.remote)
			return fail();
	}
	int code = job_exit_code(&job);
	job_release(&job);
	return code < 0 ? 119 : code;
}

static int list(void)
{
	struct job *v;
	size_t nr;

	if (job_list(&machine, &v, &nr, &err) < 0)
		return fail();
	for (size_t i = 0; i < nr; i++) {
		show(&v[i]);
		job_release(&v[i]);
	}
	free(v);
	return 0;
}

static int run(const char *verb, char **args, int nr)
{
	struct job_place place;
	struct job job;
	bool was;

	if (strcmp(verb, "list") == 0)
		return list();
	if (nr < 1)
		return FAILED;
	if (strcmp(verb, "follow") == 0)
		return follow(args[0]);
	if (strcmp(verb, "look") == 0) {
		if (job_look(&machine, args[0], &job, &err) < 0)
			return fail();
		show(&job);
		job_release(&job);
		return 0;
	}
	if (nr < 2)
		return FAILED;
	if (strcmp(verb, "start") == 0)
		return start(args, nr);
	if (strcmp(verb, "tail") == 0) {
		if (job_tail(&machine, args[0], (unsigned)strtoul(args[1], NULL, 10), &place,
			     &err) < 0)
			return fail();
		printf("%llu %llu\n", (unsigned long long)place.out, (unsigned long long)place.err);
		return 0;
	}
	if (strcmp(verb, "cancel") == 0) {
		if (job_cancel(&machine, args[0], (int)strtol(args[1], NULL, 10), &was, &err) < 0)
			return fail();
		printf("%s\n", was ? "was running" : "had ended");
		return 0;
	}
	return FAILED;
}

int main(int argc, char **argv)
{
	int rc;

	if (ssh_worker_asked(argc, argv))
		return ssh_worker_main();
	if (argc < 6)
		return FAILED;
	if (ssh_key_load(argv[3], &key, &err) < 0)
		return fail();
	host_key = argv[4];
	target.address = argv[1];
	target.port = (uint16_t)strtoul(argv[2], NULL, 10);
	target.host_keys = &host_key;
	target.login_key = &key;
	rc = connect_machine() < 0 ? fail() : run(argv[5], argv + 6, argc - 6);
	if (machine.remote)
		machine.ops->close(machine.remote);
	ssh_key_release(&key);
	return rc;
}
