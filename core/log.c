/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/secret.h"
#include "core/text.h"

/* A body of megabytes helps nobody on a terminal. */
#define LOG_LINE_MAX ((size_t)32 << 10)

static atomic_int current_level;
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static log_sink_fn current_sink;
static void *current_ctx;

void log_setup(int level, log_sink_fn sink, void *ctx)
{
	pthread_mutex_lock(&sink_lock);
	current_sink = sink;
	current_ctx = ctx;
	atomic_store(&current_level, sink ? level : 0);
	pthread_mutex_unlock(&sink_lock);
}

int log_level(void)
{
	return atomic_load(&current_level);
}

__attribute__((format(printf, 2, 0))) static void log_line(const char *topic, const char *fmt,
							   va_list ap)
{
	char *text = NULL;
	struct buf clean = BUF_INIT, line = BUF_INIT;

	if (vasprintf(&text, fmt, ap) < 0)
		out_of_memory();
	/* Masked before it is cut: half a secret is still one. */
	redact(text, strlen(text), &clean);
	buf_addf(&line, "%s: ", topic);
	text_escape(&line, clean.data, clean.len < LOG_LINE_MAX ? clean.len : LOG_LINE_MAX);
	if (clean.len > LOG_LINE_MAX)
		buf_addf(&line, " ... (%zu bytes more)", clean.len - LOG_LINE_MAX);

	pthread_mutex_lock(&sink_lock);
	if (current_sink)
		current_sink(current_ctx, line.data);
	pthread_mutex_unlock(&sink_lock);

	explicit_bzero(text, strlen(text));
	free(text);
	buf_release(&clean);
	buf_release(&line);
}

void log_info(const char *topic, const char *fmt, ...)
{
	va_list ap;

	if (log_level() < 1)
		return;
	va_start(ap, fmt);
	log_line(topic, fmt, ap);
	va_end(ap);
}

void log_debug(const char *topic, const char *fmt, ...)
{
	va_list ap;

	if (log_level() < 2)
		return;
	va_start(ap, fmt);
	log_line(topic, fmt, ap);
	va_end(ap);
}
