/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine's folder holds before anything runs in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/machine/guest.h"
#include "simulator/machine/shims.h"

#define ENV_MAX 24

/* The users that images come with, where none is named: the same one, whatever it is called. */
static const char *const users[] = { GUEST_LOGIN_USER, "ec2-user", "admin", "debian",
				     "centos",	       "fedora",   "rocky", "almalinux",
				     "azureuser",      "gpucloud", "user" };

static const struct {
	const char *folder, *name;
	const char *text;
} shims[] = {
	{ "shims", "id", shim_id },
	{ "shims", "whoami", shim_id },
	{ "shims", "nvidia-smi", shim_nvidia_smi },
	{ "shims", "paths.sh", shim_paths },
	{ "shims", "shutdown", shim_power },
	{ "shims", "poweroff", shim_power },
	{ "shims", "halt", shim_power },
	{ "shims", "reboot", shim_power },
	{ "shims", "service", shim_service },
	{ "shims", "sudo", shim_sudo },
	{ "shims", "systemctl", shim_systemctl },
	{ "shims", "systemd-run", shim_systemd_run },
	{ "shims", "unit", shim_unit },
	{ "shims", "wall", shim_wall },
	{ "shims", "who", shim_who },
	{ "rootshims", "chown", shim_owner },
	{ "rootshims", "chgrp", shim_owner },
	{ "rootshims", "install", shim_install },
};

static int make_parents(const char *path)
{
	char *copy = xstrdup(path);
	int rc = 0;

	for (char *p = strchr(copy + 1, '/'); p && rc == 0; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(copy, 0755) && errno != EEXIST)
			rc = -1;
		*p = '/';
	}
	free(copy);
	return rc;
}

