/* SPDX-License-Identifier: Apache-2.0 */
/* Before the first machine and after the last: folder, user, port, supervisor. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/rng.h"
#include "simulator/machine/guest.h"
#include "simulator/machine/machine.h"
#include "simulator/machine/machines_internal.h"

/* systemd gives these out for a service's lifetime: no person has one of them. */
#define UID_FIRST 61184
#define UID_COUNT 4336
#define UID_TRIES 200
#define BASE	  "/tmp/gpucloud-sim-"
#define BACK	  "simulator"
#define END_MS	  8000

/* "" where there is none. */
static void find_wrapper(char *out, size_t max)
{
	static const char *const patterns[] = { "/usr/lib/*/libnss_wrapper.so",
						"/usr/lib64/libnss_wrapper.so",
						"/usr/lib/libnss_wrapper.so" };
	glob_t found;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(patterns) && !out[0]; i++) {
		if (glob(patterns[i], 0, NULL, &found))
			continue;
		if (strlen(found.gl_pathv[0]) < max)
			snprintf(out, max, "%s", found.gl_pathv[0]);
		globfree(&found);
	}
}

enum machine_kind machine_kind_best(void)
{
	char wrapper[256];

	find_wrapper(wrapper, sizeof(wrapper));
	return *wrapper && access(SSHD_PATH, X_OK) == 0 && access(KEYGEN_PATH, X_OK) == 0 &&
			       access(SFTP_PATH, X_OK) == 0
		       ? MACHINE_SSHD
		       : MACHINE_FAKE;
}

static bool uid_in_use(uid_t uid)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool used = getpwuid(uid) != NULL;

	while (proc && !used && (entry = readdir(proc))) {
		struct stat st;

		used = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		       fstatat(dirfd(proc), entry->d_name, &st, 0) == 0 && st.st_uid == uid;
	}
	if (proc)
		closedir(proc);
	return used;
}

/* The name of the folder claims the user: two simulators of root's never share one. */
static int claim_user(struct supervisor_config *config, struct error *err)
{
	for (int i = 0; i < UID_TRIES; i++) {
		uid_t uid = (uid_t)(UID_FIRST + rng_below(&rng_system, UID_COUNT));

		if (uid_in_use(uid))
			continue;
		snprintf(config->base, sizeof(config->base), BASE "%u", (unsigned)uid);
		if (mkdir(config->base, 0711) == 0) {
			config->uid = uid;
			return chmod(config->base, 0711);
		}
		if (errno != EEXIST)
			break;
	}
	config->base[0] = '\0';
	return error_errno(err, ERROR_IO, "cannot find an unused user for simulated machines");
}

static int make_base(struct supervisor_config *config, struct error *err)
{
	if (geteuid() == 0)
		return claim_user(config, err);
	config->uid = geteuid();
	snprintf(config->base, sizeof(config->base), BASE "XXXXXX");
	if (mkdtemp(config->base))
		return 0;
	error_errno(err, ERROR_IO, "cannot make a folder '%s'", config->base);
	config->base[0] = '\0';
	return -1;
}

/* Whoever runs the machines must be able to read the libraries: a copy beside them. */
static void copy_driver(struct supervisor_config *config, const char *from)
{
	snprintf(config->lib, sizeof(config->lib), "%s/lib", config->base);
	if (!from || mkdir(config->lib, 0755) || chmod(config->lib, 0755) ||
	    tree_copy_files(from, config->lib))
		config->lib[0] = '\0';
}

/*
 * One port for all machines, each on an address of its own. Bound, but not listening, on 127.0.0.1:
 * nobody who wants it on all addresses gets it while we live.
 */
static int claim_port(struct machines *machines, struct error *err)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);

	machines->claim = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (machines->claim < 0 ||
	    bind(machines->claim, (struct sockaddr *)&address, sizeof(address)) ||
	    getsockname(machines->claim, (struct sockaddr *)&address, &len))
		return error_errno(err, ERROR_IO, "cannot claim a port for simulated machines");
	machines->config.port = ntohs(address.sin_port);
	return 0;
}

