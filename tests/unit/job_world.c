/* SPDX-License-Identifier: Apache-2.0 */
#include "job_world.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/file.h"
#include "core/mem.h"

#define BOOT "8144d298-762e-4ea7-9bf8-5c6c6eb957b5\n"

/* One command: its three pipes. */
struct running {
	pid_t pid;
	int in, out, err;
	char input[4096];
	size_t at, len;
	long given, taken;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void start(struct job_world *world, const char *command, struct running *run)
{
	int in[2], out[2], err[2];
	char *shims = xasprintf("%s/shims:%s", world->dir, getenv("PATH"));

	assert_int_equal(pipe(in) | pipe(out) | pipe(err), 0);
	run->pid = fork();
	assert_true(run->pid >= 0);
	if (run->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		setsid();
		signal(SIGPIPE, SIG_DFL);
		setenv("HOME", world->home, 1);
		setenv("GPUCLOUD_TTL_ROOT", world->root, 1);
		setenv("PATH", shims, 1);
		if (chdir(world->home) == 0)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	free(shims);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	run->in = in[1];
	run->out = out[0];
	run->err = err[0];
	fcntl(run->in, F_SETFL, O_NONBLOCK);
}

/* What sshd does with what is left of a lost connection's command: nothing but closing its pipes. */
static int lose(struct running *run, struct error *err)
{
	close_fd(&run->in);
	close_fd(&run->out);
	close_fd(&run->err);
	waitpid(run->pid, NULL, 0);
	error_set(err, ERROR_NETWORK, "the connection is lost");
	err->unknown = true;
	return -1;
}

static int give_up(struct running *run)
{
	struct error ignored = ERROR_INIT;

	return lose(run, &ignored);
}

static int give(struct job_world *world, struct running *run, const struct remote_stream *stream,
		struct error *err)
{
	if (run->at == run->len) {
		ssize_t n = stream && stream->in
				    ? stream->in(stream->ctx, run->input, sizeof(run->input), err)
				    : 0;
		assert_true(n >= 0);
		run->at = 0;
		run->len = (size_t)n;
	}
	if (run->len == 0) {
		close_fd(&run->in);
		return 0;
	}
	size_t n = run->len - run->at;
	if (world->cut_in >= 0 && run->given + (long)n > world->cut_in)
		n = (size_t)(world->cut_in - run->given);
	if (n == 0)
		return -1;
	ssize_t done = write(run->in, run->input + run->at, n);
	if (done < 0 && errno != EAGAIN) {
		close_fd(&run->in);
		return 0;
	}
	if (done > 0) {
		run->at += (size_t)done;
		run->given += done;
	}
	return 0;
}

/* 1 something, 0 the end, -1 refused or cut. */
static int take(struct job_world *world, struct running *run, int *fd,
		int (*fn)(void *, const char *, size_t, struct error *), void *ctx,
		struct error *err)
{
	static char data[64 << 10];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n <= 0) {
		close_fd(fd);
		return 0;
	}
	bool cut = world->cut_out >= 0 && run->taken + n > world->cut_out;
	if (cut)
		n = world->cut_out - run->taken;
	run->taken += n;
	if (n > 0 && fn && fn(ctx, data, (size_t)n, err) < 0)
		return -1;
	if (!cut)
		return 1;
	error_set(err, ERROR_NETWORK, "the connection is lost");
	return -1;
}

static int tell_lies(struct job_world *world, const struct remote_stream *stream,
		     struct remote_exit *ret, struct error *err)
{
	*ret = (struct remote_exit){ .code = 0 };
	for (size_t i = 0; i < world->lie_times; i++)
		if (stream->out(stream->ctx, world->lie, strlen(world->lie), err) < 0)
			return -1;
	return 0;
}

/* The command with another shell in place of /bin/sh: what that is differs from system to system. */
static char *by_shell(const struct job_world *world, const char *command)
{
	static const char plain[] = "/bin/sh";
	struct buf out = BUF_INIT;
	const char *at;
	char *copy;

	while (world->shell && (at = strstr(command, plain))) {
		buf_add(&out, command, (size_t)(at - command));
		buf_addstr(&out, world->shell);
		command = at + strlen(plain);
	}
	buf_addstr(&out, command);
	copy = xstrdup(out.data);
	buf_release(&out);
	return copy;
}

static int run_here(struct remote *remote, const char *command, const struct remote_stream *stream,
		    int64_t deadline_ms, struct remote_exit *ret, struct error *err)
{
	struct job_world *world = (struct job_world *)remote;
	struct running run = { .at = 0 };
	int status;

	(void)deadline_ms;
	world->execs++;
	buf_addf(&world->commands, "%s\n", command);
	if (world->lie)
		return tell_lies(world, stream, ret, err);
	char *line = by_shell(world, command);
	start(world, line, &run);
	free(line);
	while (run.out >= 0 || run.err >= 0) {
		struct pollfd fds[3] = { { run.in, POLLOUT, 0 },
					 { run.out, POLLIN, 0 },
					 { run.err, POLLIN, 0 } };

		poll(fds, 3, -1);
		if (fds[0].revents && give(world, &run, stream, err) < 0)
			return lose(&run, err);
		if (fds[1].revents && take(world, &run, &run.out, stream ? stream->out : NULL,
					   stream ? stream->ctx : NULL, err) < 0)
			return give_up(&run);
		if (fds[2].revents && take(world, &run, &run.err, stream ? stream->err : NULL,
					   stream ? stream->ctx : NULL, err) < 0)
			return give_up(&run);
	}
	close_fd(&run.in);
	assert_int_equal(waitpid(run.pid, &status, 0), run.pid);
	*ret = (struct remote_exit){ .status = WEXITSTATUS(status), .code = WEXITSTATUS(status) };
	return 0;
}

static const struct remote_ops here = { .exec = run_here };

static int collect(void *ctx, bool err_stream, const char *data, size_t len, struct error *err)
{
	struct job_world *world = ctx;

	(void)err;
	buf_add(err_stream ? &world->err : &world->out, data, len);
	return 0;
}

static void put(struct job_world *world, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", world->root, name);

	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	assert_int_equal(file_write(path, text, strlen(text), 0644, &world->error), 0);
	free(path);
}

int job_world_setup(void **state)
{
	struct job_world *world = xcalloc(1, sizeof(*world));

	snprintf(world->dir, sizeof(world->dir), "/tmp/gpucloud-job-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	snprintf(world->home, sizeof(world->home), "%s/home", world->dir);
	snprintf(world->root, sizeof(world->root), "%s/root", world->dir);
	mkdir(world->home, 0755);
	mkdir(world->root, 0755);
	world->out = world->err = world->commands = (struct buf)BUF_INIT;
	world->cut_in = world->cut_out = -1;
	world->lie_times = 1;
	world->machine = (struct machine){ .ops = &here, .remote = (struct remote *)world };
	world->sink = (struct job_sink){ .ctx = world, .write = collect };
	put(world, "proc/sys/kernel/random/boot_id", BOOT);
	put(world, "var/lib/gpucloud/ttl-left", "3600\n");
	put(world, "../shims/sudo",
	    "#!/bin/sh\n[ ! -e \"$GPUCLOUD_TTL_ROOT/no-sudo\" ] || exit 1\nshift\n"
	    "[ \"$1\" = sh ] || exec \"$@\"\n"
	    "exec sh -c \"$(printf %s \"$3\" | sed \"s#/var/lib#$GPUCLOUD_TTL_ROOT/var/lib#\")\"\n");
	char *sudo = xasprintf("%s/shims/sudo", world->dir);
	chmod(sudo, 0755);
	free(sudo);
	*state = world;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

int job_world_teardown(void **state)
{
	struct job_world *world = *state;

	nftw(world->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	buf_release(&world->out);
	buf_release(&world->err);
	buf_release(&world->commands);
	free(world);
	return 0;
}

void job_world_works(struct job_world *world, int rc)
{
	if (rc != 0)
		fail_msg("%s (%s, %s)", world->error.message, world->error.code,
			 error_kind_name(world->error.kind));
}

void job_world_start(struct job_world *world, const char *id, const struct job_spec *spec)
{
	job_world_works(world, job_start(&world->machine, id, spec, false, &world->error));
}

void job_world_look(struct job_world *world, const char *id, struct job *ret)
{
	job_world_works(world, job_look(&world->machine, id, ret, &world->error));
}

void job_world_run(struct job_world *world, const struct job_spec *spec, struct job *ret)
{
	struct job_place place = { 0 };
	char id[JOB_ID_MAX];

	job_new_id(clock_now_ms(&clock_system), id);
	job_world_start(world, id, spec);
	job_world_works(world, job_follow(&world->machine, id, &place, true, &world->sink, ret,
					  &world->error));
	assert_string_equal(ret->id, id);
}

void job_world_wait(struct job_world *world, const char *id, enum job_state state)
{
	for (int i = 0; i < 600; i++) {
		struct job job;
		enum job_state is;

		job_world_look(world, id, &job);
		is = job.state;
		job_release(&job);
		if (is == state)
			return;
		usleep(20000);
	}
	fail_msg("job %s did not come to state %d", id, state);
}

static char *path_of(struct job_world *world, const char *id, const char *name)
{
	return id ? xasprintf("%s/.gpucloud/jobs/%s/%s", world->home, id, name)
		  : xasprintf("%s/%s", world->root, name);
}

char *job_world_file(struct job_world *world, const char *id, const char *name)
{
	char *path = path_of(world, id, name);
	struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	char *copy;

	if (file_read(path, (size_t)64 << 20, &text, &err) < 0)
		buf_clear(&text);
	copy = xstrdup(text.data);
	buf_release(&text);
	free(path);
	return copy;
}

void job_world_write(struct job_world *world, const char *id, const char *name, const char *text)
{
	char *path = path_of(world, id, name);

	assert_int_equal(file_write(path, text, strlen(text), 0600, &world->error), 0);
	free(path);
}
