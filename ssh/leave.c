/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/leave.h"

#include <poll.h>
#include <signal.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "ssh/link.h"

#define ANSWER_MS  2000 /* until the machine takes a second command */
#define COMMAND_MS 4000 /* past TERM, the time it is given to go, and KILL (pump_end.c) */
#define SLICE_MS   100

struct leave leave_within(int64_t ms)
{
	return (struct leave){ .deadline = link_deadline(ms), .signals = interrupt_count() };
}

bool leave_step(struct remote *remote, const struct leave *leave)
{
	struct pollfd pfd = { .fd = remote->io.fd, .events = POLLIN };

	if (remote->pid <= 0 || remote->ended || interrupt_count() > leave->signals ||
	    clock_mono_ms(&clock_system) >= leave->deadline)
		return false;
	if (frame_flush(&remote->io) < 0)
		buf_clear(&remote->io.out);
	if (frame_unsent(&remote->io) > 0)
		pfd.events |= POLLOUT;
	if (poll(&pfd, 1, SLICE_MS) > 0 && pfd.revents && !frame_fill(&remote->io))
		remote->ended = true;
	return true;
}

bool leave_command(struct remote *remote)
{
	struct leave leave = leave_within(ANSWER_MS);
	struct error ignored = ERROR_INIT;
	struct frame frame;
	bool gone = false, over = false;

	if (remote->pid <= 0)
		return false;
	kill(remote->pid, FRAME_END_SIGNAL);
	do {
		int rc;

		while (!over && (rc = link_frame(remote, &frame, &ignored)) != 0) {
			/* EXIT: it was faster than we */
			gone = rc == 1 && (frame.type == FRAME_EXIT ||
					   (frame.type == FRAME_ENDED && frame.len == 1 &&
					    frame.data[0] == FRAME_ENDED_GONE));
			over = rc < 0 || frame.type == FRAME_EXIT || frame.type == FRAME_ENDED;
			if (!over && frame.type == FRAME_BEGUN)
				leave.deadline = link_deadline(COMMAND_MS);
		}
	} while (!over && leave_step(remote, &leave));
	link_end(remote);
	return gone;
}