int guest_write(const struct guest *guest, const char *path, const void *data, size_t len,
		mode_t mode)
{
	const char *p = data;
	int fd = -1;

	if (make_parents(path) == 0)
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (fd >= 0 && len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		p += n;
		len -= (size_t)n;
	}
	if (fd < 0 || len > 0 || fchmod(fd, mode)) {
		console_add(guest->console, "gpucloud-sim: cannot write %s: %s", path,
			    strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

static int write_in(const struct guest *guest, const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/%s", guest->dir, name);
	int rc = guest_write(guest, path, text, strlen(text), mode);

	free(path);
	return rc;
}

static int write_shims(const struct guest *guest)
{
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(shims); i++) {
		snprintf(name, sizeof(name), "%s/%s", shims[i].folder, shims[i].name);
		if (write_in(guest, name, shims[i].text, 0755))
			return -1;
	}
	return 0;
}

static int write_facts(const struct guest *guest)
{
	char *text = xasprintf("MACHINE='%s'\nROOT='%s'\nINIT=%ld\nID='%s'\nGPU='%s'\nGPUS=%u\n"
			       "GPU_MIB=%u\n",
			       guest->dir, guest->root, (long)getpid(), guest->order.id,
			       guest->order.gpu, guest->order.gpus, guest->order.gpu_mem_mib);
	int rc = write_in(guest, "machine.sh", text, 0644);

	free(text);
	return rc;
}

static int write_users(const struct guest *guest)
{
	struct buf text = BUF_INIT;
	unsigned uid = (unsigned)getuid(), gid = (unsigned)getgid();
	int rc;

	/* whose name comes first is what the number is called */
	buf_addf(&text, "%s:x:%u:%u::%s:/bin/bash\n", guest->login, uid, gid, guest->home);
	for (size_t i = 1; i < ARRAY_SIZE(users) && !guest->order.login[0]; i++)
		buf_addf(&text, "%s:x:%u:%u::%s:/bin/bash\n", users[i], uid, gid, guest->home);
	if (strcmp(guest->login, "root") != 0)
		buf_addf(&text, "root:x:%u:%u::%s/root:/bin/bash\n", uid, gid, guest->root);
	rc = write_in(guest, "sshd/passwd", text.data, 0644);
	buf_clear(&text);
	buf_addf(&text, "%s:x:%u:\n", guest->login, gid);
	if (rc == 0)
		rc = write_in(guest, "sshd/group", text.data, 0644);
	buf_release(&text);
	return rc;
}

/* What sessions have of the machine: sshd makes their environment anew. */
static void add_environment(const struct guest *guest, bool root, struct buf *text)
{
	buf_addstr(text, "SetEnv");
	for (size_t i = 0; guest->env[i]; i++) {
		const char *one = guest->env[i];

		if (text_starts_with(one, "HOME=") || text_starts_with(one, "USER=") ||
		    text_starts_with(one, "LOGNAME="))
			continue;
		if (root && text_starts_with(one, "PATH="))
			buf_addf(text, " \"PATH=%s/rootshims:%s\"", guest->dir, one + 5);
		else
			buf_addf(text, " \"%s\"", one);
	}
	buf_addstr(text, root ? " GPUCLOUD_SIM_ROOT=1\n" : "\n");
}

/*
 * sshd runs as an ordinary user: no PAM, no login records. root is another name of that user, for
 * whom it is as if sudo had come before. Files go through a program of their own, not through
 * internal-sftp: that one is sshd itself after it has closed its descriptors, and nss_wrapper goes on
 * using the numbers of its files there, so that a folder being listed is rewound and told again.
 */
static int write_sshd_config(const struct guest *guest)
{
	struct buf text = BUF_INIT;
	int rc;

	buf_addf(&text,
		 "AuthorizedKeysFile %%h/.ssh/authorized_keys\nPermitRootLogin prohibit-password\n"
		 "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n"
		 "StrictModes no\nPidFile none\nPrintMotd no\nPrintLastLog no\nUseDNS no\n"
		 "X11Forwarding no\nLogLevel VERBOSE\nAcceptEnv LANG LC_*\n"
		 "ClientAliveInterval 60\nSubsystem sftp " SFTP_PATH "\n");
	add_environment(guest, false, &text);
	buf_addstr(&text, "Match User root\n");
	add_environment(guest, true, &text);
	rc = write_in(guest, "sshd/sshd_config", text.data, 0644);
	buf_release(&text);
	return rc;
}

/* A login shell reads /etc/profile, which sets PATH afresh: ~/.profile puts the shims before it. */
static int write_home(const struct guest *guest)
{
	static const char format[] = "# a simulated machine\nPATH='%s%s/shims':$PATH\n"
				     "PS1='$USER@%s (simulated):\\w\\$ '\n";
	const char *dir = guest->dir, *id = guest->order.id;
	char *path = xasprintf("%s/.profile", guest->home);
	char *rootshims = xasprintf("%s/rootshims:", dir);
	char *text = xasprintf(format, "", dir, id), *root = xasprintf(format, rootshims, dir, id);
	int rc = guest_write(guest, path, text, strlen(text), 0644) ||
		 write_in(guest, "root/root/.profile", root, 0644);

	free(root);
	free(text);
	free(rootshims);
	free(path);
	return rc;
}

static int make_folders(const struct guest *guest)
{
	static const char *const folders[] = { "root/etc/ssh",
					       "root/etc/systemd/system",
					       "root/root",
					       "root/var/lib/gpucloud",
					       "root/var/log",
					       "root/usr/local/bin",
					       "root/usr/local/lib",
					       "root/tmp",
					       "root/proc",
					       "root/run/systemd",
					       "sshd" };
	char *home = xasprintf("%s/.ssh/", guest->home);
	int rc = make_parents(home);

	free(home);
	for (size_t i = 0; i < ARRAY_SIZE(folders) && rc == 0; i++) {
		char *path = xasprintf("%s/%s/", guest->dir, folders[i]);

		rc = make_parents(path);
		free(path);
	}
	if (rc)
		console_add(guest->console, "gpucloud-sim: cannot make the disk: %s",
			    strerror(errno));
	return rc;
}

int guest_make_disk(struct guest *guest)
{
	char *run = xasprintf("%s/run", guest->root);
	int rc;

	tree_remove(run); /* does not outlive a boot */
	free(run);
	rc = make_folders(guest);
	if (rc == 0)
		rc = write_facts(guest) || guest_make_facts(guest);
	if (rc == 0 && guest->first)
		rc = write_shims(guest) || write_users(guest) || write_sshd_config(guest) ||
		     write_home(guest);
	return rc ? -1 : 0;
}

/* Nothing of the simulator's own environment, and no way to the user's own session. */
char **guest_environment(const struct guest *guest)
{
	char **env = xcalloc(ENV_MAX, sizeof(*env));
	size_t n = 0;

	env[n++] = xasprintf("PATH=%s/shims:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
			     "/sbin:/bin",
			     guest->dir);
	env[n++] = xasprintf("HOME=%s", guest->home);
	env[n++] = xasprintf("USER=%s", guest->login);
	env[n++] = xasprintf("LOGNAME=%s", guest->login);
	env[n++] = xstrdup("LANG=C.UTF-8");
	env[n++] = xasprintf("TMPDIR=%s/tmp", guest->root);
	env[n++] = xstrdup("DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent");
	env[n++] = xstrdup("DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent");
	env[n++] = xasprintf("INSTANCE_ID=%s", guest->order.id);
	/* ssh-keygen and others want to know their user; a program built with ASan does not mind then */
	env[n++] = xasprintf("LD_PRELOAD=%s", guest->config->wrapper);
	env[n++] = xasprintf("NSS_WRAPPER_PASSWD=%s/sshd/passwd", guest->dir);
	env[n++] = xasprintf("NSS_WRAPPER_GROUP=%s/sshd/group", guest->dir);
	env[n++] = xstrdup("ASAN_OPTIONS=verify_asan_link_order=0");
	/* the time limit of fleet/userdata.h, looking often enough to follow "advance" */
	env[n++] = xasprintf("GPUCLOUD_TTL_ROOT=%s", guest->root);
	env[n++] = xstrdup("GPUCLOUD_TTL_STEP=2");
	env[n++] = xstrdup("GPUCLOUD_TTL_RETRY=2");
	if (guest->order.gpus && guest->config->lib[0]) {
		env[n++] = xasprintf("LD_LIBRARY_PATH=%s", guest->config->lib);
		/* what gpu-selftest/fake pretends; its plain A100 is the one of 80 GB */
		env[n++] = xasprintf("FAKE_GPUS=%ux%s%s", guest->order.gpus, guest->order.gpu,
				     strcmp(guest->order.gpu, "A100") == 0 &&
						     guest->order.gpu_mem_mib < 50000
					     ? "-40"
					     : "");
	}
	return env;
}
