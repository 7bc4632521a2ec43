/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const severities[SEVERITY_COUNT] = { "pass", "warn", "unknown", "fail" };

const char *severity_name(enum severity severity)
{
	return severities[severity];
}

int severity_from(const char *name)
{
	for (int i = 0; i < SEVERITY_COUNT; i++)
		if (strcmp(name, severities[i]) == 0)
			return i;
	return -1;
}

double record_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A parent that went away ends the child by SIGPIPE, which is right. */
static void send_line(struct record *r, const char *line, size_t length)
{
	while (length > 0) {
		ssize_t n = write(r->fd, line, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(70);
		line += n;
		length -= (size_t)n;
	}
}

void record_line(struct record *r, const char *format, ...)
{
	char line[RECORD_MAX];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= sizeof(line) - 1)
		return;
	line[length] = '\n';
	send_line(r, line, (size_t)length + 1);
}

void record_phase(struct record *r, const char *name, unsigned seconds)
{
	r->phase_started = record_clock();
	record_line(r, "phase %s %u", name, r->seconds > 0 ? r->seconds : seconds);
}

double record_elapsed(const struct record *r)
{
	return record_clock() - r->phase_started;
}

void record_fields(struct record *r, const struct json *members)
{
	record_line(r, "field %s", members->text);
}

void record_check_begin(struct json *j, const char *id, enum severity verdict, const char *note)
{
	memset(j, 0, sizeof(*j));
	json_open(j, NULL, '{');
	json_string(j, "id", id);
	json_string(j, "verdict", severity_name(verdict));
	if (note != NULL)
		json_string(j, "note", note);
}

void record_check_end(struct record *r, struct json *j)
{
	json_real(j, "seconds", record_elapsed(r), 3);
	json_close(j, '}');
	record_line(r, "check %s", j->text);
	json_release(j);
}

void record_problem(struct record *r, enum severity severity, const char *id, const char *advice,
		    const char *format, ...)
{
	char text[1024];
	struct json j = { 0 };
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_open(&j, NULL, '{');
	if (r->gpu >= 0)
		json_int(&j, "gpu", r->gpu);
	else
		json_null(&j, "gpu");
	json_string(&j, "id", id);
	json_string(&j, "severity", severity_name(severity));
	json_string(&j, "text", text);
	json_string(&j, "advice", advice != NULL ? advice : "");
	json_close(&j, '}');
	record_line(r, "problem %s %s", severity_name(severity), j.text);
	json_release(&j);
}
