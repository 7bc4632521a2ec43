/* SPDX-License-Identifier: Apache-2.0 */
#include "core/interrupt.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t count;

static void on_signal(int signo)
{
	(void)signo;
	if (count < 100)
		count++;
}

void interrupt_install(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal; /* no SA_RESTART: waits must notice */
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

int interrupt_count(void)
{
	return (int)count;
}
