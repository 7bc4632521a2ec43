/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/job.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_DEADLINE 30.0 /* until a child says what phase it is in */
#define JOBS_MAX       66u

const char *job_name(const struct job *j, char *buffer, size_t size)
{
	if (j->who == JOB_CPU)
		return "cpu";
	if (j->who == JOB_PROBE)
		return "inventory";
	snprintf(buffer, size, "gpu %d", j->who);
	return buffer;
}

static void progress(const struct jobs *all, const struct job *j, const char *key,
		     const char *value, bool raw)
{
	char name[32];
	if (all->options->quiet)
		return;
	if (!all->options->progress_json) {
		if (!raw)
			fprintf(stderr, "%s: %s\n", job_name(j, name, sizeof(name)), value);
		return;
	}
	struct json line = { 0 };
	json_open(&line, NULL, '{');
	json_real(&line, "elapsed_s", record_clock() - all->started, 3);
	json_string(&line, "job", job_name(j, name, sizeof(name)));
	if (raw) {
		json_open(&line, key, '[');
		json_raw(&line, value);
		json_close(&line, ']');
	} else {
		json_string(&line, key, value);
	}
	json_close(&line, '}');
	fprintf(stderr, "%s\n", line.text);
	json_release(&line);
}

static void add_problem(struct jobs *all, struct job *j, enum severity severity, const char *object)
{
	json_raw(&all->problems, object);
	if (severity > j->worst)
		j->worst = severity;
	if (severity > all->worst)
		all->worst = severity;
}

void jobs_problem(struct jobs *all, struct job *j, enum severity severity, const char *id,
		  const char *advice, const char *text)
{
	struct json object = { 0 };
	json_open(&object, NULL, '{');
	if (j->who >= 0)
		json_int(&object, "gpu", j->who);
	else
		json_null(&object, "gpu");
	json_string(&object, "id", id);
	json_string(&object, "severity", severity_name(severity));
	json_string(&object, "text", text);
	json_string(&object, "advice", advice);
	json_close(&object, '}');
	add_problem(all, j, severity, object.text);
	json_release(&object);
}

/* In the child: nobody waits for its output, so a stuck one keeps no caller waiting. */
static void child(struct record *r, const struct options *options, int who, job_work *work)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int fd = 0; null >= 0 && fd < 3; fd++) {
#ifdef __SANITIZE_ADDRESS__
		if (fd == 2)
			continue;
#endif
		dup2(null, fd);
	}
	work(r, options, who);
	record_line(r, "done");
}

int job_start(struct jobs *all, struct job *j, int who, job_work *work)
{
	int ends[2];
	*j = (struct job){ .who = who, .fd = -1, .pid = -1 };
	j->line = malloc(RECORD_MAX);
	fflush(NULL);
	if (j->line == NULL || pipe2(ends, O_CLOEXEC) != 0) {
		jobs_problem(all, j, SEVERITY_UNKNOWN, "internal", "", "no pipe for a child");
		return -1;
	}
	j->pid = fork();
	if (j->pid == 0) {
		struct record r = { .fd = ends[1],
				    .gpu = who >= 0 ? who : -1,
				    .seconds = all->options->deadline };
		close(ends[0]);
		child(&r, all->options, who, work);
		_exit(0);
	}
	close(ends[1]);
	if (j->pid < 0) {
		close(ends[0]);
		jobs_problem(all, j, SEVERITY_UNKNOWN, "internal", "", "no child process");
		return -1;
	}
	j->fd = ends[0];
	snprintf(j->phase, sizeof(j->phase), "start");
	j->deadline = record_clock() + FIRST_DEADLINE;
	return 0;
}

static void take_training(struct job *j, const char *text)
{
	struct training *t = &j->training;
	int who;
	t->known = sscanf(text, "%d %lf %u %64s %u %u %u %u", &who, &t->seconds, &t->steps,
			  t->sha256, &t->match, &t->correct, &t->total, &t->threads) == 8;
}

static void take_problem(struct jobs *all, struct job *j, const char *text)
{
	char word[16];
	int severity = -1;
	const char *object = strchr(text, ' ');
	if (object != NULL && (size_t)(object - text) < sizeof(word)) {
		snprintf(word, sizeof(word), "%.*s", (int)(object - text), text);
		severity = severity_from(word);
	}
	if (severity < 0)
		return;
	add_problem(all, j, (enum severity)severity, object + 1);
	progress(all, j, "problem", object + 1, true);
}

static bool starts(const char *line, const char *word, const char **rest)
{
	size_t length = strlen(word);
	if (strncmp(line, word, length) != 0 || line[length] != ' ')
		return false;
	*rest = line + length + 1;
	return true;
}

