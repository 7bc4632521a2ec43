/* SPDX-License-Identifier: Apache-2.0 */
#include "evil_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t deadline_of(const struct evil_case *evil_case)
{
	return evil_case->kind == ERROR_TIMEOUT ? EVIL_LATE_MS : EVIL_PATIENT_MS;
}

static int try_it(struct remote *remote, const struct evil_case *evil_case, struct fixture *fixture,
		  struct evil_seen *seen)
{
	struct remote_exit how = { .status = -1 };
	struct streams streams;
	char file[96];
	int rc = 0;

	streams_init(&streams);
	streams.out.text.max = sizeof(seen->out) - 1;
	streams.out.limit = 8 << 20;
	if (evil_case->what == TRY_EXEC)
		rc = run_command(remote, "true", &streams, deadline_of(evil_case), &how,
				 &seen->err);
	if (rc == 0 && evil_case->what == TRY_EXEC)
		assert_int_equal(how.code, evil_case->status);
	snprintf(seen->out, sizeof(seen->out), "%s", streams.out.text.data);
	if (evil_case->what == TRY_PULL)
		rc = remote_ssh.pull(remote, "there", seen->local, NULL, &seen->err);
	if (evil_case->what == TRY_PUSH) {
		snprintf(file, sizeof(file), "%s/file", fixture->dir);
		write_file(file, "content", 7, 0644);
		rc = remote_ssh.push(remote, file, "there", NULL, &seen->err);
	}
	streams_release(&streams);
	return rc;
}

static void check_words(const struct evil_case *evil_case, const struct evil_seen *seen)
{
	const struct error *err = &seen->err;
	const char *texts[] = { err->message, err->hint, err->code };

	if (evil_case->or_late && err->kind == ERROR_TIMEOUT)
		return;
	if (err->kind != evil_case->kind ||
	    (evil_case->code && strcmp(err->code, evil_case->code) != 0))
		fail_msg("%s: got %s, code '%s': %s", evil_case->name, error_kind_name(err->kind),
			 err->code, err->message);
	if (!strcmp(err->code, "WorkerDied"))
		fail_msg("%s: the worker died: %s", evil_case->name, err->message);
	if (err->kind != ERROR_NONE && !err->message[0])
		fail_msg("%s: no words", evil_case->name);
	if (evil_case->words && !strstr(err->message, evil_case->words))
		fail_msg("%s: '%s' is not in: %s", evil_case->name, evil_case->words, err->message);
	for (size_t i = 0; i < 3; i++)
		for (const char *p = texts[i]; *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				fail_msg("%s: a control character in: %s", evil_case->name,
					 texts[i]);
}

void evil_run(struct fixture *fixture, const struct evil_case *evil_case, struct evil_seen *seen)
{
	struct remote_target target = fixture_target(fixture);
	struct remote *remote = NULL;
	struct remote_seen host;
	struct evil_server server;
	struct key_parts parts;
	struct rusage usage;
	struct error err = ERROR_INIT;
	int before = count_children();

	memset(seen, 0, sizeof(*seen));
	error_clear(&seen->err);
	snprintf(seen->local, sizeof(seen->local), "%s/local", fixture->dir);
	remove_tree(seen->local);
	assert_int_equal(key_parse_private(fixture->host.private_pem.data,
					   fixture->host.private_pem.len, "host", &parts, &err),
			 0);
	evil_start(&server, &parts, evil_case->play);
	target.port = server.port;
	target.timeout_ms = deadline_of(evil_case);
	const char *const other[] = { fixture->other.public_line };
	if (evil_case->wrong_host)
		target.host_keys = other;
	int64_t start = now_ms();
	int rc = remote_ssh.connect(&target, &remote, &host, &seen->err);
	int64_t login = now_ms() - start;
	if (rc == 0 && evil_case->what == TRY_CONNECT && evil_case->kind != ERROR_NONE)
		fail_msg("%s: connected", evil_case->name);
	if (rc == 0)
		rc = try_it(remote, evil_case, fixture, seen);
	int64_t took = now_ms() - start;
	remote_ssh.close(remote);
	evil_stop(&server, seen->types, sizeof(seen->types), &seen->nr);
	print_message("  %-28s %5lld ms  %s\n", evil_case->name, (long long)took,
		      rc < 0 ? seen->err.message : "fine");
	assert_int_equal(rc, evil_case->kind == ERROR_NONE ? 0 : -1);
	check_words(evil_case, seen);
	assert_true(login < target.timeout_ms + 1000);
	if (evil_case->what == TRY_EXEC)
		assert_true(took - login < target.timeout_ms + EVIL_LEAVE_MS + 1000);
	assert_int_equal(count_children(), before);
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &usage), 0);
	assert_true(usage.ru_maxrss < EVIL_RSS_MAX_KB);
}
