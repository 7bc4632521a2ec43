/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending a command where it runs. sshd goes on with a command whose connection is gone, and libssh2
 * before 1.11 cannot send SSH's own "signal" request, which also reaches one process group only. So a
 * second command of the same connection looks for the first: both shells are children of the same
 * sshd process, and what a shell starts stays in its session unless it leaves that on purpose.
 */
#include <signal.h>

#include "ssh/frame.h"
#include "ssh/pump.h"
#include "ssh/session.h"

/*
 * One line of POSIX sh in single quotes, so that any login shell can hand it on; it needs /proc and
 * nothing else. TERM first, KILL after 2 s; what belongs to root (started by sudo) by sudo. The last
 * character it prints is a digit of enum frame_ended.
 */
static const char end_script[] =
	"exec sh -c '"
	"look() { found=; for f in /proc/[0-9]*/stat; do "
	"{ read -r line < \"$f\"; } 2>/dev/null || continue; "
	"pid=${line%% *}; set -- ${line##*) }; [ \"$1\" = Z ] && continue; "
	/* $2 is the parent, $4 the session */
	"if [ -z \"$all\" ]; then "
	"[ \"$2\" = $PPID ] && [ $pid != $$ ] && [ \"$4\" = $pid ] && found=\"$found $pid\"; "
	"else case \"$all \" in *\" $4 \"*) found=\"$found $pid\";; esac; fi; done; }; "
	"end() { left=; for p in $found; do kill -$1 $p 2>/dev/null || "
	"{ [ -d /proc/$p ] && left=\"$left $p\"; }; done; "
	"[ -z \"$left\" ] || sudo -n kill -$1 $left >/dev/null 2>&1; }; "
	/* by the clock, in hundredths: on a machine at work each look takes its time */
	"now() { read -r u u2 < /proc/uptime; u=${u%.*}${u#*.}; }; "
	"all=; look; all=$found; [ -n \"$all\" ] || { echo 0; exit; }; now; from=$u; k=0; "
	"while look; [ -n \"$found\" ]; do now; t=$((u - from)); case $k in "
	"0) end TERM; k=1;; 1) [ $t -lt 200 ] || { end KILL; k=2; };; "
	"2) [ $t -lt 300 ] || { echo 2; exit; };; esac; sleep 0.1; done; echo 1'";

static volatile sig_atomic_t asked;

static void on_end(int signo)
{
	(void)signo;
	asked = 1;
}

void pump_end_install(void)
{
	struct sigaction action = { .sa_handler = on_end };
	sigset_t set;

	sigemptyset(&action.sa_mask);
	sigaction(FRAME_END_SIGNAL, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, FRAME_END_SIGNAL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool pump_end_asked(void)
{
	return asked != 0;
}

/* The last byte that is no line's end; 0 where there was none. */
static char read_answer(struct session *session, LIBSSH2_CHANNEL *channel)
{
	char text[64], last = 0;

	while (!session->lost) {
		session_allow(session);
		ssize_t n = libssh2_channel_read_ex(channel, 0, text, sizeof(text));

		if (n == LIBSSH2_ERROR_EAGAIN) {
			session_wait(session);
			continue;
		}
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (text[i] > ' ')
				last = text[i];
	}
	return last;
}

void pump_end(struct session *session, struct frame_io *control)
{
	const struct wire_str script = { end_script, sizeof(end_script) - 1 };
	LIBSSH2_CHANNEL *channel = NULL;
	unsigned char said = FRAME_ENDED_UNKNOWN;

	if (pump_channel(session, &channel) == 0 &&
	    pump_start(session, channel, "exec", script) == 0) {
		frame_put(control, FRAME_BEGUN, NULL, 0);
		frame_flush(control);
		char answer = read_answer(session, channel);

		if (answer >= '0' + FRAME_ENDED_GONE && answer <= '0' + FRAME_ENDED_LEFT)
			said = (unsigned char)(answer - '0');
	}
	frame_put(control, FRAME_ENDED, &said, sizeof(said));
}