static int spawn(struct machines *machines, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return error_errno(err, ERROR_IO, "cannot make a socket");
	machines->pid = fork();
	if (machines->pid == 0) {
		/* nothing of the simulator's stays open: not its lock, not its terminal */
		int null = open("/dev/null", O_RDWR);

		if (null < 0 || dup2(pair[1], 3) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
		    dup2(null, 2) < 0)
			_exit(1);
		close_range(4, ~0U, 0);
		fcntl(3, F_SETFD, FD_CLOEXEC);
		supervisor_run(&machines->config, 3);
	}
	close(pair[1]);
	machines->fd = pair[0];
	if (machines->pid < 0)
		return error_errno(err, ERROR_IO, "cannot start a process");
	return 0;
}

/* The folder names its link as well: names of folders come again, and are somebody else's then. */
static int make_link(struct machines *machines, const char *link, struct error *err)
{
	char *back = xasprintf("%s/" BACK, machines->config.base);
	int rc = 0;

	unlink(link);
	if (symlink(link, back) || symlink(machines->config.base, link))
		rc = error_errno(err, ERROR_IO, "cannot make '%s'", link);
	else
		machines->link = xstrdup(link);
	free(back);
	return rc;
}

void machines_clear(const char *link)
{
	char base[64], owner[4096], *back;
	ssize_t n = readlink(link, base, sizeof(base) - 1);

	if (n < 0)
		return;
	base[n] = '\0';
	back = xasprintf("%s/" BACK, base);
	n = readlink(back, owner, sizeof(owner) - 1);
	if (n >= 0) {
		owner[n] = '\0';
		if (strncmp(base, BASE, strlen(BASE)) == 0 && !strchr(base + strlen(BASE), '/') &&
		    strcmp(owner, link) == 0)
			tree_remove(base);
	}
	free(back);
	unlink(link);
}

static int start_sshd(struct machines *machines, const struct machines_config *config,
		      struct error *err)
{
	find_wrapper(machines->config.wrapper, sizeof(machines->config.wrapper));
	if (machine_kind_best() != MACHINE_SSHD) {
		error_set(err, ERROR_CONFIG,
			  "machines of kind 'sshd' need the programs sshd, ssh-keygen and the "
			  "library nss_wrapper");
		return error_hint(err, "apt-get install openssh-server libnss-wrapper, or "
				       "--machines fake");
	}
	if (claim_port(machines, err) || make_base(&machines->config, err))
		return -1;
	copy_driver(&machines->config, config->fake_gpu);
	if (config->link && make_link(machines, config->link, err))
		return -1;
	return spawn(machines, err);
}

int machines_start(const struct machines_config *config, struct machines **ret, struct error *err)
{
	struct machines *machines = xcalloc(1, sizeof(*machines));

	machines->kind = config->kind;
	machines->faults = config->faults & ~(unsigned)MACHINE_DISCONNECT;
	machines->addresses = config->addresses;
	machines->fd = machines->claim = -1;
	if (config->kind == MACHINE_SSHD && start_sshd(machines, config, err)) {
		machines_free(machines);
		return -1;
	}
	*ret = machines;
	return 0;
}

void machines_close(struct machines *machines)
{
	int64_t end = clock_mono_ms(&clock_system) + END_MS;

	if (machines->fd >= 0)
		close(machines->fd);
	machines->fd = -1;
	while (machines->pid > 0 && waitpid(machines->pid, NULL, WNOHANG) == 0) {
		if (clock_mono_ms(&clock_system) >= end)
			kill(machines->pid, SIGKILL);
		clock_sleep_ms(&clock_system, 5);
	}
	machines->pid = 0;
}

void machines_free(struct machines *machines)
{
	if (!machines)
		return;
	machines_close(machines);
	if (machines->claim >= 0)
		close(machines->claim);
	if (machines->config.base[0])
		tree_remove(machines->config.base);
	if (machines->link)
		unlink(machines->link);
	free(machines->link);
	for (size_t i = 0; i < machines->nr; i++)
		buf_release(&machines->v[i].console);
	free(machines->v);
	free(machines);
}