static void take_line(struct jobs *all, struct job *j, const char *line)
{
	const char *rest;
	unsigned seconds;
	if (starts(line, "phase", &rest)) {
		if (sscanf(rest, "%31s %u", j->phase, &seconds) == 2 && j->kills == 0)
			j->deadline = record_clock() + seconds;
		progress(all, j, "phase", j->phase, false);
	} else if (starts(line, "field", &rest)) {
		json_raw(&j->fields, rest);
	} else if (starts(line, "check", &rest)) {
		json_raw(&j->checks, rest);
		progress(all, j, "check", rest, true);
	} else if (starts(line, "problem", &rest)) {
		take_problem(all, j, rest);
	} else if (starts(line, "train", &rest)) {
		take_training(j, rest);
	} else if (starts(line, "devices", &rest)) {
		(void)sscanf(rest, "%d", &j->devices);
	} else if (strcmp(line, "simulated") == 0) {
		j->simulated = true;
	} else if (strcmp(line, "done") == 0) {
		j->done = true;
	}
}

/* Its pipe is closed, so it is ending; but the driver's last work may hold it for ever. */
static pid_t reap(pid_t pid, int *status)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	for (unsigned i = 0; i < 200; i++) {
		pid_t got = waitpid(pid, status, WNOHANG);
		if (got != 0)
			return got;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static void over(struct jobs *all, struct job *j)
{
	char text[160];
	int status = 0;
	close(j->fd);
	j->fd = -1;
	pid_t got = reap(j->pid, &status);
	if (j->done || j->hung)
		return;
	if (got == j->pid && WIFSIGNALED(status))
		snprintf(text, sizeof(text),
			 "the driver ended our process by signal %d in phase %s", WTERMSIG(status),
			 j->phase);
	else
		snprintf(text, sizeof(text), "our process ended by itself in phase %s", j->phase);
	jobs_problem(all, j, SEVERITY_UNKNOWN, "crash",
		     "run again; where it happens again, launch another machine", text);
}

static void take_input(struct jobs *all, struct job *j)
{
	ssize_t n = read(j->fd, j->line + j->used, RECORD_MAX - j->used);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		over(all, j);
		return;
	}
	j->used += (size_t)n;
	char *start = j->line, *end;
	while ((end = memchr(start, '\n', j->used - (size_t)(start - j->line))) != NULL) {
		*end = '\0';
		take_line(all, j, start);
		start = end + 1;
	}
	j->used -= (size_t)(start - j->line);
	memmove(j->line, start, j->used);
	if (j->used == RECORD_MAX) /* no line of ours is that long */
		over(all, j);
}

/* Asks it to end, makes it end, gives it up: the kernel may hold it for ever. */
static void late(struct jobs *all, struct job *j)
{
	char text[160], name[32];
	if (!j->hung) {
		j->hung = true;
		snprintf(text, sizeof(text), "%s: no answer in phase %s",
			 job_name(j, name, sizeof(name)), j->phase);
		jobs_problem(all, j, SEVERITY_UNKNOWN, "hang",
			     "look at dmesg; terminate this machine and launch another", text);
		progress(all, j, "hang", j->phase, false);
	}
	if (j->kills < 2) {
		kill(j->pid, j->kills == 0 ? SIGTERM : SIGKILL);
		j->deadline = record_clock() + (j->kills == 0 ? 1.0 : 2.0);
		j->kills++;
		return;
	}
	close(j->fd);
	j->fd = -1;
	(void)waitpid(j->pid, NULL, WNOHANG);
}

void jobs_wait(struct jobs *all, struct job *jobs, unsigned count)
{
	for (;;) {
		struct pollfd fds[JOBS_MAX];
		struct job *of[JOBS_MAX];
		unsigned open = 0;
		double now = record_clock(), next = now + 60;
		for (unsigned i = 0; i < count && open < JOBS_MAX; i++) {
			if (jobs[i].fd < 0)
				continue;
			if (now >= jobs[i].deadline)
				late(all, &jobs[i]);
			if (jobs[i].fd < 0)
				continue;
			next = jobs[i].deadline < next ? jobs[i].deadline : next;
			of[open] = &jobs[i];
			fds[open++] = (struct pollfd){ .fd = jobs[i].fd, .events = POLLIN };
		}
		if (open == 0)
			return;
		int wait = (int)((next - now) * 1e3) + 1;
		if (poll(fds, open, wait < 0 ? 0 : wait) <= 0)
			continue;
		for (unsigned i = 0; i < open; i++)
			if (fds[i].revents != 0)
				take_input(all, of[i]);
	}
}

void job_release(struct job *j)
{
	free(j->line);
	json_release(&j->fields);
	json_release(&j->checks);
}
