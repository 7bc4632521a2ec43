/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of a machine: fewer rights, and an end to all of them. */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "simulator/machine/guest.h"

#define KILL_ROUNDS 500 /* of 10 ms: what is stuck in the kernel is not waited for */

int process_drop(uid_t uid)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	if (geteuid() != 0)
		return 0;
	if (uid == 0 || setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return -1;
	return getuid() == uid && geteuid() == uid && setuid(0) != 0 ? 0 : -1;
}

void process_reset(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
}

/* The parent of a process, from "PID (name) S PPID ..."; 0 if it has just gone. */
static pid_t parent_of(int proc, const char *pid)
{
	char path[64], text[512];
	const char *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/stat", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strrchr(text, ')');
	return p && strlen(p) > 4 ? (pid_t)strtol(p + 4, NULL, 10) : 0;
}

static bool kept(pid_t pid, const pid_t *keep, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (keep[i] == pid)
			return true;
	}
	return false;
}

/* Signals every child there is now; how many there are. */
static size_t kill_round(const pid_t *keep, size_t nr)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t self = getpid();
	size_t found = 0;

	if (!proc)
		return 0;
	while ((entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 1 || kept(pid, keep, nr) ||
		    parent_of(dirfd(proc), entry->d_name) != self)
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, WNOHANG);
		found++;
	}
	closedir(proc);
	return found;
}

void process_kill_children(const pid_t *keep, size_t nr)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	/* Children of what was killed become ours: until a round finds none. */
	for (int i = 0; i < KILL_ROUNDS && kill_round(keep, nr) > 0; i++) {
		if (i > 2)
			nanosleep(&pause, NULL);
	}
}
