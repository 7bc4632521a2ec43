/* SPDX-License-Identifier: Apache-2.0 */
#include "core/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t count, last;

static const char *volatile said;

static void on_signal(int signo)
{
	int saved = errno;
	const char *line = said;

	last = signo;
	if (count == 0 && line) {
		ssize_t ignored = write(STDERR_FILENO, line, strlen(line));

		(void)ignored;
	}
	if (count < 100)
		count++;
	errno = saved;
}

void interrupt_say(const char *line)
{
	said = line;
}

void interrupt_install(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal; /* no SA_RESTART: waits must notice */
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* A terminal that is closed; under nohup that is to mean nothing. */
	struct sigaction hup;
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

int interrupt_count(void)
{
	return (int)count;
}

int interrupt_signal(void)
{
	return (int)last;
}

int interrupt_take(void)
{
	int was = (int)count;

	count = 0;
	return was;
}
